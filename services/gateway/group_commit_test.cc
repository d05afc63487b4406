#include "services/gateway/group_commit.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/base/status.h"
#include "libs/testing/fake_clock.h"

namespace kabar::gateway {
namespace {

// Keeps every group until the test answers it.
class HeldJournal : public Journal {
 public:
  void Append(std::vector<Payload> payloads, Done done) override {
    absl::MutexLock lock(&mutex_);
    groups_.push_back(std::move(payloads));
    dones_.push_back(std::move(done));
  }
  void Check(Done done) override { done(absl::OkStatus()); }

  bool WaitForGroups(std::size_t count) {
    absl::MutexLock lock(&mutex_);
    auto enough = [&] { return groups_.size() >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
  }
  std::size_t groups() {
    absl::MutexLock lock(&mutex_);
    return groups_.size();
  }
  std::vector<std::string> Bodies(std::size_t group) {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> bodies;
    for (const Payload& payload : groups_[group]) bodies.push_back(payload.body);
    return bodies;
  }
  void Finish(std::size_t group, const absl::Status& status = absl::OkStatus()) {
    Done done;
    {
      absl::MutexLock lock(&mutex_);
      done = std::move(dones_[group]);
    }
    done(status);
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::vector<Payload>> groups_;
  std::vector<Done> dones_;
};

// The answers in the order in which they came.
class Answers {
 public:
  GroupCommit::Done Take() {
    return [this](const absl::Status& status) {
      absl::MutexLock lock(&mutex_);
      statuses_.push_back(status);
    };
  }
  std::vector<absl::Status> all() {
    absl::MutexLock lock(&mutex_);
    return statuses_;
  }
  bool WaitFor(std::size_t count) {
    absl::MutexLock lock(&mutex_);
    auto enough = [&] { return statuses_.size() >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
  }

 private:
  absl::Mutex mutex_;
  std::vector<absl::Status> statuses_;
};

struct Fixture {
  explicit Fixture(GroupCommit::Options options = {}) : commit(options, journal, clock) {}

  void Submit(int count, const std::string& body = "") {
    for (int i = 0; i < count; ++i) {
      commit.Submit(body.empty() ? absl::StrCat("body ", submitted) : body, answers.Take());
      ++submitted;
    }
  }

  testing::FakeClock clock;
  HeldJournal journal;
  Answers answers;
  GroupCommit commit;
  int submitted = 0;
};

}  // namespace

TEST_CASE("GroupCommit: webhooks of a few milliseconds become one group, in order", "[gateway]") {
  Fixture f;
  f.Submit(1);
  REQUIRE(f.clock.WaitForSleepers(1));
  f.Submit(2);
  f.clock.Advance(absl::Milliseconds(2));
  REQUIRE(f.clock.WaitForSleepers(1));
  CHECK(f.journal.groups() == 0);
  f.clock.Advance(absl::Milliseconds(1));
  REQUIRE(f.journal.WaitForGroups(1));
  CHECK(f.journal.Bodies(0) == std::vector<std::string>{"body 0", "body 1", "body 2"});
  CHECK(f.answers.all().empty());  // not before the journal has answered
  f.journal.Finish(0);
  CHECK(f.answers.all() == std::vector<absl::Status>(3));
}

TEST_CASE("GroupCommit: 256 go at once, without waiting", "[gateway]") {
  Fixture f;
  f.Submit(600);
  REQUIRE(f.journal.WaitForGroups(2));
  CHECK(f.journal.Bodies(0).size() == 256);
  CHECK(f.journal.Bodies(1).size() == 256);
  REQUIRE(f.clock.WaitForSleepers(1));
  CHECK(f.journal.groups() == 2);
  f.clock.Advance(absl::Milliseconds(3));
  REQUIRE(f.journal.WaitForGroups(3));
  CHECK(f.journal.Bodies(2).size() == 88);
  CHECK(f.journal.Bodies(2).back() == "body 599");
  for (std::size_t i : {2, 0, 1}) f.journal.Finish(i);
  CHECK(f.answers.all().size() == 600);
}

TEST_CASE("GroupCommit: a group stays below its size in bytes", "[gateway]") {
  Fixture f({.max_bytes = 1000});
  f.Submit(3, std::string(400, 'x'));
  REQUIRE(f.journal.WaitForGroups(1));
  CHECK(f.journal.Bodies(0).size() == 2);
  REQUIRE(f.clock.WaitForSleepers(1));
  f.Submit(1, std::string(5000, 'y'));  // over the cap by itself: goes alone
  REQUIRE(f.journal.WaitForGroups(3));
  CHECK(f.journal.Bodies(1).size() == 1);
  CHECK(f.journal.Bodies(2) == std::vector<std::string>{std::string(5000, 'y')});
  for (std::size_t i : {0, 1, 2}) f.journal.Finish(i);
}

TEST_CASE("GroupCommit: no more groups under way than allowed", "[gateway]") {
  Fixture f({.max_payloads = 2, .max_in_flight = 1});
  f.Submit(4);
  REQUIRE(f.journal.WaitForGroups(1));
  REQUIRE(f.clock.WaitForSleepers(1));
  CHECK(f.journal.groups() == 1);
  f.journal.Finish(0);
  REQUIRE(f.journal.WaitForGroups(2));
  f.journal.Finish(1);
  CHECK(f.answers.all().size() == 4);
}

TEST_CASE("GroupCommit: the journal's refusal reaches each of the group, and only them",
          "[gateway]") {
  Fixture f({.max_payloads = 2});
  f.Submit(4);
  REQUIRE(f.journal.WaitForGroups(2));
  f.journal.Finish(0, absl::UnavailableError("the dispatcher is away"));
  f.journal.Finish(1);
  const std::vector<absl::Status> answers = f.answers.all();
  REQUIRE(answers.size() == 4);
  CHECK(answers[0].code() == absl::StatusCode::kUnavailable);
  CHECK(answers[1].code() == absl::StatusCode::kUnavailable);
  CHECK(answers[2].ok());
  CHECK(answers[3].ok());
}

TEST_CASE("GroupCommit: a full queue refuses at once until there is room", "[gateway]") {
  Fixture f({.max_payloads = 2, .max_in_flight = 1, .max_held = 4});
  f.Submit(5);
  REQUIRE(f.answers.WaitFor(1));
  CHECK(base::GetReason(f.answers.all()[0]) == "JOURNAL_QUEUE_FULL");
  CHECK(f.answers.all().size() == 1);
  REQUIRE(f.journal.WaitForGroups(1));
  f.journal.Finish(0);
  f.Submit(2);
  REQUIRE(f.journal.WaitForGroups(2));
  f.journal.Finish(1);
  REQUIRE(f.journal.WaitForGroups(3));
  f.journal.Finish(2);
  const std::vector<absl::Status> answers = f.answers.all();
  REQUIRE(answers.size() == 7);
  for (std::size_t i = 1; i < answers.size(); ++i) CHECK(answers[i].ok());
}

TEST_CASE("GroupCommit: the queue is bounded in bytes too", "[gateway]") {
  Fixture f({.max_held_bytes = 1000});
  f.Submit(1, std::string(600, 'x'));
  f.Submit(1, std::string(600, 'x'));
  REQUIRE(f.answers.all().size() == 1);
  CHECK(base::GetReason(f.answers.all()[0]) == "JOURNAL_QUEUE_FULL");
  REQUIRE(f.clock.WaitForSleepers(1));
  f.clock.Advance(absl::Milliseconds(3));
  REQUIRE(f.journal.WaitForGroups(1));
  f.journal.Finish(0);
}

TEST_CASE("GroupCommit: what has waited too long is given up, not sent", "[gateway]") {
  Fixture f({.max_payloads = 1, .max_in_flight = 1, .max_wait = absl::Seconds(5)});
  f.Submit(2);
  REQUIRE(f.journal.WaitForGroups(1));
  REQUIRE(f.clock.WaitForSleepers(1));
  f.clock.Advance(absl::Seconds(6));
  REQUIRE(f.answers.WaitFor(1));
  CHECK(base::GetReason(f.answers.all()[0]) == "JOURNAL_TOO_SLOW");
  f.journal.Finish(0);
  REQUIRE(f.answers.WaitFor(2));
  CHECK(f.answers.all()[1].ok());
  CHECK(f.journal.groups() == 1);
}

TEST_CASE("GroupCommit::Stop: commits what is there without lingering, then refuses", "[gateway]") {
  Fixture f({.linger = absl::Hours(1)});
  f.Submit(3);
  std::atomic<bool> stopped = false;
  std::thread stopper([&] {
    f.commit.Stop();
    stopped = true;
  });
  const bool sent = f.journal.WaitForGroups(1);  // the clock has not moved
  const bool early = stopped;
  if (sent) f.journal.Finish(0);
  stopper.join();
  REQUIRE(sent);
  CHECK_FALSE(early);
  CHECK(f.journal.Bodies(0).size() == 3);
  CHECK(f.answers.all() == std::vector<absl::Status>(3));
  f.Submit(1);
  REQUIRE(f.answers.all().size() == 4);
  CHECK(base::GetReason(f.answers.all()[3]) == "GATEWAY_DRAINING");
}

}  // namespace kabar::gateway
