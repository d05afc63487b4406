#include "services/dispatcher/message.h"

#include <catch2/catch.hpp>
#include <vector>

namespace kabar::dispatcher {
namespace {

constexpr AttemptState kAllAttemptStates[] = {AttemptState::kStarted,   AttemptState::kReturned,
                                              AttemptState::kAmbiguous, AttemptState::kAccepted,
                                              AttemptState::kFailed,    AttemptState::kDelivered,
                                              AttemptState::kRead};

TEST_CASE("AttemptAdvances: never in both directions, never to itself", "[dispatcher]") {
  for (const AttemptState a : kAllAttemptStates) {
    CHECK_FALSE(AttemptAdvances(a, a));
    for (const AttemptState b : kAllAttemptStates) {
      if (a != b) CHECK(AttemptAdvances(a, b) != AttemptAdvances(b, a));
    }
  }
}

TEST_CASE("AttemptAdvances: what is known beats what is not", "[dispatcher]") {
  CHECK(AttemptAdvances(AttemptState::kFailed, AttemptState::kDelivered));
  CHECK(AttemptAdvances(AttemptState::kFailed, AttemptState::kRead));
  CHECK(AttemptAdvances(AttemptState::kAccepted, AttemptState::kFailed));
  CHECK_FALSE(AttemptAdvances(AttemptState::kFailed, AttemptState::kAccepted));
  CHECK(AttemptAdvances(AttemptState::kAmbiguous, AttemptState::kReturned));
  CHECK_FALSE(AttemptAdvances(AttemptState::kAccepted, AttemptState::kAmbiguous));
}

TEST_CASE("DeriveState: what any attempt reached counts", "[dispatcher]") {
  using A = AttemptState;
  using M = MessageState;
  CHECK(DeriveState(M::kSending, 1, 1, {{1, A::kAccepted}}, false) == M::kSent);
  CHECK(DeriveState(M::kSent, 1, 1, {{1, A::kDelivered}}, false) == M::kDelivered);
  CHECK(DeriveState(M::kQueued, 1, 1, {{1, A::kDelivered}}, false) == M::kDelivered);
  // An earlier attempt that was accepted after all settles the message.
  CHECK(DeriveState(M::kQueued, 1, 1, {{1, A::kAccepted}}, false) == M::kSent);
  CHECK(DeriveState(M::kSending, 2, 1, {{1, A::kAccepted}}, false) == M::kSent);
  CHECK(DeriveState(M::kFailed, 2, 1, {{1, A::kRead}, {2, A::kFailed}}, false) == M::kRead);
  CHECK(DeriveState(M::kCancelled, 1, 1, {{1, A::kDelivered}}, false) == M::kDelivered);
  // The failure of one of two does not undo the other.
  CHECK(DeriveState(M::kSent, 2, 2, {{1, A::kAccepted}, {2, A::kFailed}}, true) == M::kSent);
}

TEST_CASE("DeriveState: without a success the current attempt decides", "[dispatcher]") {
  using A = AttemptState;
  using M = MessageState;
  CHECK(DeriveState(M::kSending, 1, 1, {{1, A::kAmbiguous}}, false) == M::kUnknown);
  CHECK(DeriveState(M::kSending, 1, 1, {{1, A::kReturned}}, false) == M::kQueued);
  CHECK(DeriveState(M::kSending, 1, 1, {{1, A::kFailed}}, false) == M::kFailed);
  CHECK(DeriveState(M::kSending, 1, 1, {{1, A::kFailed}}, true) == M::kQueued);
  CHECK(DeriveState(M::kUnknown, 1, 1, {{1, A::kReturned}}, false) == M::kQueued);
  // A late failure of attempt 1 does not touch attempt 2.
  CHECK(DeriveState(M::kSending, 2, 1, {{1, A::kFailed}}, false) == M::kSending);
  CHECK(DeriveState(M::kUnknown, 2, 1, {{1, A::kFailed}, {2, A::kAmbiguous}}, true) == M::kUnknown);
  // What was sent by attempt 1 alone and failed there: attempt 2 decides, once it is known.
  CHECK(DeriveState(M::kSent, 2, 1, {{1, A::kFailed}}, false) == M::kSent);
  CHECK(DeriveState(M::kSent, 2, 1, {{1, A::kFailed}, {2, A::kFailed}}, false) == M::kFailed);
  // Final states of the lane stay.
  CHECK(DeriveState(M::kCancelled, 1, 1, {{1, A::kFailed}}, true) == M::kCancelled);
  CHECK(DeriveState(M::kSuppressed, 1, 1, {{1, A::kReturned}}, true) == M::kSuppressed);
}

TEST_CASE("QueuedIn: a lane that is over keeps nothing queued", "[dispatcher]") {
  CHECK(QueuedIn(LaneState::kRunning, false) == MessageState::kQueued);
  CHECK(QueuedIn(LaneState::kPaused, false) == MessageState::kQueued);
  CHECK(QueuedIn(LaneState::kRunning, true) == MessageState::kExpired);
  CHECK(QueuedIn(LaneState::kCancelled, true) == MessageState::kCancelled);
  CHECK(QueuedIn(LaneState::kExpired, false) == MessageState::kExpired);
  CHECK(QueuedIn(LaneState::kClosed, false) == MessageState::kFailed);
}

}  // namespace
}  // namespace kabar::dispatcher
