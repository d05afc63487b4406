// The loops of this service on a private database, with contacts, templates and dispatcher as gRPC
// services of the test's own.
//
// Thread safety: as its parts. Blocks: for the database. Errors: end the test.
#ifndef KABAR_SERVICES_TRIGGERS_TESTING_LOOP_FIXTURE_H_
#define KABAR_SERVICES_TRIGGERS_TESTING_LOOP_FIXTURE_H_

#include <catch2/catch.hpp>
#include <string>

#include "libs/testing/fake_clock.h"
#include "services/triggers/answer_loop.h"
#include "services/triggers/hand_over.h"
#include "services/triggers/peers.h"
#include "services/triggers/stale_loop.h"
#include "services/triggers/step_loop.h"
#include "services/triggers/testing/database.h"
#include "services/triggers/testing/fake_peers.h"

namespace kabar::triggers::testing {

// A service that dies between the ledger and its own record.
class DyingStore : public PgStore {
 public:
  using PgStore::PgStore;
  bool dead = false;

  absl::StatusOr<std::int64_t> ChangeSteps(absl::Span<const StepChange> changes, absl::Time now,
                                           absl::Time deadline) override {
    if (dead) return absl::UnavailableError("died");
    return PgStore::ChangeSteps(changes, now, deadline);
  }
};

struct LoopFixture : Database {
  kabar::testing::FakeClock clock;
  FakePeers fakes;
  Peers peers{{.contacts = fakes.server.address(),
               .templates = fakes.server.address(),
               .dispatcher = fakes.server.address()},
              "service"};
  DyingStore dying{pool};
  HandOver hand_over{dying, peers, clock};
  StepLoop steps{dying, hand_over, clock};
  StaleLoop stale{dying, peers, hand_over, clock};
  AnswerLoop answers{dying, peers, clock, AnswerLoop::Options{}};

  LoopFixture() {
    fakes.dispatcher.AddSender(kA, "wa-1");
    fakes.dispatcher.AddSender(kB, "wa-2");
    fakes.templates.Put(kA, "tpl_1", "Lunas", {"name", "productname"});
    fakes.templates.Put(kB, "tpl_1", "Terima kasih", {"name"});
    AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  }

  BusinessEvent Paid(const std::string& id, const std::string& phone, const std::string& name) {
    BusinessEvent event = Event(id);
    event.phone = phone;
    event.name = name;
    event.variables = {{"documentnumber", "INV-" + id}, {"nama_produk", "Sepatu"}};
    return event;
  }
  void Publish(const std::string& outlet, const BusinessEvent& event) {
    REQUIRE_THAT(store.Publish(outlet, event, clock.Now(), Soon()), IsOk());
  }
  int Run() {
    const auto taken = steps.RunOnce();
    REQUIRE_THAT(taken, IsOk());
    return *taken;
  }
  DueStep Step(const std::string& outlet, const std::string& event_id) {
    const auto found = store.ListSteps(outlet, event_id, {}, 10, Soon());
    REQUIRE(found->size() == 1);
    return found->at(0);
  }
  FakeDispatcher::Stored Message(const std::string& id) {
    const auto messages = fakes.dispatcher.messages();
    REQUIRE(messages.contains(id));
    return messages.at(id);
  }
};

}  // namespace kabar::triggers::testing

#endif  // KABAR_SERVICES_TRIGGERS_TESTING_LOOP_FIXTURE_H_
