#include "services/dispatcher/sender_tokens.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <future>

#include "libs/testing/fake_clock.h"
#include "libs/testing/status_matchers.h"
#include "services/dispatcher/testing/store_of_lists.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

constexpr auto kPatience = std::chrono::seconds(10);

// A ledger of senders that may hang or be away.
class SlowStore : public testing_store::StoreOfLists {
 public:
  explicit SlowStore(const SecretBox& box) : box_(box) { Put("s1", "old"); }

  void Put(const std::string& id, const std::string& token) {
    std::lock_guard lock(mutex_);
    Sender sender;
    sender.id = id;
    sender.phone_number_id = "1001";
    sender.sealed_token = token.empty() ? "not sealed" : box_.Seal(token);
    std::erase_if(senders_, [&](const Sender& s) { return s.id == id; });
    senders_.push_back(sender);
  }
  void SetDown(bool down) {
    std::lock_guard lock(mutex_);
    down_ = down;
  }
  void SetHangs(bool hangs) {
    std::lock_guard lock(mutex_);
    hangs_ = hangs;
    changed_.notify_all();
  }
  bool WaitForReads(int n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return reads_ >= n; });
  }

  absl::StatusOr<std::vector<Sender>> ListAllSenders(absl::Time) override {
    std::unique_lock lock(mutex_);
    ++reads_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !hangs_; });
    if (down_) return absl::UnavailableError("postgres is down");
    return senders_;
  }

 private:
  const SecretBox& box_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Sender> senders_;
  bool down_ = false;
  bool hangs_ = false;
  int reads_ = 0;
};

struct Tokens {
  std::string Token(const std::string& id) {
    auto credentials = tokens.Get(id);
    REQUIRE_THAT(credentials, IsOk());
    return (*credentials)->access_token;
  }
  // The next reading, which the time brings.
  void PassTime() {
    REQUIRE(clock.WaitForSleepers(1));
    clock.Advance(absl::Seconds(5));
  }
  SecretBox box = *SecretBox::FromKey(std::string(64, 'a'));
  testing::FakeClock clock;
  SlowStore store{box};
  SenderTokens tokens{store, box, clock};
};

TEST_CASE("SenderTokens: who is known is known at once, however long the ledger takes",
          "[dispatcher]") {
  Tokens t;
  CHECK(t.Token("s1") == "old");
  REQUIRE(t.clock.WaitForSleepers(1));
  t.store.Put("s1", "new");
  t.store.SetHangs(true);
  t.PassTime();
  REQUIRE(t.store.WaitForReads(2));
  auto got = std::async(std::launch::async, [&] { return t.tokens.Get("s1"); });
  const bool at_once = got.wait_for(kPatience) == std::future_status::ready;
  t.store.SetHangs(false);
  REQUIRE(at_once);
  CHECK((*got.get())->access_token == "old");
  REQUIRE(t.clock.WaitForSleepers(1));
  CHECK(t.Token("s1") == "new");
}

TEST_CASE("SenderTokens: a new sender is found when he is asked for", "[dispatcher]") {
  Tokens t;
  CHECK(t.Token("s1") == "old");
  REQUIRE(t.clock.WaitForSleepers(1));
  t.store.Put("s2", "second");
  CHECK(t.Token("s2") == "second");
  CHECK_THAT(t.tokens.Get("nobody"), ReasonIs("SENDER_NOT_FOUND"));
}

TEST_CASE("SenderTokens: the ledger is away, a token cannot be opened", "[dispatcher]") {
  Tokens t;
  CHECK(t.Token("s1") == "old");
  t.store.Put("bad", "");
  CHECK_FALSE(t.tokens.Get("bad").ok());
  t.store.SetDown(true);
  t.PassTime();
  REQUIRE(t.clock.WaitForSleepers(1));
  CHECK(t.Token("s1") == "old");
  CHECK_THAT(t.tokens.Get("nobody"), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace kabar::dispatcher
