// One person is forgotten, and the counts stay. Against PostgreSQL.
#include "services/dispatcher/pg_erasure.h"

#include <string>
#include <vector>

#include "libs/testing/fake_clock.h"
#include "services/dispatcher/consent_sink.h"
#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

struct ErasureFixture : LedgerFixture {
  void Tell(const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    for (const events::v1::Event& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Deadline()), IsOk());
  }
  events::v1::Event Erased(const std::string& phone, const std::string& bsuid = "") const {
    events::v1::Event event;
    event.set_outlet_id("toko-a");
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    event.mutable_contact_erased()->mutable_erase_time()->set_seconds(
        absl::ToUnixSeconds(absl::Now()) + 1);
    event.mutable_contact_erased()->add_contact_ids("contact-1");
    event.mutable_contact_erased()->add_phones(phone);
    if (!bsuid.empty()) event.mutable_contact_erased()->add_bsuids(bsuid);
    return event;
  }
  events::v1::Event Consents(const std::string& phone, const std::string& bsuid, bool out) const {
    events::v1::Event event;
    event.set_outlet_id("toko-a");
    event.mutable_consent_changed()->set_phone(phone);
    event.mutable_consent_changed()->set_bsuid(bsuid);
    event.mutable_consent_changed()->set_purpose("MARKETING");
    event.mutable_consent_changed()->set_opted_out(out);
    return event;
  }
  // All that is due now; how many passes that were.
  int Run() {
    Eraser eraser(pool, clock);
    for (int passes = 0;; ++passes) {
      const auto more = eraser.RunOnce();
      REQUIRE_THAT(more, IsOk());
      if (!*more) return passes;
    }
  }
  std::vector<LedgerMessage> To(const std::string& phone, const std::string& bsuid = "") {
    auto found =
        store.ListMessagesTo("toko-a", phone, bsuid, MessageState::kNone, 0, 100, Deadline());
    REQUIRE_THAT(found, IsOk());
    return *found;
  }
  static std::string Webhook(const std::string& from, const std::string& number = "1001") {
    return R"({"entry":[{"changes":[{"value":{"metadata":{"phone_number_id":")" + number +
           R"("},"messages":[{"from":")" + from + R"("}]}}]}]})";
  }
  void Letter(const std::string& outlet, const std::string& payload) {
    Sql("INSERT INTO dead_letters (outlet_id, phone_number_id, kind, reason, payload) VALUES ('" +
        outlet + "', '1001', 'K', 'r', '" + payload + "')");
  }
  std::int64_t number = 0;
  testing::FakeClock clock{absl::Now()};
  std::unique_ptr<events::Sink> sink = MakeConsentSink(pool);
};

TEST_CASE("Eraser: texts and addresses are gone, what happened and what he refused stay",
          "[dispatcher]") {
  ErasureFixture f;
  f.Enqueue(f.Messages(1, 2));
  NewMessage second = f.Message(3);
  second.phone = f.Message(1).phone;
  f.Enqueue({second});
  f.Start({f.Id(1)});
  f.Tell({f.Consents(f.Message(1).phone, "", true)});
  REQUIRE(f.To(f.Message(1).phone).size() == 2);

  f.Tell({f.Erased(f.Message(1).phone)});
  // Reading the event does none of it: events and claims do not wait.
  CHECK(f.To(f.Message(1).phone)[1].state == MessageState::kQueued);
  CHECK(f.Run() == 1);
  const std::vector<LedgerMessage> his = f.To(f.Message(1).phone);
  REQUIRE(his.size() == 2);
  for (const LedgerMessage& message : his) {
    CHECK(message.text.empty());
    CHECK(message.form.parameters.empty());
  }
  // The one on its way is on its way; the other is never sent, and its run knows why.
  CHECK(his[0].state == MessageState::kSending);
  CHECK(his[1].state == MessageState::kSuppressed);
  CHECK(his[1].reason == "ERASED");
  CHECK(f.Sql("SELECT count(*) FROM messages WHERE phone = '" + f.Message(1).phone + "'") == "0");
  CHECK(f.Sql("SELECT count(*) FROM messages WHERE phone <> '' AND body <> ''") == "1");
  CHECK(f.Sql("SELECT string_agg(purpose, ' ') FROM suppressions") == "MARKETING");
  int told = 0, suppressed = 0;
  for (const events::v1::Event& event : f.Events()) {
    told += event.has_contact_erased() ? 1 : 0;
    suppressed += event.message_changed().to() == events::v1::SUPPRESSED ? 1 : 0;
  }
  CHECK(told == 1);
  CHECK(suppressed == 1);
}

TEST_CASE("Eraser: what arrives during the first pass goes with the second", "[dispatcher]") {
  ErasureFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Tell({f.Erased(f.Message(1).phone)});
  CHECK(f.Run() == 1);
  NewMessage late = f.Message(2);  // a campaign had rendered it already
  late.phone = f.Message(1).phone;
  late.contact_id = "contact-1";
  NewMessage again = f.Message(3);  // a file made a contact of him since
  again.phone = late.phone;
  f.Enqueue({late, again});
  f.Sql("UPDATE messages SET created_at = now() + interval '1 minute' WHERE ordinal > 1");
  CHECK(f.Run() == 0);
  f.clock.Advance(Eraser::kSecondPass);
  CHECK(f.Run() == 1);
  CHECK(f.State(2) == MessageState::kSuppressed);
  CHECK(f.State(3) == MessageState::kQueued);
  CHECK(f.Sql("SELECT count(*) FROM messages WHERE phone <> '' OR body <> ''") == "1");
  CHECK(f.Sql("SELECT count(*) FROM erasures") == "0");  // nor is he named here
  f.clock.Advance(absl::Hours(1));
  CHECK(f.Run() == 0);
}

TEST_CASE("Eraser: what a consent of the same batch links is forgotten with him", "[dispatcher]") {
  ErasureFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Tell({f.Erased(f.Message(1).phone, "ID.7"), f.Consents(f.Message(1).phone, "ID.7", true)});
  CHECK(f.Run() == 1);
  CHECK(f.Sql("SELECT count(*) FROM recipients") == "0");
  CHECK(f.Sql("SELECT count(*) > 0 FROM suppressions") == "t");
}

TEST_CASE("Eraser: by each address of a linked person, also one that contacts did not know",
          "[dispatcher]") {
  ErasureFixture f;
  NewMessage by_bsuid = f.Message(1);
  by_bsuid.phone.clear();
  by_bsuid.bsuid = "ID.7";
  f.Enqueue({by_bsuid, f.Message(2)});
  f.Apply({}, {{.phone_number_id = "1001",
                .provider_id = "in.1",
                .phone = "+628777",
                .bsuid = "ID.7",
                .kind = "text",
                .text = "halo",
                .time = absl::Now()}});
  CHECK(f.Sql("SELECT count(*) FROM recipients") == "1");
  f.Tell({f.Erased("+628777")});
  CHECK(f.Run() == 1);
  CHECK(f.Sql("SELECT count(*) FROM messages WHERE bsuid <> ''") == "0");
  CHECK(f.Sql("SELECT count(*) FROM recipients") == "0");
  CHECK(f.Sql("SELECT count(*) FROM windows") == "0");
  CHECK(f.Sql("SELECT count(*) FROM messages WHERE phone <> ''") == "1");
  // The link is gone, but the second pass knows.
  NewMessage late = by_bsuid;
  late.id = f.Id(3);
  late.ordinal = 3;
  late.contact_id = "contact-1";
  f.Enqueue({late});
  f.clock.Advance(Eraser::kSecondPass);
  CHECK(f.Run() == 1);
  CHECK(f.Sql("SELECT count(*) FROM messages WHERE bsuid <> ''") == "0");
}

TEST_CASE("Eraser: of dead letters goes what is his, in his own outlet", "[dispatcher]") {
  ErasureFixture f;
  f.Letter("toko-a", f.Webhook("628777"));
  f.Letter("", f.Webhook("628777"));  // our number's, though it came before the sender
  f.Letter("toko-b", f.Webhook("628777", "2002"));  // another outlet's
  f.Letter("toko-a", f.Webhook("6287771"));         // another number
  f.Letter("toko-a", "x 628777 y");                 // no webhook: nobody can say whose it is
  f.Tell({f.Erased("+628777")});
  CHECK(f.Run() == 1);
  CHECK(f.Sql("SELECT string_agg(state || ':' || length(payload), ' ' ORDER BY id) "
              "FROM dead_letters WHERE payload = ''") == "4:0 4:0");
  CHECK(f.Sql("SELECT string_agg(state::text, '' ORDER BY id) FROM dead_letters") == "44111");
}

}  // namespace
}  // namespace kabar::dispatcher
