#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/defect.h"
#include "libs/base/fail_point.h"
#include "libs/base/status.h"
#include "libs/redis/server.h"
#include "services/dispatcher/redis_queue.h"
#include "services/dispatcher/redis_queue_state.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {
namespace {

// Commands whose words must live until the pipeline has run.
class Batch {
 public:
  void Add(RedisArgs args) { commands_.push_back(std::move(args)); }
  absl::Status Run(redis::Connection& connection, absl::Time deadline) {
    std::vector<redis::Connection::Args> views;
    views.reserve(commands_.size());
    for (const auto& c : commands_) views.emplace_back(c.begin(), c.end());
    for (const auto& reply : connection.Pipeline(views, deadline)) {
      KABAR_RETURN_IF_ERROR(reply.status());
    }
    commands_.clear();
    return absl::OkStatus();
  }
  std::size_t size() const { return commands_.size(); }

 private:
  std::vector<RedisArgs> commands_;
};

absl::Status DeleteAll(redis::Connection& connection, const std::string& prefix,
                       absl::Time deadline) {
  // First the generation: from here on nothing is claimed.
  const std::string gen = prefix + "gen", pattern = prefix + "*";
  KABAR_RETURN_IF_ERROR(connection.Command({"DEL", gen}, deadline).status());
  std::string cursor = "0";
  do {
    KABAR_ASSIGN_OR_RETURN(
        const redis::Reply page,
        connection.Command({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"}, deadline));
    if (page.elements.size() != 2) return absl::InternalError("SCAN answered no page");
    cursor = page.elements[0].text;
    std::vector<absl::string_view> unlink = {"UNLINK"};
    for (const auto& key : page.elements[1].elements) unlink.push_back(key.text);
    if (unlink.size() > 1) {
      KABAR_RETURN_IF_ERROR(connection.Command(unlink, deadline).status());
    }
  } while (cursor != "0");
  return absl::OkStatus();
}

}  // namespace

// The limits stand before the generation is set, the lanes' ids come after it: a claim in between
// finds every limit at its safest and fewer ids than there are.
absl::Status RedisQueue::Rebuild(const Portfolio& portfolio, const std::vector<Sender>& senders,
                                 const std::vector<Lane>& lanes, Store& store,
                                 absl::Time deadline) {
  const std::string prefix = RedisPrefix(portfolio.id);
  const auto& options = state_->options;
  {
    KABAR_ASSIGN_OR_RETURN(auto lease, state_->pool.Acquire(deadline));
    KABAR_ASSIGN_OR_RETURN(const std::string run_id, state_->RunIdOf(*lease, deadline));
    KABAR_RETURN_IF_ERROR(DeleteAll(*lease, prefix, deadline));
    // What was claimed just before can still be sent until its last slot has passed, and may not
    // stand in the ledger yet: only afterwards are all recipients of the 24 hours known there.
    const absl::Duration in_flight =
        options.longest_lead + options.max_hold + options.fast_allowance;
    if (portfolio.messaging_limit > 0) state_->clock.SleepFor(in_flight, {});
    KABAR_ASSIGN_OR_RETURN(auto recent, store.ListRecentRecipients(portfolio.id, deadline));
    KABAR_ASSIGN_OR_RETURN(auto windows, store.ListOpenWindows(portfolio.id, deadline));
    KABAR_ASSIGN_OR_RETURN(const absl::Time now, redis::ServerTime(*lease, deadline));
    // What the lost Redis may have handed out last starts at the latest then.
    const absl::Time last =
        base::HasDefect("limits-forgotten") ? absl::UnixEpoch() : now + in_flight;
    auto micros = [](absl::Time t) { return absl::StrCat(absl::ToUnixMicros(t)); };

    Batch batch;
    std::int64_t longest_pair = 0;
    for (const auto& sender : senders) {
      const absl::Duration j = AllowanceOf(sender.throughput, options);
      const std::int64_t iv = IntervalMicros(sender.throughput, j);
      const std::int64_t pair_iv = PairIntervalMicros(sender, options);
      longest_pair = std::max(longest_pair, pair_iv);
      batch.Add({"HSET", prefix + "s:" + sender.id, "iv", absl::StrCat(iv), "pair_iv",
                 absl::StrCat(pair_iv), "active",
                 sender.state == SenderState::kActive && !sender.held ? "1" : "0", "j", Micros(j),
                 "tat", micros(last + absl::Microseconds(iv)), "v", absl::StrCat(sender.version)});
    }
    for (const auto& lane : lanes) {
      if (!lane.rate) continue;
      const std::int64_t iv = IntervalMicros(*lane.rate, AllowanceOf(*lane.rate, options));
      batch.Add({"HSET", prefix + "l:" + lane.id, "tat",
                 micros(last + absl::Microseconds(iv * lane.rate->max_burst))});
    }
    for (const auto& use : recent) {
      batch.Add({"ZADD", prefix + "uniq", micros(use.last_use + options.fast_allowance),
                 absl::StrCat(use.recipient_id)});
      if (batch.size() >= kMaxPush) KABAR_RETURN_IF_ERROR(batch.Run(*lease, deadline));
    }
    for (const auto& window : windows) {
      batch.Add({"ZADD", prefix + "win:" + window.sender_id,
                 micros(window.last_inbound + kDay - absl::Minutes(1)),
                 absl::StrCat(window.recipient_id)});
      if (batch.size() >= kMaxPush) KABAR_RETURN_IF_ERROR(batch.Run(*lease, deadline));
    }
    // Nobody was written to within a day, inside a window or out of it: no pair to be kept apart.
    const bool fresh = recent.empty() && windows.empty();
    batch.Add({"HSET", prefix + "p", "limit", absl::StrCat(portfolio.messaging_limit), "reserve",
               absl::StrCat(ReserveOf(portfolio)), "v", absl::StrCat(portfolio.version),
               "pair_block", micros(fresh ? now : last + absl::Microseconds(longest_pair))});
    KABAR_RETURN_IF_ERROR(batch.Run(*lease, deadline));
    base::FailPoint("limits-rebuilt");
    batch.Add({"SET", prefix + "gen", run_id});
    KABAR_RETURN_IF_ERROR(batch.Run(*lease, deadline));
  }
  for (const auto& lane : lanes) {
    KABAR_ASSIGN_OR_RETURN(auto queued, store.ListQueued(lane.id, deadline));
    KABAR_RETURN_IF_ERROR(ReplaceLane(lane, queued, deadline));
  }
  return absl::OkStatus();
}

}  // namespace kabar::dispatcher
