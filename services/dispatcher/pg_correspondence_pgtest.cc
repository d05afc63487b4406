// Where a status without our tag and an answer belong.
#include <catch2/catch.hpp>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

struct Two : LedgerFixture {
  // To one person, from two numbers; and one to somebody else.
  Two() {
    AddSender("snd-2", "1002");
    Lane lane = NewLane("lane-2");
    lane.sender_id = "snd-2";
    REQUIRE_THAT(store.CreateLane(lane, Deadline()), IsOk());
  }
  NewMessage ToSari(int n) const {
    NewMessage message = Message(n);
    message.phone = "+628111";
    return message;
  }
  void Send(int n, const std::string& lane = "lane") {
    Enqueue({ToSari(n)}, lane);
    REQUIRE(Start({Id(n)}, lane).started.size() == 1);
    Record({Accepted(n)});
  }
  events::v1::InboundReceived FromSari(const std::string& context = "",
                                       const std::string& number = "1001",
                                       absl::Duration ago = absl::ZeroDuration()) {
    const int n = ++answers;
    Apply({}, {{.phone_number_id = number,
                .provider_id = absl::StrCat("in.", n),
                .phone = "+628111",
                .text = "YA",
                .context_id = context,
                .time = absl::Now() - ago}});
    return Events().back().inbound_received();
  }
  int answers = 0;
};

TEST_CASE("Answers: without the provider's word, the newest of this number's counts",
          "[dispatcher]") {
  Two f;
  CHECK(f.FromSari().last_message_id().empty());
  f.Send(1);
  f.Send(2);
  f.Send(3, "lane-2");
  f.Enqueue({f.ToSari(4)});   // not sent yet
  f.Enqueue({f.Message(5)});  // to somebody else
  f.Start({f.Id(5)});
  events::v1::InboundReceived answer = f.FromSari();
  CHECK(answer.context_message_id().empty());
  CHECK(answer.last_message_id() == f.Id(2));
  CHECK(answer.last_contact_id() == "contact-2");
  CHECK(answer.last_run_id() == "run");
  CHECK(answer.last_claim_time().seconds() > 0);
  CHECK(f.FromSari("", "1002").last_message_id() == f.Id(3));

  SECTION("what is on its way counts") {
    f.Start({f.Id(4)});
    CHECK(f.FromSari().last_message_id() == f.Id(4));
  }
  SECTION("what failed does not, but for what had reached her") {
    f.Start({f.Id(4)});
    f.Record({f.Ended(4, AttemptState::kFailed, "GRAPH_131026")});
    CHECK(f.FromSari().last_message_id() == f.Id(2));
    f.Apply({f.Status(2, AttemptState::kFailed, 1, "GRAPH_131026")});
    CHECK(f.State(2) == MessageState::kFailed);
    CHECK(f.FromSari().last_message_id() == f.Id(2));
  }
  SECTION("nor does what was sent after her words") {
    CHECK(f.FromSari("", "1001", absl::Minutes(1)).last_message_id().empty());
  }
  SECTION("with the provider's word nothing is guessed") {
    answer = f.FromSari("wamid.1.1");
    CHECK(answer.context_message_id() == f.Id(1));
    CHECK(answer.last_message_id().empty());
    // An id that is nobody's, or that of what went to somebody else, is no word.
    f.Record({f.Accepted(5)});
    CHECK(f.FromSari("wamid.none").last_message_id() == f.Id(2));
    answer = f.FromSari("wamid.5.1");
    CHECK(answer.context_message_id().empty());
    CHECK(answer.last_message_id() == f.Id(2));
  }
}

TEST_CASE("Answers: a person under another address is the same person", "[dispatcher]") {
  Two f;
  NewMessage hidden = f.Message(1);
  hidden.phone.clear();
  hidden.bsuid = "ID.1";
  f.Enqueue({hidden});
  f.Start({f.Id(1)});
  f.Record({f.Accepted(1)});
  const auto answer = [&](const std::string& context) {
    f.Apply({}, {{.phone_number_id = "1001",
                  .provider_id = absl::StrCat("in.", ++f.answers),
                  .phone = "+628111",
                  .bsuid = "ID.1",
                  .context_id = context,
                  .time = absl::Now()}});
    return f.Events().back().inbound_received();
  };
  CHECK(answer("").last_message_id() == f.Id(1));
  CHECK(answer("wamid.1.1").context_message_id() == f.Id(1));
}

TEST_CASE("Answers: who hides the phone is known by what his status told", "[dispatcher]") {
  Two f;
  f.Send(1);
  StatusChange status = f.Status(1, AttemptState::kDelivered);
  status.phone.clear();
  status.bsuid = "ID.1";
  const InboundMessage hidden{.phone_number_id = "1001",
                              .provider_id = "in.1",
                              .bsuid = "ID.1",
                              .text = "YA",
                              .context_id = "wamid.1.1",
                              .time = absl::Now()};
  SECTION("told before") {
    f.Apply({status});
    f.Apply({}, {hidden});
  }
  SECTION("told with the answer") { f.Apply({status}, {hidden}); }
  SECTION("not by another number's status") {
    status.phone_number_id = "1002";
    f.Apply({status}, {hidden});
    CHECK(f.Events().back().inbound_received().context_message_id().empty());
    return;
  }
  CHECK(f.Events().back().inbound_received().context_message_id() == f.Id(1));
  CHECK(f.Sql("SELECT concat_ws(' ', phone, bsuid) FROM recipients WHERE phone IS NOT NULL") ==
        "+628111 ID.1");
}

TEST_CASE("Statuses: the provider's id of an earlier attempt names that attempt", "[dispatcher]") {
  Two f;
  f.Enqueue({f.ToSari(1)});
  f.Start({f.Id(1)});
  Outcome unsure = f.Ended(1, AttemptState::kFailed, "GRAPH_131000");
  unsure.provider_id = "wamid.1.1";
  unsure.retry = true;
  unsure.not_before = absl::Now();
  f.Record({unsure});
  REQUIRE(f.Start({f.Id(1)}).started.at(0).attempt == 2);
  CHECK(f.Get(1).provider_id.empty());  // the second has none yet
  CHECK(f.Sql("SELECT string_agg(concat_ws(' ', attempt, state, provider_id), ', '"
              " ORDER BY attempt) FROM all_attempts") == "1 4 wamid.1.1, 2 0 ");
  StatusChange late = f.Status(1, AttemptState::kDelivered);
  late.tag.clear();
  late.phone = "+628111";
  f.Apply({late});
  CHECK(f.State(1) == MessageState::kDelivered);
  CHECK(f.Sql("SELECT state FROM attempts") == "5");
  CHECK(f.Sql("SELECT attempt_state FROM messages") == "0");
  // The second's own outcome adds its id and takes nothing back.
  f.Record({f.Accepted(1, 2)});
  CHECK(f.State(1) == MessageState::kDelivered);
  CHECK(f.Get(1).provider_id == "wamid.1.2");
}

}  // namespace
}  // namespace kabar::dispatcher
