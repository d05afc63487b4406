// Media in the ledger: kept, uploaded once a number, renewed, waited for by messages.
#include <catch2/catch.hpp>
#include <string>

#include "services/dispatcher/media_uploader.h"
#include "services/dispatcher/send_job.h"
#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

struct WithMedia : LedgerFixture {
  absl::StatusOr<Medium> Put(const std::string& bytes, const std::string& name = "promo") {
    return store.PutMedium({.outlet_id = "toko-a",
                            .name = name,
                            .mime_type = "image/png",
                            .sha256 = bytes,  // whatever tells bytes apart
                            .size = static_cast<std::int64_t>(bytes.size())},
                           bytes, {}, Deadline());
  }
  NewMessage Picture(int n) {
    NewMessage message = Message(n);
    message.parts = {.header_kind = HeaderKind::kImage, .media_link = "medium:promo"};
    message.form.with_header = true;
    return message;
  }
  // One round of the uploader; WhatsApp answers `id`.
  bool Upload(absl::StatusOr<std::string> id) {
    MediaUploader uploader(
        store, [](const std::string&) { return std::make_shared<const SenderCredentials>(); },
        [&](const SenderCredentials&, const WantedUpload& medium, absl::Time) {
          uploaded.push_back(medium.sender_id + " " + medium.name + " " + medium.bytes);
          return id;
        },
        base::SystemClock());
    auto worked = uploader.RunOnce();
    REQUIRE_THAT(worked, IsOk());
    return *worked;
  }
  std::string UploadOf(const std::string& what) {
    return Sql("SELECT " + what + " FROM media_uploads WHERE name = 'promo'");
  }

  std::vector<std::string> uploaded;
};

TEST_CASE("PutMedium: the same bytes change nothing, others take their place", "[dispatcher]") {
  WithMedia f;
  const auto first = f.Put("one");
  REQUIRE_THAT(first, IsOk());
  CHECK(first->size == 3);
  CHECK(f.Put("one")->update_time == first->update_time);
  f.Enqueue({f.Picture(1)});
  CHECK(f.Upload("id-1"));
  CHECK(f.UploadOf("provider_id") == "id-1");
  CHECK(f.Put("one")->uploads.at(0).provider_id == "id-1");
  CHECK_FALSE(f.Upload("id-2"));

  CHECK(f.Put("other")->update_time > first->update_time);
  CHECK(f.UploadOf("provider_id").empty());
  CHECK(f.Upload("id-2"));
  CHECK(f.uploaded == std::vector<std::string>{"snd promo one", "snd promo other"});
  // Another outlet's is its own.
  CHECK(f.store.ListMedia("toko-b", "", 10, f.Deadline())->empty());
  REQUIRE_THAT(f.Put("x", "alpha"), IsOk());
  const auto listed = f.store.ListMedia("toko-a", "alpha", 10, f.Deadline());
  REQUIRE(listed->size() == 1);
  CHECK(listed->at(0).name == "promo");
  CHECK(listed->at(0).uploads.at(0).provider_id == "id-2");
}

TEST_CASE("Media: replaced while it is uploaded, it is uploaded again", "[dispatcher]") {
  WithMedia f;
  REQUIRE_THAT(f.Put("one"), IsOk());
  f.Enqueue({f.Picture(1)});
  const auto taken = f.store.TakeWantedUpload(absl::Minutes(1), f.Deadline());
  REQUIRE(taken->has_value());
  // Nobody else takes it while it is under way.
  CHECK_FALSE(f.store.TakeWantedUpload(absl::Minutes(1), f.Deadline())->has_value());
  REQUIRE_THAT(f.Put("other"), IsOk());
  REQUIRE_THAT(f.store.NoteUploaded(**taken, "id-of-one", f.Deadline()), IsOk());
  CHECK(f.UploadOf("provider_id").empty());
  CHECK(f.Upload("id-2"));
  CHECK(f.uploaded == std::vector<std::string>{"snd promo other"});
}

TEST_CASE("Media: a message waits for its medium, and no other for it", "[dispatcher]") {
  WithMedia f;
  f.Enqueue({f.Picture(1), f.Message(2)});
  const StartResult early = f.Start(f.Ids(1, 2));
  REQUIRE(early.started.size() == 1);
  CHECK(early.started[0].id == f.Id(2));
  REQUIRE(early.not_due.size() == 1);
  CHECK(early.not_due[0].not_before > absl::Now());
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(f.Get(1).reason == "MEDIUM_NOT_UPLOADED");
  CHECK_FALSE(f.Upload("id-1"));  // there is none of that name

  REQUIRE_THAT(f.Put("one"), IsOk());
  CHECK(f.Upload("id-1"));
  const StartResult started = f.Start({f.Id(1)});
  REQUIRE(started.started.size() == 1);
  CHECK(started.started[0].media_id == "id-1");
  CHECK(f.Get(1).reason.empty());
  bool free_text = true;
  const auto body = BuildBody(started.started[0], &free_text);
  REQUIRE_THAT(body, IsOk());
  CHECK_FALSE(free_text);
  CHECK(body->find(R"("image":{"id":"id-1"})") != std::string::npos);
  f.Record({f.Accepted(1)});
  CHECK(f.State(1) == MessageState::kSent);
}

TEST_CASE("Media: what is no name is one that is not there", "[dispatcher]") {
  WithMedia f;
  std::vector<NewMessage> messages;
  for (const std::string& name : {std::string(5000, 'a'), std::string("a\0b", 3), std::string()}) {
    messages.push_back(f.Picture(static_cast<int>(messages.size()) + 1));
    messages.back().parts.media_link = "medium:" + name;
  }
  f.Enqueue(messages);
  CHECK(f.Start(f.Ids(1, 3)).not_due.empty());
  CHECK(f.State(3) == MessageState::kFailed);  // nobody can ever upload it
  CHECK(f.Get(3).reason == "MEDIUM_NOT_UPLOADED");
}

TEST_CASE("Media: who waits for a day for a medium that never comes has failed", "[dispatcher]") {
  WithMedia f;
  f.Enqueue({f.Picture(1)});
  f.Sql("UPDATE messages SET created_at = now() - interval '25 hours'");
  CHECK(f.Start({f.Id(1)}).started.empty());
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.Get(1).reason == "MEDIUM_NOT_UPLOADED");
  CHECK(f.Story(1).back() == "QUEUED>FAILED");
  CHECK(f.Sql("SELECT count(*) FROM claims") == "0");
}

TEST_CASE("Media: who is a day old when the number may upload again waits for it", "[dispatcher]") {
  WithMedia f;
  REQUIRE_THAT(f.Put("one"), IsOk());
  f.Enqueue({f.Picture(1)});
  f.Sql("UPDATE messages SET created_at = now() - interval '3 days'");
  CHECK(f.Start({f.Id(1)}).started.empty());
  CHECK(f.State(1) == MessageState::kQueued);
  SECTION("it comes") {
    CHECK(f.Upload("id-1"));
    CHECK(f.Start({f.Id(1)}).started.size() == 1);
  }
  SECTION("it fails again and again") {
    for (int tries = 1; tries <= 5; ++tries) {
      CHECK(f.Start({f.Id(1)}).not_due.size() == 1);
      f.Sql("UPDATE media_uploads SET next_try = now()");
      CHECK(f.Upload(absl::UnavailableError("WhatsApp is busy")));
    }
    CHECK(f.Start({f.Id(1)}).not_due.empty());
    CHECK(f.State(1) == MessageState::kFailed);
  }
}

TEST_CASE("Media: mended by people, what failed is uploaded at once", "[dispatcher]") {
  WithMedia f;
  REQUIRE_THAT(f.Put("one"), IsOk());
  f.Enqueue({f.Picture(1)});
  CHECK(f.Upload(absl::UnavailableError("the token is not accepted")));
  CHECK_FALSE(f.Upload("id-1"));
  SECTION("the same bytes once more") { REQUIRE_THAT(f.Put("one"), IsOk()); }
  SECTION("another token") {
    SenderChange change;
    change.sealed_token = "new";
    REQUIRE_THAT(f.store.UpdateSender("toko-a", "snd", change, {}, f.Deadline()), IsOk());
  }
  SECTION("the number is active") {
    SenderChange change;
    change.state = SenderState::kActive;
    REQUIRE_THAT(f.store.UpdateSender("toko-a", "snd", change, {}, f.Deadline()), IsOk());
  }
  CHECK(f.Upload("id-1"));
}

TEST_CASE("PutMedium: repeated late, it does not bring the former bytes back", "[dispatcher]") {
  WithMedia f;
  const auto put = [&](const std::string& bytes, const std::string& request_id) {
    return f.store.PutMedium({.outlet_id = "toko-a",
                              .name = "promo",
                              .mime_type = "image/png",
                              .sha256 = bytes,
                              .size = 3},
                             bytes, {request_id, "UploadMedia", bytes}, f.Deadline());
  };
  REQUIRE_THAT(put("one", "req-1"), IsOk());
  REQUIRE_THAT(put("two", "req-2"), IsOk());
  CHECK(put("one", "req-1")->sha256 == "two");
  CHECK_THAT(put("six", "req-1"), ReasonIs("REQUEST_ID_REUSED"));
  CHECK(f.Sql("SELECT encode(bytes, 'escape') FROM media") == "two");
}

TEST_CASE("Media: an outlet keeps 200", "[dispatcher]") {
  WithMedia f;
  f.Sql(
      "INSERT INTO media (outlet_id, name, mime_type, sha256, size, bytes)"
      " SELECT 'toko-a', 'm' || n, 'image/png', '', 0, '' FROM generate_series(1, 200) n");
  CHECK_THAT(f.Put("one"), ReasonIs("TOO_MANY_MEDIA"));
  CHECK_THAT(f.Put("one", "m7"), IsOk());
}

TEST_CASE("Media: WhatsApp cannot use it: its campaign is paused, automatic messages go on",
          "[dispatcher]") {
  for (const bool campaign : {true, false}) {
    for (const bool by_webhook : {false, true}) {
      CAPTURE(campaign, by_webhook);
      WithMedia f;
      Lane lane = f.NewLane("other");
      if (!campaign) lane.priority = base::kTriggerPriority;
      REQUIRE_THAT(f.store.CreateLane(lane, f.Deadline()), IsOk());
      REQUIRE_THAT(f.Put("one"), IsOk());
      f.Enqueue({f.Picture(1), f.Picture(2)}, "other");
      CHECK(f.Upload("id-1"));
      const StartResult started = f.Start({f.Id(1)}, "other");
      REQUIRE(started.started.size() == 1);
      if (by_webhook) {
        Outcome accepted = f.Accepted(1);
        accepted.lane_id = "other";
        f.Record({accepted});
        StatusChange status = f.Status(1, AttemptState::kFailed, 1, "GRAPH_131053");
        status.decision = whatsapp::ErrorPolicy::BuiltIn().For(131053);
        f.Apply({status});
      } else {
        SendJob job;
        job.message_id = f.Id(1);
        job.lane_id = "other";
        job.attempt = 1;
        job.media_id = started.started[0].media_id;
        job.of_campaign = started.of_campaign;
        whatsapp::SendOutcome answer;
        answer.kind = whatsapp::SendOutcome::Kind::kRejected;
        answer.error.code = 131053;
        answer.written_at = absl::Now();
        f.Record({React(job, answer, whatsapp::ErrorPolicy::BuiltIn(), {}, absl::Now()).outcome});
      }
      CHECK(f.State(1) == MessageState::kFailed);
      CHECK(f.LaneStateOf("other") == (campaign ? LaneState::kPaused : LaneState::kRunning));
    }
  }
}

TEST_CASE("Media: once a number, renewed before it runs out while it is used", "[dispatcher]") {
  WithMedia f;
  f.AddSender("snd-2", "1002");
  Lane lane = f.NewLane("other");
  lane.sender_id = "snd-2";
  REQUIRE_THAT(f.store.CreateLane(lane, f.Deadline()), IsOk());
  REQUIRE_THAT(f.Put("one"), IsOk());
  f.Enqueue({f.Picture(1), f.Picture(2)});
  f.Enqueue({f.Picture(3)}, "other");
  CHECK(f.Upload("id-1"));
  CHECK(f.Upload("id-2"));
  CHECK_FALSE(f.Upload("id-3"));
  CHECK(f.uploaded.size() == 2);

  f.Sql(
      "UPDATE media_uploads SET uploaded_at = now() - interval '26 days' WHERE sender_id = 'snd'");
  CHECK_FALSE(f.Upload("id-3"));
  f.Sql(
      "UPDATE media_uploads SET uploaded_at = now() - interval '27 days' WHERE sender_id = 'snd'");
  // Until it is renewed the old one is good.
  CHECK(f.Start({f.Id(1)}).started.size() == 1);
  CHECK(f.Upload("id-3"));
  CHECK(f.Sql("SELECT provider_id FROM media_uploads WHERE sender_id = 'snd'") == "id-3");
  // Run out meanwhile: its messages wait.
  f.Sql(
      "UPDATE media_uploads SET uploaded_at = now() - interval '29 days' WHERE sender_id = 'snd'");
  CHECK(f.Start({f.Id(2)}).started.empty());
  // What nobody uses is not renewed; the next message wants it again.
  f.Sql(
      "UPDATE media_uploads SET uploaded_at = now() - interval '40 days',"
      " used_at = now() - interval '31 days'");
  CHECK_FALSE(f.Upload("id-4"));
  f.Enqueue({f.Picture(4)});
  CHECK(f.Upload("id-4"));
  CHECK(f.Start({f.Id(4)}).started.at(0).media_id == "id-4");
}

TEST_CASE("Media: an upload that fails comes again later, its words with it", "[dispatcher]") {
  WithMedia f;
  REQUIRE_THAT(f.Put("one"), IsOk());
  f.Enqueue({f.Picture(1)});
  CHECK(f.Upload(absl::UnavailableError("WhatsApp is busy")));
  CHECK(f.UploadOf("error || ' ' || tries") == "WhatsApp is busy 1");
  CHECK_FALSE(f.Upload("id-1"));
  f.Sql("UPDATE media_uploads SET next_try = now()");
  CHECK(f.Upload("id-1"));
  CHECK(f.UploadOf("error || provider_id || tries") == "id-10");
  // A number that is stopped uploads nothing.
  f.Sql("UPDATE media_uploads SET provider_id = ''");
  f.Sql("UPDATE senders SET state = 3");
  CHECK_FALSE(f.Upload("id-2"));
}

TEST_CASE("Media: an id that WhatsApp does not know is uploaded anew, the message waits",
          "[dispatcher]") {
  WithMedia f;
  REQUIRE_THAT(f.Put("one"), IsOk());
  f.Enqueue({f.Picture(1)});
  CHECK(f.Upload("id-1"));
  const StartResult started = f.Start({f.Id(1)});
  REQUIRE(started.started.size() == 1);
  SendJob job;
  job.message_id = f.Id(1);
  job.lane_id = "lane";
  job.attempt = 1;
  job.media_id = started.started[0].media_id;
  whatsapp::SendOutcome answer;
  answer.kind = whatsapp::SendOutcome::Kind::kRejected;
  answer.error.code = 100;
  answer.error.message =
      "(#100) Param image['id'] is not a valid whatsapp business account media attachment ID";
  answer.written_at = absl::Now();
  const auto react = [&] {
    return React(job, answer, whatsapp::ErrorPolicy::BuiltIn(), {}, absl::Now());
  };
  CHECK_FALSE(react().alert);
  f.Record({react().outcome});
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(f.UploadOf("provider_id").empty());
  f.Sql("UPDATE messages SET not_before = now()");
  CHECK(f.Start({f.Id(1)}).started.empty());
  CHECK(f.Upload("id-2"));
  CHECK(f.Start({f.Id(1)}).started.at(0).media_id == "id-2");
  // Told late of the old one, the new one stays.
  f.Record({react().outcome});
  CHECK(f.UploadOf("provider_id") == "id-2");
  // What has no medium is refused as ever.
  job.media_id.clear();
  CHECK(react().outcome.lost_media_id.empty());
  CHECK_FALSE(react().outcome.retry);
}

TEST_CASE("DeleteMedium: not while a message of the last day may wait for it", "[dispatcher]") {
  WithMedia f;
  CHECK_THAT(f.store.DeleteMedium("toko-a", "promo", {}, f.Deadline()),
             ReasonIs("MEDIUM_NOT_FOUND"));
  REQUIRE_THAT(f.Put("one"), IsOk());
  f.Enqueue({f.Picture(1)});
  CHECK_THAT(f.store.DeleteMedium("toko-a", "promo", {}, f.Deadline()), ReasonIs("MEDIUM_IN_USE"));
  f.Sql("UPDATE media_uploads SET used_at = now() - interval '25 hours'");
  const RequestKey key{"req-1", "DeleteMedia", "f"};
  CHECK_THAT(f.store.DeleteMedium("toko-a", "promo", key, f.Deadline()), IsOk());
  CHECK_THAT(f.store.DeleteMedium("toko-a", "promo", key, f.Deadline()), IsOk());
  CHECK(f.store.ListMedia("toko-a", "", 10, f.Deadline())->empty());
}

}  // namespace
}  // namespace kabar::dispatcher
