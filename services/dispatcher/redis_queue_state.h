// What the files of RedisQueue share: its connections and scripts, and how limits become the
// numbers that the scripts count with. Included by redis_queue*.cc and redis_rebuild.cc alone.
//
// Thread safety: safe for concurrent use. Blocks: Run and PushAll until their deadline, RunIdOf
// when a connection is new. Errors: those of queue.h.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/redis/connection.h"
#include "libs/redis/pool.h"
#include "libs/redis/reply.h"
#include "libs/redis/script.h"
#include "services/dispatcher/redis_queue.h"

namespace kabar::dispatcher {

// At most this many ids go into one script call: a script blocks Redis while it runs.
inline constexpr std::size_t kMaxPush = 1000;
inline constexpr absl::Duration kDay = absl::Hours(24);

using RedisArgs = std::vector<std::string>;

std::string RedisPrefix(const std::string& portfolio_id);
std::string Micros(absl::Duration d);

// With burst b, (limit - b + 1) evenly spaced starts and b - 1 borrowed ones never exceed limit.
std::int64_t IntervalMicros(const base::Rate& rate, absl::Duration allowance);
absl::Duration AllowanceOf(const base::Rate& rate, const RedisQueueOptions& options);
// Two messages to one person may come by claims of different J: room for the longest.
std::int64_t PairIntervalMicros(const Sender& sender, const RedisQueueOptions& options);

bool IsFinal(const Lane& lane);

struct RedisQueue::State {
  State(RedisQueueOptions o, base::Clock& c);

  // The run id of the server at the other end of this connection. A connection that is open and has
  // not connected anew since (a command without a script may have made it do so) has been to that
  // one process all along, so the id read then still holds.
  absl::StatusOr<std::string> RunIdOf(redis::Connection& connection, absl::Time deadline);

  struct Answer {
    redis::Reply reply;
    std::int64_t sent_us = 0;      // BOOTTIME before the call
    std::int64_t answered_us = 0;  // and after it
  };

  // Runs a script of ours; its first argument, the run id, is put before `args`.
  absl::StatusOr<Answer> Run(const redis::Script& script, const std::string& portfolio_id,
                             const RedisArgs& args, absl::Time deadline);

  // The slot [t - ahead, t + J] of the server's clock on our CLOCK_BOOTTIME, less what the gate's
  // yes needs to the wire. The server read its clock at some moment between sending and answer: the
  // earliest start assumes the latest such moment, the latest start the earliest.
  struct SlotLength {
    std::int64_t ahead_us = 0;
    std::int64_t allowance_us = 0;
  };
  ClaimedEntry ToEntry(const Answer& answer, std::int64_t server_now, SlotLength length,
                       std::size_t at) const;

  absl::Status PushAll(const Lane& lane, const std::vector<QueueEntry>& entries, How how,
                       absl::Time deadline);

  RedisArgs LaneArgs(const Lane& lane) const;

  const RedisQueueOptions options;
  const absl::Duration early = options.lead + options.max_hold / 2;
  base::Clock& clock;
  redis::Pool pool;
  const redis::Script claim, reslot, give_back, push, put_lane, put_sender;
  const redis::Script slow_sender, refuse_pair, tell_sender, health;  // redis_health.cc
  const redis::Script put_portfolio, open_window, join_recipients, read_quota;
  const redis::Script look;  // redis_look.cc
  std::mutex mutex;
  struct Known {
    std::int64_t times_connected = 0;
    std::string run_id;
  };
  std::map<const redis::Connection*, Known> run_ids;
  std::mutex wake_mutex;
  redis::Connection wake_connection;
};

// A script's integer, whole or as text.
std::int64_t ToInt(const redis::Reply& reply);

}  // namespace kabar::dispatcher
