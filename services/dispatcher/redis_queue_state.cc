#include "services/dispatcher/redis_queue_state.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/priority.h"
#include "libs/base/status.h"
#include "libs/redis/server.h"
#include "services/dispatcher/scripts.h"

namespace kabar::dispatcher {
namespace {

absl::Status NotBuilt() {
  return base::Error(absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_BUILT",
                     "this Redis has not been built from the ledger yet; the keeper does it");
}

redis::Script MakeScript(const char* name, absl::string_view body) {
  return redis::Script(
      name, absl::StrCat("local CAMPAIGNS = ", base::kCampaignPriority, "\n", PreludeLua(), body));
}

// A connection must not change its server between the look at the run id and the script.
redis::PoolOptions MakePoolOptions(const RedisQueueOptions& options) {
  redis::PoolOptions pool;
  pool.connection.url = options.url;
  pool.connection.reconnect_unasked = false;
  pool.max_connections = options.max_connections;
  return pool;
}

redis::ConnectionOptions MakeConnectionOptions(const RedisQueueOptions& options) {
  redis::ConnectionOptions connection;
  connection.url = options.url;
  return connection;
}

}  // namespace

std::string RedisPrefix(const std::string& portfolio_id) {
  return absl::StrCat("kabar:{", portfolio_id, "}:");
}

std::string Micros(absl::Duration d) { return absl::StrCat(absl::ToInt64Microseconds(d)); }

std::int64_t IntervalMicros(const base::Rate& rate, absl::Duration allowance) {
  const double spaced =
      static_cast<double>(std::max<std::int64_t>(1, rate.limit - rate.max_burst + 1));
  return static_cast<std::int64_t>(
             std::ceil(absl::ToDoubleMicroseconds(rate.window + allowance) / spaced)) +
         1;
}

absl::Duration AllowanceOf(const base::Rate& rate, const RedisQueueOptions& options) {
  return rate.PerMinute() > options.fast.PerMinute() ? options.fast_allowance : options.allowance;
}

std::int64_t PairIntervalMicros(const Sender& sender, const RedisQueueOptions& options) {
  return IntervalMicros(sender.pair_rate, std::max(options.allowance, options.fast_allowance));
}

std::int64_t ToInt(const redis::Reply& reply) {
  if (reply.is_integer()) return reply.integer;
  std::int64_t value = 0;
  if (!absl::SimpleAtoi(reply.text, &value)) {
    double d = 0;
    if (absl::SimpleAtod(reply.text, &d)) value = static_cast<std::int64_t>(d);
  }
  return value;
}

bool IsFinal(const Lane& lane) {
  return lane.state != LaneState::kRunning && lane.state != LaneState::kPaused;
}

RedisQueue::State::State(RedisQueueOptions o, base::Clock& c)
    : options(std::move(o)),
      clock(c),
      pool(MakePoolOptions(options)),
      claim(MakeScript("claim", ClaimLua())),
      reslot(MakeScript("reslot", ReslotLua())),
      give_back(MakeScript("give_back", GiveBackLua())),
      push(MakeScript("push", PushLua())),
      put_lane(MakeScript("put_lane", PutLaneLua())),
      put_sender(MakeScript("put_sender", PutSenderLua())),
      slow_sender(MakeScript("slow_sender", SlowSenderLua())),
      refuse_pair(MakeScript("refuse_pair", RefusePairLua())),
      tell_sender(MakeScript("tell_sender", TellSenderLua())),
      health(MakeScript("health", HealthLua())),
      put_portfolio(MakeScript("put_portfolio", PutPortfolioLua())),
      open_window(MakeScript("open_window", OpenWindowLua())),
      join_recipients(MakeScript("join_recipients", JoinRecipientsLua())),
      read_quota(MakeScript("read_quota", ReadQuotaLua())),
      look(MakeScript("look", LookLua())),
      wake_connection(MakeConnectionOptions(options)) {}

// What the keys mean, as part of the generation: with another number here, what an older version
// built is built anew. 3: recipients' ids follow from their addresses, and who has two of them is
// known by one alone (JoinRecipients).
constexpr absl::string_view kMeaning = "/3";

absl::StatusOr<std::string> RedisQueue::State::RunIdOf(redis::Connection& connection,
                                                       absl::Time deadline) {
  {
    std::lock_guard lock(mutex);
    auto it = run_ids.find(&connection);
    if (it != run_ids.end() && connection.connected() &&
        it->second.times_connected == connection.times_connected()) {
      return it->second.run_id;
    }
    run_ids.erase(&connection);
  }
  KABAR_ASSIGN_OR_RETURN(std::string id, redis::RunId(connection, deadline));
  absl::StrAppend(&id, kMeaning);
  std::lock_guard lock(mutex);
  run_ids[&connection] = {connection.times_connected(), id};
  return id;
}

absl::StatusOr<RedisQueue::State::Answer> RedisQueue::State::Run(const redis::Script& script,
                                                                 const std::string& portfolio_id,
                                                                 const RedisArgs& args,
                                                                 absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(auto lease, pool.Acquire(deadline));
  KABAR_ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(*lease, deadline));
  std::vector<absl::string_view> views = {run_id};
  views.insert(views.end(), args.begin(), args.end());
  const std::string prefix = RedisPrefix(portfolio_id);
  Answer answer;
  answer.sent_us = clock.BoottimeMicros();
  auto reply = script.Run(*lease, {absl::string_view(prefix)}, views, deadline);
  answer.answered_us = clock.BoottimeMicros();
  if (!reply.ok()) return base::Annotate(reply.status(), script.name());
  answer.reply = *std::move(reply);
  if (!answer.reply.is_array() || answer.reply.elements.empty()) {
    return absl::InternalError(absl::StrCat("script ", script.name(), " answered no list"));
  }
  const std::string& status = answer.reply.elements[0].text;
  if (status == "REBUILD") return NotBuilt();
  if (status == "NO_LANE") {
    return base::Error(absl::StatusCode::kNotFound, "LANE_NOT_IN_QUEUE",
                       "Redis does not know this lane; put it first");
  }
  return answer;
}

ClaimedEntry RedisQueue::State::ToEntry(const Answer& answer, std::int64_t server_now,
                                        SlotLength length, std::size_t at) const {
  const auto& e = answer.reply.elements;
  ClaimedEntry entry;
  entry.server_slot_us = ToInt(e[at + 2]);
  const std::int64_t ahead = entry.server_slot_us - server_now;
  entry.entry.message_id = e[at].text;
  entry.entry.recipient_id = ToInt(e[at + 1]);
  entry.start_not_before_us = answer.answered_us + ahead - length.ahead_us;
  entry.start_not_after_us =
      answer.sent_us + ahead + length.allowance_us - absl::ToInt64Microseconds(options.to_the_wire);
  return entry;
}

absl::Status RedisQueue::State::PushAll(const Lane& lane, const std::vector<QueueEntry>& entries,
                                        How how, absl::Time deadline) {
  const bool replace = how == How::kReplace;
  const absl::Time now = clock.Now();
  for (std::size_t i = 0; i < entries.size() || (i == 0 && replace); i += kMaxPush) {
    const char* mode = how == How::kAppendMissing ? "2" : replace && i == 0 ? "1" : "0";
    RedisArgs args = {lane.id, Micros(early), mode};
    for (std::size_t k = i; k < std::min(entries.size(), i + kMaxPush); ++k) {
      const absl::Duration wait = std::max(entries[k].not_before - now, absl::ZeroDuration());
      args.push_back(absl::StrCat(entries[k].message_id, " ", entries[k].recipient_id));
      args.push_back(wait == absl::InfiniteDuration() ? Micros(kDay) : Micros(wait));
    }
    KABAR_RETURN_IF_ERROR(Run(push, lane.portfolio_id, args, deadline).status());
  }
  return absl::OkStatus();
}

RedisArgs RedisQueue::State::LaneArgs(const Lane& lane) const {
  const absl::Duration allowance =
      lane.rate ? AllowanceOf(*lane.rate, options) : absl::ZeroDuration();
  return {lane.id,
          lane.sender_id,
          absl::StrCat(lane.priority),
          absl::StrCat(lane.rate ? IntervalMicros(*lane.rate, allowance) : 0),
          absl::StrCat(lane.rate ? lane.rate->max_burst : 1),
          lane.state == LaneState::kRunning && !lane.held ? "1" : "0",
          Micros(early),
          IsFinal(lane) ? "1" : "0",
          Micros(allowance),
          absl::StrCat(lane.version)};
}

}  // namespace kabar::dispatcher
