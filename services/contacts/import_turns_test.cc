// Whose turn it is to write.
#include "services/contacts/import_turns.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace kabar::contacts {
namespace {

using Turn = ImportTurns::Turn;

// Within a minute.
bool AreWaiting(ImportTurns& turns, std::size_t number) {
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  while (turns.Waiting("a") != number && absl::Now() < deadline) std::this_thread::yield();
  return turns.Waiting("a") == number;
}

TEST_CASE("ImportTurns: two chunks of one import have the turn together", "[import]") {
  ImportTurns turns(1);
  std::optional<Turn> first, second;
  first.emplace(turns, "a", "i1", true);
  CHECK_FALSE(first->beside());
  second.emplace(turns, "a", "i1", true);
  CHECK(second->beside());
  // Another outlet has turns of its own, but no more connections.
  const Turn other(turns, "b", "i2", false);
  first.reset();
  // The one that is left goes on alone: the next one is beside it.
  second.reset();
  first.emplace(turns, "a", "i1", true);
  CHECK_FALSE(first->beside());
}

TEST_CASE("ImportTurns: no more chunks beside others than connections for them", "[import]") {
  ImportTurns turns(1);
  const Turn a1(turns, "a", "i1", true);
  const Turn b1(turns, "b", "i2", true);
  std::optional<Turn> a2;
  a2.emplace(turns, "a", "i1", true);
  CHECK(a2->beside());
  std::atomic<bool> has_turn = false;
  std::atomic<bool> beside = false;
  {
    std::optional<Turn> holder;
    holder.emplace(turns, "c", "i3", true);
    std::jthread waits([&] {
      const Turn turn(turns, "c", "i3", true);
      beside = turn.beside();
      has_turn = true;
    });
    CHECK_FALSE(has_turn);
    holder.reset();
  }
  CHECK(has_turn);
  CHECK_FALSE(beside);
}

TEST_CASE("ImportTurns: who comes later waits, and then nobody joins the one before", "[import]") {
  ImportTurns turns(2);
  std::string order;
  std::optional<Turn> first;
  first.emplace(turns, "a", "i1", true);
  std::jthread other([&] {
    const Turn turn(turns, "a", "i2", true);
    order += "2";
  });
  CHECK(AreWaiting(turns, 1));
  std::jthread next([&] {
    const Turn turn(turns, "a", "i1", true);
    order += turn.beside() ? "beside" : "1";
  });
  CHECK(AreWaiting(turns, 2));
  first.reset();
  other.join();
  next.join();
  CHECK(order == "21");
}

}  // namespace
}  // namespace kabar::contacts
