// What a claim costs Redis, by the number of lanes of its number: time in the claim script as Redis
// counts it (INFO commandstats), for lanes that are all ready, throttled, or waiting for a place of
// the messaging limit while one lane beside them sends.
//
//   dispatcher_claims_bench REDIS_URL [claims]      one JSON object on standard output
//
// The Redis is emptied.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/redis/connection.h"
#include "services/dispatcher/redis_queue.h"
#include "services/dispatcher/testing/store_of_lists.h"

namespace kabar::dispatcher {
namespace {

constexpr int kIdsAClaim = 10;
constexpr int kRounds = 7;
const std::vector<int> kLanes = {5, 1000, 5000};

absl::Time Soon() { return absl::Now() + absl::Minutes(2); }

// One portfolio whose number has so many lanes of one kind, and ids for all claims.
struct Scene {
  std::string kind;
  int lanes = 0;
  std::vector<double> us = {};  // a claim, by round

  std::string portfolio_id() const { return absl::StrCat(kind, "-", lanes); }

  Lane MakeLane(int n, int priority) const {
    Lane lane;
    lane.id = absl::StrCat(portfolio_id(), "-", n);
    lane.sender_id = absl::StrCat("s-", portfolio_id());
    lane.portfolio_id = portfolio_id();
    lane.priority = priority;
    return lane;
  }
};

absl::Status Fill(Queue& queue, const Lane& lane, int ids, std::int64_t first_recipient) {
  std::vector<QueueEntry> entries;
  for (int i = 0; i < ids; ++i) {
    entries.push_back(
        {.message_id = absl::StrCat(lane.id, ".", i), .recipient_id = first_recipient + i});
  }
  return queue.Push(lane, entries, Soon());
}

absl::Status Build(const Scene& scene, Queue& queue, int claims) {
  const int needed = claims * kIdsAClaim;
  testing_store::StoreOfLists store;
  Portfolio portfolio;
  portfolio.id = scene.portfolio_id();
  portfolio.messaging_limit = scene.kind == "waiting" ? 1 : 100'000'000;
  portfolio.trigger_reserve = 0;
  if (scene.kind == "waiting") {
    // The place is taken, by someone to whom the sending lane writes, all of whose messages go.
    for (int i = 0; i < needed; ++i) {
      store.recent.push_back({.recipient_id = i, .last_use = absl::Now() - absl::Hours(1)});
    }
  }
  Sender sender;
  sender.id = scene.MakeLane(0, 10).sender_id;
  sender.portfolio_id = portfolio.id;
  sender.throughput = {.limit = 1'000'000, .window = absl::Seconds(1)};
  sender.pair_rate = {.limit = 1000, .window = absl::Seconds(1)};
  KABAR_RETURN_IF_ERROR(queue.Rebuild(portfolio, {sender}, {}, store, Soon()));
  const bool ready = scene.kind == "ready";
  for (int n = 0; n < scene.lanes; ++n) {
    Lane lane = scene.MakeLane(n, 10);
    if (scene.kind == "throttled") lane.rate = base::Rate{.limit = 1, .window = absl::Hours(24)};
    KABAR_RETURN_IF_ERROR(queue.PutLane(lane, Soon()));
    // Whole claims.
    const int ids = ready ? (claims / scene.lanes + 1) * kIdsAClaim : 2;
    KABAR_RETURN_IF_ERROR(Fill(queue, lane, ids, 1'000'000'000LL + std::int64_t{n} * ids));
  }
  if (ready) return absl::OkStatus();
  const Lane sending = scene.MakeLane(scene.lanes, 10);
  KABAR_RETURN_IF_ERROR(queue.PutLane(sending, Soon()));
  return Fill(queue, sending, needed, 0);
}

absl::StatusOr<int> Claim(Queue& queue, const Scene& scene) {
  KABAR_ASSIGN_OR_RETURN(const class Claim claim,
                         queue.ClaimNext(scene.portfolio_id(), kIdsAClaim, absl::Milliseconds(50),
                                         absl::Milliseconds(15), Soon()));
  return static_cast<int>(claim.entries.size());
}

// Every lane has had its turn: the throttled have spent it, those without a place wait.
absl::Status Settle(Queue& queue, const Scene& scene) {
  if (scene.kind == "ready") return absl::OkStatus();
  for (int i = 0; i < scene.lanes + 50; ++i) {
    KABAR_RETURN_IF_ERROR(Claim(queue, scene).status());
  }
  return absl::OkStatus();
}

// usec=... of the scripts' commands.
absl::StatusOr<double> ScriptMicros(redis::Connection& redis) {
  KABAR_ASSIGN_OR_RETURN(const redis::Reply info, redis.Command({"INFO", "commandstats"}, Soon()));
  double sum = 0;
  for (const absl::string_view line : absl::StrSplit(info.text, "\r\n")) {
    if (line.find("cmdstat_eval") != 0) continue;
    const auto at = line.find("usec=");
    double us = 0;
    if (!absl::SimpleAtod(line.substr(at + 5, line.find(',', at) - at - 5), &us)) {
      return absl::InternalError(absl::StrCat("commandstats: ", std::string(line)));
    }
    sum += us;
  }
  return sum;
}

absl::Status Measure(Queue& queue, redis::Connection& redis, Scene& scene, int claims) {
  KABAR_RETURN_IF_ERROR(redis.Command({"CONFIG", "RESETSTAT"}, Soon()).status());
  int brought = 0;
  for (int i = 0; i < claims; ++i) {
    KABAR_ASSIGN_OR_RETURN(const int ids, Claim(queue, scene));
    brought += ids;
  }
  if (brought != claims * kIdsAClaim) {
    return absl::InternalError(
        absl::StrCat(scene.portfolio_id(), ": ", claims, " claims brought ", brought, " ids"));
  }
  KABAR_ASSIGN_OR_RETURN(const double us, ScriptMicros(redis));
  scene.us.push_back(us / claims);
  return absl::OkStatus();
}

absl::Status Run(const std::string& url, int claims) {
  redis::Connection redis({.url = url});
  KABAR_RETURN_IF_ERROR(redis.Command({"FLUSHALL"}, Soon()).status());
  RedisQueue queue({.url = url}, base::SystemClock());
  std::vector<Scene> scenes;
  for (const char* kind : {"ready", "throttled", "waiting"}) {
    for (const int lanes : kLanes) scenes.push_back({kind, lanes});
  }
  for (const Scene& scene : scenes) {
    KABAR_RETURN_IF_ERROR(Build(scene, queue, kRounds * claims + scene.lanes + 50));
  }
  // The block of all pairs after a rebuild.
  base::SystemClock().SleepFor(absl::Seconds(1), {});
  for (const Scene& scene : scenes) KABAR_RETURN_IF_ERROR(Settle(queue, scene));
  // In turns, so that whatever else the machine does meets all of them.
  for (int round = 0; round < kRounds; ++round) {
    for (Scene& scene : scenes) KABAR_RETURN_IF_ERROR(Measure(queue, redis, scene, claims));
  }
  std::printf("{\"ids_a_claim\": %d, \"claims\": %d", kIdsAClaim, claims * kRounds);
  std::map<std::string, std::string> kinds;
  for (Scene& scene : scenes) {
    std::sort(scene.us.begin(), scene.us.end());
    std::string& text = kinds[scene.kind];
    absl::StrAppend(&text, text.empty() ? "" : ", ", "\"", scene.lanes,
                    "\": ", scene.us[scene.us.size() / 2]);
  }
  for (const auto& [kind, text] : kinds) std::printf(", \"%s\": {%s}", kind.c_str(), text.c_str());
  std::printf("}\n");
  return absl::OkStatus();
}

}  // namespace
}  // namespace kabar::dispatcher

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "dispatcher_claims_bench REDIS_URL [claims]\n");
    return 2;
  }
  const int claims = argc > 2 ? std::atoi(argv[2]) : 300;
  const absl::Status status = kabar::dispatcher::Run(argv[1], std::max(1, claims));
  if (status.ok()) return 0;
  std::fprintf(stderr, "dispatcher_claims_bench: %s\n", status.ToString().c_str());
  return 1;
}
