// Orders that triggers report, applied by the real store.
#include "services/contacts/reported_order.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/events/consumer.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;

struct OrderFixture : StoreFixture {
  events::v1::Event Order(const std::string& phone, const std::string& order_id,
                          int64_t at = 1795222800) const {
    events::v1::Event event;
    event.set_outlet_id(kA);
    event.mutable_time()->set_seconds(at);
    events::v1::OrderReported& order = *event.mutable_order_reported();
    order.set_phone(phone);
    order.set_name("Budi");
    order.set_order_id(order_id);
    order.set_open(true);
    order.set_amount(250'000);
    order.mutable_report_time()->set_seconds(at);
    return event;
  }
  void Apply(const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    for (const events::v1::Event& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  }
  // "SO-1 open 250000 of Budi" of each, in order.
  std::string Orders() {
    return Sql(
        "SELECT coalesce(string_agg(concat_ws(' ', f.reference, CASE WHEN f.open THEN 'open' ELSE "
        "'closed' END, f.amount, 'of', c.name), ', ' ORDER BY f.reference), '') FROM facts f "
        "JOIN contacts c ON c.outlet_id = f.outlet_id AND c.id = f.contact_id "
        "WHERE f.kind = 'ORDER' AND f.source = 'triggers'");
  }
  int64_t number = 0;
  std::unique_ptr<events::Sink> sink = store.MakeTriggersSink();
};

TEST_CASE("Orders: kept with the contact of the phone, who is made if he is new", "[orders]") {
  OrderFixture f;
  f.Add(kA, "+62811", "Ani");
  f.Apply({f.Order("+62811", "SO-1"), f.Order("+62812", "SO-2")});
  CHECK(f.Orders() == "SO-1 open 250000 of Ani, SO-2 open 250000 of Budi");
  CHECK(f.Names(kA, "orders.sum(amount) >= 250000") == "Ani Budi");
}

TEST_CASE("Orders: the newest report counts, whatever comes late; an amount stays", "[orders]") {
  OrderFixture f;
  events::v1::Event received = f.Order("+62811", "SO-1", 1795222900);
  received.mutable_order_reported()->set_open(false);
  received.mutable_order_reported()->set_amount(0);
  f.Apply({f.Order("+62811", "SO-1"), received});
  CHECK(f.Orders() == "SO-1 closed 250000 of Budi");
  f.Apply({f.Order("+62811", "SO-1", 1795222850)});
  CHECK(f.Orders() == "SO-1 closed 250000 of Budi");
}

TEST_CASE("Orders: received it stays so, though a COD order is paid afterwards", "[orders]") {
  OrderFixture f;
  events::v1::Event received = f.Order("+62811", "SO-1", 1795222900);
  received.mutable_order_reported()->set_open(false);
  f.Apply({f.Order("+62811", "SO-1"), received, f.Order("+62811", "SO-1", 1795223000)});
  CHECK(f.Orders() == "SO-1 closed 250000 of Budi");
}

TEST_CASE("Orders: received it is so, though a newer word came first", "[orders]") {
  OrderFixture f;
  events::v1::Event received = f.Order("+62811", "SO-1", 1795222900);
  received.mutable_order_reported()->set_open(false);
  received.mutable_order_reported()->set_amount(100);
  f.Apply({f.Order("+62811", "SO-1"), f.Order("+62811", "SO-1", 1795223000), received});
  CHECK(f.Orders() == "SO-1 closed 250000 of Budi");
  CHECK(f.Sql("SELECT extract(epoch FROM at)::bigint FROM facts") == "1795223000");
}

TEST_CASE("Orders: the amount counts also if the word that brings it is late", "[orders]") {
  OrderFixture f;
  events::v1::Event paid = f.Order("+62811", "SO-1", 1795222900);
  paid.mutable_order_reported()->set_amount(0);
  f.Apply({paid, f.Order("+62811", "SO-1", 1795222800)});
  CHECK(f.Orders() == "SO-1 open 250000 of Budi");
  CHECK(f.Sql("SELECT extract(epoch FROM at)::bigint FROM facts") == "1795222900");
}

TEST_CASE("Orders: by a number that he gave up it is still his", "[orders]") {
  OrderFixture f;
  const Contact ani = f.Add(kA, "+62811", "Ani");
  f.Must(kA, [&](Store::Unit& u) {
    return u.ChangeNumber({.phone = "+62811"}, {.phone = "+62899"}, absl::Now());
  });
  f.Apply({f.Order("+62811", "SO-1")});
  CHECK(f.Orders() == "SO-1 open 250000 of Ani");
  CHECK(f.Get(kA, ani.id).phone == "+62899");
  CHECK(f.Names(kA, "") == "Ani");
}

TEST_CASE("Orders, messages: while one outlet's people are held by another, no later outlet's are",
          "[orders]") {
  OrderFixture f;
  const std::unique_ptr<events::Sink> inbound = f.store.MakeDispatcherSink();
  events::v1::NumberedBatch batch;
  batch.set_number(1);
  for (const std::string outlet : {"toko-b", "toko-a"}) {
    events::v1::Event& event = *batch.mutable_batch()->add_events();
    event = f.Order("+62811", "SO-1");
    event.set_outlet_id(outlet);
  }
  events::Sink* sink = f.sink.get();
  SECTION("orders") {}
  SECTION("messages") {
    sink = inbound.get();
    for (events::v1::Event& event : *batch.mutable_batch()->mutable_events()) {
      event.mutable_inbound_received()->set_phone("+62811");
    }
  }
  absl::Status applied;
  std::jthread other;
  const absl::Status held = f.Do("toko-a", [&](Store::Unit& unit) {
    unit.HoldPeople(/*alone=*/true);
    if (!other.joinable()) {
      other = std::jthread([&] {
        const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
        applied = sink->Apply(batches, Soon());
      });
    }
    f.AwaitLock();
    return f.store.Write("toko-b", "Free", absl::Now() + absl::Seconds(5), [](Store::Unit& later) {
      later.HoldPeople(/*alone=*/true);
      return absl::OkStatus();
    });
  });
  other.join();
  CHECK_THAT(held, IsOk());
  CHECK_THAT(applied, IsOk());
}

TEST_CASE("Orders: what cannot be kept does not hold up what stands behind it", "[orders]") {
  OrderFixture f;
  events::v1::Event gone = f.Order("", "SO-1");
  gone.mutable_order_reported()->set_contact_id("con_gone");
  f.Apply({gone, f.Order("+62811", std::string(5000, 'x')), f.Order("+62812", "SO-3")});
  CHECK(f.Orders() == "SO-3 open 250000 of Budi");
}

TEST_CASE("Orders: an alias' order goes back with him when the merge is undone", "[orders]") {
  OrderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  const Contact ani = f.Add(kA, "+62812", "Ani");
  const Merge merge =
      f.Must(kA, [&](Store::Unit& u) { return u.MergeContacts(siti.id, ani.id, "by hand", "op"); });
  events::v1::Event by_id = f.Order("", "SO-2");
  by_id.mutable_order_reported()->set_contact_id(ani.id);
  f.Apply({f.Order("+62812", "SO-1"), by_id, f.Order("+62811", "SO-3")});
  CHECK(f.Orders() ==
        "SO-1 open 250000 of Siti, SO-2 open 250000 of Siti, SO-3 open 250000 of Siti");
  f.Must(kA, [&](Store::Unit& u) { return u.UndoMerge(merge.id, "op"); });
  CHECK(f.Orders() == "SO-1 open 250000 of Ani, SO-2 open 250000 of Ani, SO-3 open 250000 of Siti");
}

TEST_CASE("Orders: one from before an erasure makes nobody anew, a later one does", "[orders]") {
  OrderFixture f;
  const Contact ani = f.Add(kA, "+62811", "Ani");
  f.Must(kA, [&](Store::Unit& u) { return u.EraseContact(ani.id); });
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  events::v1::Event by_id = f.Order("", "SO-2", now - 60);
  by_id.mutable_order_reported()->set_contact_id(ani.id);
  f.Apply({f.Order("+62811", "SO-1", now - 60), by_id});
  CHECK(f.Orders().empty());
  CHECK(f.Names(kA, "").empty());
  f.Apply({f.Order("+62811", "SO-3", now + 60)});
  CHECK(f.Orders() == "SO-3 open 250000 of Budi");
}

}  // namespace
}  // namespace kabar::contacts
