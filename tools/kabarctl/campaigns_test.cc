#include <catch2/catch.hpp>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"
#include "tools/kabarctl/campaigns_watch.h"
#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using kabar::testing::ReasonIs;
using testing::Outcome;
using testing::Services;

contacts::v1::Segment Segment(const std::string& id, const std::string& name) {
  contacts::v1::Segment segment;
  segment.set_id(id);
  segment.set_name(name);
  return segment;
}

// With a template and five segments, two of the same name.
struct Shop : Services {
  Shop() {
    world.templates_by_code["morning"].set_id("tpl_1");
    world.segments = {Segment("seg_1", "Semua"), Segment("seg_2", "VIP"), Segment("seg_3", "Ganda"),
                      Segment("seg_4", "Ganda"), Segment("seg_5", "Paket hari ini")};
  }
};

const std::vector<std::string> kCreate = {
    "campaigns", "create",         "Kabar pagi",         "--template", "morning",
    "--segment", "Paket hari ini", "--sender",           "snd_1",      "--rate",
    "45/min",    "--start",        "08:00 Asia/Jakarta", "--end",      "11:00 Asia/Jakarta",
    "--subject", "shipment"};

TEST_CASE("campaigns create: finds template by code and segment by name on a later page",
          "[kabarctl]") {
  Shop shop;
  const Outcome done = shop.Run(kCreate);
  CHECK(done.error.empty());
  REQUIRE(done.code == 0);
  const auto& campaign = shop.world.created.campaign();
  CHECK(campaign.name() == "Kabar pagi");
  CHECK(campaign.template_id() == "tpl_1");
  CHECK(campaign.segment_id() == "seg_5");
  CHECK(campaign.sender_id() == "snd_1");
  CHECK(campaign.rate() == "45/min");
  CHECK(campaign.start() == "08:00 Asia/Jakarta");
  CHECK(campaign.end() == "11:00 Asia/Jakarta");
  CHECK(campaign.subject() == contacts::v1::SHIPMENT);
  CHECK(done.out == "campaign cmp_made \"Kabar pagi\": DRAFT\n");
}

TEST_CASE("campaigns resume: accepts troubles only if it is told to", "[kabarctl]") {
  Services services;
  CHECK(services.Run({"campaigns", "resume", "cmp_1"}).code == 0);
  CHECK(services.world.resumed.id() == "cmp_1");
  CHECK_FALSE(services.world.resumed.accept_troubles());
  CHECK(services.Run({"campaigns", "resume", "cmp_1", "--accept-troubles"}).code == 0);
  CHECK(services.world.resumed.accept_troubles());
}

TEST_CASE("campaigns create: every call has a request_id of its own", "[kabarctl]") {
  Shop shop;
  REQUIRE(shop.Run(kCreate).code == 0);
  const std::string first = shop.world.created.request_id();
  REQUIRE(shop.Run(kCreate).code == 0);
  CHECK(first.size() > 20);
  CHECK(shop.world.created.request_id() != first);
}

TEST_CASE("campaigns create: a lost answer is asked for again with the same request_id",
          "[kabarctl]") {
  Shop shop;
  shop.world.lost_answers = 2;
  REQUIRE(shop.Run(kCreate).code == 0);
  const auto& ids = shop.world.create_request_ids;
  REQUIRE(ids.size() == 3);
  CHECK(ids[0] == ids[1]);
  CHECK(ids[1] == ids[2]);

  shop.world.lost_answers = 3;
  const Outcome lost = shop.Run(kCreate);
  CHECK(lost.code == 3);
  CHECK_THAT(lost.error, Catch::Contains("campaigns cannot be reached at"));
  CHECK(ids.size() == 6);
}

TEST_CASE("campaigns create: names that mean nothing, or two things", "[kabarctl]") {
  Shop shop;
  auto words = kCreate;
  words[6] = "Ganda";
  CHECK_THAT(shop.Run(words).error, Catch::Contains("2 segments are called \"Ganda\""));
  words[6] = "Tiada";
  CHECK_THAT(shop.Run(words).error, Catch::Contains("there is no segment \"Tiada\""));
  words[4] = "evening";
  const Outcome done = shop.Run(words);
  CHECK(done.code == 1);
  CHECK(done.error == "kabarctl: there is no template \"evening\" [TEMPLATE_NOT_FOUND]\n");
}

TEST_CASE("campaigns create: a refused field names its option, in JSON too", "[kabarctl]") {
  Shop shop;
  shop.world.refuse = base::InvalidField("campaign.rate", "45/mim: unknown unit at 4");
  auto words = kCreate;
  words[6] = "seg_aaaa";  // an id: the refusal comes from campaigns, not from a list of segments
  shop.world.segment_by_id = Segment("seg_aaaa", "Semua");
  words.push_back("--json");
  const Outcome done = shop.Run(words);
  CHECK(done.code == 1);
  CHECK(done.out.empty());
  const auto error = nlohmann::json::parse(done.error)["error"];
  CHECK(error["message"] == "--rate: 45/mim: unknown unit at 4");
  CHECK(error["fields"][0]["option"] == "--rate");
}

campaigns::v1::Campaign InState(campaigns::v1::CampaignState state, int asked = 10) {
  campaigns::v1::Campaign campaign;
  campaign.set_id("cmp_1");
  campaign.set_name("Kabar pagi");
  campaign.set_state(state);
  campaign.set_asked(asked);
  campaign.set_expanded(asked);
  if (state != campaigns::v1::DRAFT && state != campaigns::v1::SCHEDULED) {
    campaign.set_run_id("run_1");
  }
  return campaign;
}

analytics::v1::CampaignStats StatsOf(int queued, int read) {
  analytics::v1::CampaignStats stats;
  stats.set_run_id("run_1");
  stats.set_asked(queued + read);
  stats.set_queued(queued);
  stats.set_read(read);
  stats.set_reached_sent(read);
  stats.set_reached_delivered(read);
  stats.set_reached_read(read);
  return stats;
}

// Watching with no pauses worth the name.
struct Watching {
  explicit Watching(Services& services, bool json = false, std::streambuf* to = nullptr)
      : stream(to == nullptr ? out.rdbuf() : to),
        session(
            [&] {
              Session::Options options;
              options.addresses.fill(services.address());
              options.key = "viewer-a";
              options.json = json;
              return options;
            }(),
            {.in = &in, .out = &stream, .error = &error}) {}

  absl::StatusOr<int> Run() { return Watch(session, "cmp_1", pace); }

  std::istringstream in;
  std::ostringstream out;
  std::ostringstream error;
  std::ostream stream;
  Session session;
  WatchPace pace = {.interval = absl::Milliseconds(100),
                    .poll = absl::Milliseconds(5),
                    .again = absl::Milliseconds(5),
                    .patience = absl::Seconds(20),
                    .settle = absl::Seconds(20)};
};

TEST_CASE("campaigns watch: waits for the start, follows the run, ends with its report",
          "[kabarctl]") {
  Services services;
  services.world.campaign_states = {
      InState(campaigns::v1::SCHEDULED), InState(campaigns::v1::RUNNING),
      InState(campaigns::v1::RUNNING), InState(campaigns::v1::COMPLETED)};
  services.world.stream = {StatsOf(10, 0), StatsOf(4, 6)};
  services.world.stats = StatsOf(0, 10);
  Watching watching(services);
  const auto code = watching.Run();
  REQUIRE(code.ok());
  CHECK(*code == 0);
  CHECK_THAT(watching.out.str(), Catch::StartsWith("scheduled: starts at"));
  CHECK_THAT(watching.out.str(), Catch::Contains("10/10  sent 10  delivered 10  read 10"));
  CHECK_THAT(watching.out.str(), Catch::Contains("\"Kabar pagi\": COMPLETED"));
  CHECK(watching.error.str().empty());
}

TEST_CASE("campaigns watch: says once what a run waits for, and when it goes on", "[kabarctl]") {
  Services services;
  const auto running = InState(campaigns::v1::RUNNING);
  auto waiting = running;
  waiting.set_state_reason("sender snd_1 is PAUSED");
  services.world.campaign_states = {running, waiting, waiting, running,
                                    InState(campaigns::v1::COMPLETED)};
  services.world.stats = StatsOf(0, 10);
  Watching watching(services);
  REQUIRE(*watching.Run() == 0);
  const std::string out = watching.out.str();
  const std::string said = "waits: sender snd_1 is PAUSED\n";
  REQUIRE_THAT(out, Catch::Contains(said));
  CHECK(out.find(said, out.find(said) + 1) == std::string::npos);
  CHECK(out.find("goes on\n") > out.find(said));
  CHECK(out.find("goes on\n") != std::string::npos);
}

TEST_CASE("campaigns report, list: show what a run waits for", "[kabarctl]") {
  Services services;
  auto waiting = InState(campaigns::v1::RUNNING);
  waiting.set_state_reason("sender snd_1 is PAUSED");
  services.world.campaign_states = {waiting};
  services.world.stats = StatsOf(4, 6);
  CHECK_THAT(services.Run({"campaigns", "report", "cmp_1"}).out,
             Catch::Contains("RUNNING (sender snd_1 is PAUSED)"));
  CHECK_THAT(services.Run({"campaigns", "list"}).out, Catch::Contains("sender snd_1 is PAUSED"));
}

// Calls back with all that was written at each flush.
class Heard : public std::stringbuf {
 public:
  std::function<void(const std::string& text)> on_flush = [](const std::string&) {};

 private:
  int sync() override {
    on_flush(str());
    return 0;
  }
};

TEST_CASE("campaigns watch: as JSON one line of figures for each change", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::RUNNING)};
  services.world.stream_faults = {absl::NotFoundError("not heard of"), absl::UnavailableError("")};
  services.world.stream = {StatsOf(10, 0), StatsOf(4, 6)};
  Heard heard;
  // The campaign ends once the second figures have been shown.
  heard.on_flush = [&](const std::string& text) {
    if (!absl::StrContains(text, "\"queued\":\"4\"")) return;
    const std::lock_guard lock(services.world.mutex);
    services.world.campaign_states = {InState(campaigns::v1::COMPLETED)};
    services.world.stats = StatsOf(0, 10);
  };
  Watching watching(services, true, &heard);
  REQUIRE(*watching.Run() == 0);
  std::istringstream lines(heard.str());
  std::string line;
  std::vector<std::string> queued;
  while (std::getline(lines, line)) queued.push_back(nlohmann::json::parse(line)["queued"]);
  CHECK(queued == std::vector<std::string>{"10", "4", "0"});
}

TEST_CASE("campaigns watch: figures that are refused end it", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::RUNNING)};
  services.world.stream_faults = {
      base::Error(absl::StatusCode::kPermissionDenied, "OUTLET_NOT_YOURS", "not yours")};
  CHECK_THAT(Watching(services).Run(), ReasonIs("OUTLET_NOT_YOURS"));
}

TEST_CASE("campaigns watch: has patience with analytics, but not for ever", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::RUNNING)};
  services.world.stream_faults.assign(
      3, base::Error(absl::StatusCode::kUnavailable, "DATABASE_AWAY", "away"));
  Watching watching(services);
  watching.pace.patience = absl::ZeroDuration();
  CHECK_THAT(watching.Run(), ReasonIs("DATABASE_AWAY"));
}

TEST_CASE("campaigns watch: the exit code tells of a run that was not completed", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::CANCELLED)};
  services.world.stats = StatsOf(0, 10);
  CHECK(*Watching(services).Run() == 1);
}

TEST_CASE("campaigns watch: a run that failed before it had figures", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::FAILED, 0)};
  services.world.campaign_states[0].set_state_reason("SEGMENT_GONE");
  Watching watching(services);
  watching.pace.settle = absl::ZeroDuration();
  CHECK(*watching.Run() == 1);
  CHECK_THAT(watching.out.str(), Catch::Contains("FAILED (SEGMENT_GONE)"));
}

TEST_CASE("campaigns watch: figures that lag are said to be not final", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::COMPLETED)};
  services.world.stats = StatsOf(1, 9);
  Watching watching(services);
  watching.pace.settle = absl::ZeroDuration();
  CHECK(*watching.Run() == 0);
  CHECK_THAT(watching.error.str(), Catch::Contains("not final"));
}

TEST_CASE("campaigns watch: a draft is refused", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::DRAFT)};
  CHECK_THAT(Watching(services).Run(), ReasonIs("CAMPAIGN_NOT_STARTED"));
  services.world.campaign_states = {};
  CHECK_THAT(Watching(services).Run(), ReasonIs("CAMPAIGN_NOT_FOUND"));
}

TEST_CASE("campaigns report: exit code 1 when the figures do not add up", "[kabarctl]") {
  Services services;
  services.world.campaign_states = {InState(campaigns::v1::RUNNING)};
  services.world.stats = StatsOf(4, 6);
  const Outcome right = services.Run({"campaigns", "report", "cmp_1"});
  CHECK(right.code == 0);
  CHECK_THAT(right.out, Catch::Contains("asked               10  100.0%"));

  services.world.stats->set_asked(11);
  const Outcome wrong = services.Run({"campaigns", "report", "cmp_1", "--json"});
  CHECK(wrong.code == 1);
  CHECK(nlohmann::json::parse(wrong.out)["asked"] == "11");
  CHECK(nlohmann::json::parse(wrong.error)["error"]["reason"] == "FIGURES_DO_NOT_ADD_UP");
}

// A campaign that runs, and the answers to ResolveUnknown.
struct Unsure : Services {
  Unsure() {
    campaigns::v1::Campaign campaign;
    campaign.set_id("cmp_1");
    campaign.set_run_id("run_1");
    world.campaign_states = {campaign};
  }
  void Answer(std::int64_t resolved, bool more) {
    dispatcher::v1::ResolveUnknownResponse response;
    response.set_resolved(resolved);
    response.set_more(more);
    world.decided.push_back(response);
  }
};

TEST_CASE("campaigns resolve-unknown: the run's lane, 1,000 at a time, each a request of its own",
          "[kabarctl]") {
  Unsure shop;
  shop.Answer(1000, true);
  shop.Answer(7, false);
  const Outcome done =
      shop.Run({"campaigns", "resolve-unknown", "cmp_1", "--resend", "--older-than", "1h"});
  CHECK(done.error.empty());
  REQUIRE(done.code == 0);
  CHECK(done.out ==
        "1007 UNKNOWN messages will be sent again; who has got it already gets it "
        "twice\n");
  REQUIRE(shop.world.decisions.size() == 2);
  const auto& first = shop.world.decisions[0];
  CHECK(first.decision() == dispatcher::v1::ResolveUnknownRequest::RESEND);
  CHECK(first.lane_id() == "run_1");
  CHECK(first.min_age_seconds() == 3600);
  CHECK(first.request_id().size() > 20);
  CHECK(shop.world.decisions[1].request_id() != first.request_id());
}

TEST_CASE("campaigns resolve-unknown: failed, by default what is older than two minutes",
          "[kabarctl]") {
  Unsure shop;
  shop.Answer(1, false);
  const Outcome done = shop.Run({"campaigns", "resolve-unknown", "cmp_1", "--failed"});
  CHECK(done.out == "1 UNKNOWN message will not be sent again: FAILED from now on\n");
  CHECK(shop.world.decisions.at(0).decision() == dispatcher::v1::ResolveUnknownRequest::FAILED);
  CHECK(shop.world.decisions[0].min_age_seconds() == 120);
  CHECK(shop.Run({"campaigns", "resolve-unknown", "cmp_1", "--failed"}).out ==
        "no message of the campaign has been UNKNOWN for 2m\n");
  shop.Answer(3, false);
  const Outcome json = shop.Run({"campaigns", "resolve-unknown", "cmp_1", "--failed", "--json"});
  CHECK(nlohmann::json::parse(json.out)["resolved"] == "3");
}

TEST_CASE("campaigns resolve-unknown: one decision, of a campaign that has messages",
          "[kabarctl]") {
  Unsure shop;
  CHECK(shop.Run({"campaigns", "resolve-unknown", "cmp_1"}).code == 2);
  CHECK(shop.Run({"campaigns", "resolve-unknown", "cmp_1", "--resend", "--failed"}).code == 2);
  CHECK(shop.Run({"campaigns", "resolve-unknown", "cmp_1", "--resend"}, "", "viewer-a").code == 1);
  shop.world.campaign_states[0].clear_run_id();
  const Outcome draft = shop.Run({"campaigns", "resolve-unknown", "cmp_1", "--resend"});
  CHECK(draft.code == 1);
  CHECK_THAT(draft.error, Catch::Contains("has not been started yet"));
  CHECK(shop.world.decisions.empty());
}

}  // namespace
}  // namespace kabar::kabarctl
