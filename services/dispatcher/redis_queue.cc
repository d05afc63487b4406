#include "services/dispatcher/redis_queue.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/defect.h"
#include "libs/base/fail_point.h"
#include "libs/base/status.h"
#include "libs/redis/connection.h"
#include "libs/redis/pool.h"
#include "libs/redis/reply.h"
#include "libs/redis/script.h"
#include "libs/redis/server.h"
#include "services/dispatcher/scripts.h"

namespace kabar::dispatcher {
namespace {

using Args = std::vector<std::string>;

// At most this many ids go into one script call: a script blocks Redis while it runs.
constexpr std::size_t kMaxPush = 1000;
constexpr absl::Duration kDay = absl::Hours(24);

std::string Prefix(const std::string& portfolio_id) {
  return absl::StrCat("kabar:{", portfolio_id, "}:");
}

std::string Micros(absl::Duration d) { return absl::StrCat(absl::ToInt64Microseconds(d)); }

// With burst b, (limit - b + 1) evenly spaced starts and b - 1 borrowed ones never exceed limit.
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

// Two messages to one person may come by claims of different J: room for the longest.
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

absl::Status NotBuilt() {
  return base::Error(absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_BUILT",
                     "this Redis has not been built from the ledger yet; the keeper does it");
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

bool IsFinal(const Lane& lane) {
  return lane.state != LaneState::kRunning && lane.state != LaneState::kPaused;
}

}  // namespace

struct RedisQueue::State {
  State(RedisQueueOptions o, base::Clock& c)
      : options(std::move(o)),
        clock(c),
        pool(MakePoolOptions(options)),
        claim("claim", absl::StrCat(PreludeLua(), ClaimLua())),
        reslot("reslot", absl::StrCat(PreludeLua(), ReslotLua())),
        give_back("give_back", absl::StrCat(PreludeLua(), GiveBackLua())),
        push("push", absl::StrCat(PreludeLua(), PushLua())),
        put_lane("put_lane", absl::StrCat(PreludeLua(), PutLaneLua())),
        put_sender("put_sender", absl::StrCat(PreludeLua(), PutSenderLua())),
        slow_sender("slow_sender", absl::StrCat(PreludeLua(), SlowSenderLua())),
        wake_connection(MakeConnectionOptions(options)) {}

  // The run id of the server at the other end of this connection. A connection that is open and has
  // not connected anew since (a command without a script may have made it do so) has been to that
  // one process all along, so the id read then still holds.
  absl::StatusOr<std::string> RunIdOf(redis::Connection& connection, absl::Time deadline) {
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
    std::lock_guard lock(mutex);
    run_ids[&connection] = {connection.times_connected(), id};
    return id;
  }

  struct Answer {
    redis::Reply reply;
    std::int64_t sent_us = 0;      // BOOTTIME before the call
    std::int64_t answered_us = 0;  // and after it
  };

  // Runs a script of ours; its first argument, the run id, is put before `args`.
  absl::StatusOr<Answer> Run(const redis::Script& script, const std::string& portfolio_id,
                             const Args& args, absl::Time deadline) {
    KABAR_ASSIGN_OR_RETURN(auto lease, pool.Acquire(deadline));
    KABAR_ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(*lease, deadline));
    std::vector<absl::string_view> views = {run_id};
    views.insert(views.end(), args.begin(), args.end());
    const std::string prefix = Prefix(portfolio_id);
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

  // The slot [t, t + J] of the server's clock on our CLOCK_BOOTTIME, less what the gate's yes needs
  // to the wire. The server read its clock at some moment between sending and answer: the earliest
  // start assumes the latest such moment, the latest start the earliest.
  ClaimedEntry ToEntry(const Answer& answer, std::int64_t server_now, std::int64_t allowance,
                       std::size_t at) const {
    const auto& e = answer.reply.elements;
    ClaimedEntry entry;
    entry.server_slot_us = ToInt(e[at + 2]);
    const std::int64_t ahead = entry.server_slot_us - server_now;
    entry.entry.message_id = e[at].text;
    entry.entry.recipient_id = ToInt(e[at + 1]);
    entry.start_not_before_us = answer.answered_us + ahead;
    entry.start_not_after_us =
        answer.sent_us + ahead + allowance - absl::ToInt64Microseconds(options.to_the_wire);
    return entry;
  }

  absl::Status PushAll(const Lane& lane, const std::vector<QueueEntry>& entries, How how,
                       absl::Time deadline) {
    const bool replace = how == How::kReplace;
    const absl::Time now = clock.Now();
    for (std::size_t i = 0; i < entries.size() || (i == 0 && replace); i += kMaxPush) {
      const char* mode = how == How::kAppendMissing ? "2" : replace && i == 0 ? "1" : "0";
      Args args = {lane.id, Micros(early), mode};
      for (std::size_t k = i; k < std::min(entries.size(), i + kMaxPush); ++k) {
        const absl::Duration wait = std::max(entries[k].not_before - now, absl::ZeroDuration());
        args.push_back(entries[k].message_id);
        args.push_back(absl::StrCat(entries[k].recipient_id));
        args.push_back(wait == absl::InfiniteDuration() ? Micros(kDay) : Micros(wait));
      }
      KABAR_RETURN_IF_ERROR(Run(push, lane.portfolio_id, args, deadline).status());
    }
    return absl::OkStatus();
  }

  Args LaneArgs(const Lane& lane) const {
    const absl::Duration allowance =
        lane.rate ? AllowanceOf(*lane.rate, options) : absl::ZeroDuration();
    return {lane.id,
            lane.sender_id,
            absl::StrCat(lane.priority),
            absl::StrCat(lane.rate ? IntervalMicros(*lane.rate, allowance) : 0),
            absl::StrCat(lane.rate ? lane.rate->max_burst : 1),
            lane.state == LaneState::kRunning ? "1" : "0",
            Micros(early),
            IsFinal(lane) ? "1" : "0",
            Micros(allowance)};
  }

  const RedisQueueOptions options;
  const absl::Duration early = options.lead + options.max_hold / 2;
  base::Clock& clock;
  redis::Pool pool;
  const redis::Script claim, reslot, give_back, push, put_lane, put_sender, slow_sender;
  std::mutex mutex;
  struct Known {
    std::int64_t times_connected = 0;
    std::string run_id;
  };
  std::map<const redis::Connection*, Known> run_ids;
  std::mutex wake_mutex;
  redis::Connection wake_connection;
};

RedisQueue::RedisQueue(RedisQueueOptions options, base::Clock& clock)
    : state_(std::make_unique<State>(std::move(options), clock)) {}
RedisQueue::~RedisQueue() = default;

absl::StatusOr<Claim> RedisQueue::ClaimNext(const std::string& portfolio_id, int max,
                                            absl::Duration hold, absl::Time deadline) {
  const Args args = {absl::StrCat(max), Micros(std::min(hold, state_->options.max_hold)),
                     Micros(state_->options.lead), Micros(state_->early)};
  KABAR_ASSIGN_OR_RETURN(auto answer, state_->Run(state_->claim, portfolio_id, args, deadline));
  const auto& e = answer.reply.elements;
  if (e.size() < 6) return absl::InternalError("script claim answered too little");
  const std::int64_t server_now = ToInt(e[1]);
  const std::int64_t next = ToInt(e[2]);
  Claim claim;
  // Nothing known to come: a push wakes us; look anyway once a second.
  const std::int64_t idle = absl::ToInt64Microseconds(absl::Seconds(1));
  claim.next_claim_us = answer.answered_us +
                        (next == 0 ? idle : std::clamp<std::int64_t>(next - server_now, 0, idle));
  for (std::size_t i = 6; i + 2 < e.size(); i += 3) {
    claim.entries.push_back(state_->ToEntry(answer, server_now, ToInt(e[5]), i));
  }
  if (!claim.entries.empty()) {
    claim.lane_id = e[3].text;
    claim.sender_id = e[4].text;
  }
  return claim;
}

absl::StatusOr<std::vector<ClaimedEntry>> RedisQueue::Reslot(const std::string& portfolio_id,
                                                             const std::string& lane_id,
                                                             const std::vector<QueueEntry>& entries,
                                                             absl::Time deadline) {
  Args args = {lane_id, Micros(state_->options.max_hold), Micros(state_->options.lead),
               Micros(state_->early)};
  for (const auto& entry : entries) {
    args.push_back(entry.message_id);
    args.push_back(absl::StrCat(entry.recipient_id));
  }
  KABAR_ASSIGN_OR_RETURN(auto answer, state_->Run(state_->reslot, portfolio_id, args, deadline));
  const auto& e = answer.reply.elements;
  std::vector<ClaimedEntry> slots;
  if (e.size() < 3) return absl::InternalError("script reslot answered too little");
  for (std::size_t i = 3; i + 2 < e.size(); i += 3) {
    slots.push_back(state_->ToEntry(answer, ToInt(e[1]), ToInt(e[2]), i));
  }
  return slots;
}

absl::Status RedisQueue::GiveBack(const std::string& portfolio_id, const std::string& sender_id,
                                  const std::vector<ClaimedEntry>& unsent, absl::Time deadline) {
  for (std::size_t i = 0; i < unsent.size(); i += kMaxPush) {
    Args args = {sender_id};
    for (std::size_t k = i; k < std::min(unsent.size(), i + kMaxPush); ++k) {
      args.push_back(absl::StrCat(unsent[k].entry.recipient_id));
      args.push_back(absl::StrCat(unsent[k].server_slot_us));
    }
    KABAR_RETURN_IF_ERROR(state_->Run(state_->give_back, portfolio_id, args, deadline).status());
  }
  return absl::OkStatus();
}

absl::Status RedisQueue::PushWith(const Lane& lane, const std::vector<QueueEntry>& entries, How how,
                                  absl::Time deadline) {
  absl::Status status = state_->PushAll(lane, entries, how, deadline);
  // A caller who knows the whole lane may put it; the others leave it to the sweeper.
  if (base::GetReason(status) == "LANE_NOT_IN_QUEUE" && !lane.sender_id.empty()) {
    KABAR_RETURN_IF_ERROR(PutLane(lane, deadline));
    status = state_->PushAll(lane, entries, how, deadline);
  }
  return status;
}

absl::Status RedisQueue::Push(const Lane& lane, const std::vector<QueueEntry>& entries,
                              absl::Time deadline) {
  return PushWith(lane, entries, How::kAppend, deadline);
}

absl::Status RedisQueue::PushAgain(const Lane& lane, const std::vector<QueueEntry>& entries,
                                   absl::Time deadline) {
  return PushWith(lane, entries, How::kAppendMissing, deadline);
}

absl::Status RedisQueue::ReplaceLane(const Lane& lane, const std::vector<QueueEntry>& entries,
                                     absl::Time deadline) {
  KABAR_RETURN_IF_ERROR(PutLane(lane, deadline));
  if (IsFinal(lane)) return absl::OkStatus();
  return state_->PushAll(lane, entries, How::kReplace, deadline);
}

absl::Status RedisQueue::PutLane(const Lane& lane, absl::Time deadline) {
  if (base::HasDefect("cancel-not-looked-at") && lane.state != LaneState::kRunning) {
    return absl::OkStatus();
  }
  return state_->Run(state_->put_lane, lane.portfolio_id, state_->LaneArgs(lane), deadline)
      .status();
}

absl::Status RedisQueue::PutSender(const Sender& sender, absl::Time deadline) {
  const absl::Duration j = AllowanceOf(sender.throughput, state_->options);
  const Args args = {sender.id,
                     absl::StrCat(IntervalMicros(sender.throughput, j)),
                     absl::StrCat(PairIntervalMicros(sender, state_->options)),
                     sender.state == SenderState::kActive ? "1" : "0",
                     Micros(state_->early),
                     Micros(j)};
  return state_->Run(state_->put_sender, sender.portfolio_id, args, deadline).status();
}

absl::Status RedisQueue::PutPortfolio(const Portfolio& portfolio, absl::Time deadline) {
  const std::string key = Prefix(portfolio.id) + "p";
  return state_->pool
      .Command({"HSET", key, "limit", absl::StrCat(portfolio.messaging_limit)}, deadline)
      .status();
}

absl::Status RedisQueue::OpenWindow(const std::string& portfolio_id, const std::string& sender_id,
                                    std::int64_t recipient_id, absl::Time last_inbound,
                                    absl::Time deadline) {
  const std::string key = absl::StrCat(Prefix(portfolio_id), "win:", sender_id);
  // The ledger closes a window a minute early; here too, so that both count it alike.
  const std::string end = absl::StrCat(absl::ToUnixMicros(last_inbound + kDay - absl::Minutes(1)));
  return state_->pool.Command({"ZADD", key, "GT", end, absl::StrCat(recipient_id)}, deadline)
      .status();
}

absl::Status RedisQueue::CloseWindow(const std::string& portfolio_id, const std::string& sender_id,
                                     std::int64_t recipient_id, absl::Time deadline) {
  const std::string key = absl::StrCat(Prefix(portfolio_id), "win:", sender_id);
  return state_->pool.Command({"ZREM", key, absl::StrCat(recipient_id)}, deadline).status();
}

absl::Status RedisQueue::SlowSender(const std::string& portfolio_id, const std::string& sender_id,
                                    double fraction, absl::Duration duration, absl::Time deadline) {
  return state_
      ->Run(state_->slow_sender, portfolio_id,
            {sender_id, absl::StrCat(fraction), Micros(duration)}, deadline)
      .status();
}

absl::StatusOr<std::int64_t> RedisQueue::LaneLength(const Lane& lane, absl::Time deadline) {
  const std::string prefix = Prefix(lane.portfolio_id);
  const std::string list = absl::StrCat(prefix, "q:", lane.id);
  const std::string delayed = absl::StrCat(prefix, "d:", lane.id);
  KABAR_ASSIGN_OR_RETURN(const redis::Reply a, state_->pool.Command({"LLEN", list}, deadline));
  KABAR_ASSIGN_OR_RETURN(const redis::Reply b, state_->pool.Command({"ZCARD", delayed}, deadline));
  return a.integer + b.integer;
}

absl::StatusOr<bool> RedisQueue::IsBuilt(const std::string& portfolio_id, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(auto lease, state_->pool.Acquire(deadline));
  KABAR_ASSIGN_OR_RETURN(const std::string run_id, state_->RunIdOf(*lease, deadline));
  const std::string key = Prefix(portfolio_id) + "gen";
  KABAR_ASSIGN_OR_RETURN(const redis::Reply reply, lease->Command({"GET", key}, deadline));
  return reply.is_text() && reply.text == run_id;
}

absl::StatusOr<std::string> RedisQueue::WaitForWake(const std::vector<std::string>& portfolio_ids,
                                                    absl::Duration timeout) {
  std::lock_guard lock(state_->wake_mutex);
  Args args = {"BLPOP"};
  for (const auto& id : portfolio_ids) args.push_back(Prefix(id) + "wake");
  args.push_back(absl::StrCat(absl::ToDoubleSeconds(timeout)));
  const std::vector<absl::string_view> views(args.begin(), args.end());
  // The socket must outlive the server's own wait, or each quiet second would cost a connection.
  KABAR_ASSIGN_OR_RETURN(
      const redis::Reply reply,
      state_->wake_connection.Command(views, state_->clock.Now() + timeout + absl::Seconds(2)));
  if (!reply.is_array() || reply.elements.empty()) return std::string();
  for (const auto& id : portfolio_ids) {
    if (reply.elements[0].text == Prefix(id) + "wake") return id;
  }
  return std::string();
}

namespace {

// Commands whose words must live until the pipeline has run.
class Batch {
 public:
  void Add(Args args) { commands_.push_back(std::move(args)); }
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
  std::vector<Args> commands_;
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
  const std::string prefix = Prefix(portfolio.id);
  const auto& options = state_->options;
  {
    KABAR_ASSIGN_OR_RETURN(auto lease, state_->pool.Acquire(deadline));
    KABAR_ASSIGN_OR_RETURN(const std::string run_id, state_->RunIdOf(*lease, deadline));
    KABAR_RETURN_IF_ERROR(DeleteAll(*lease, prefix, deadline));
    KABAR_ASSIGN_OR_RETURN(auto recent, store.ListRecentRecipients(portfolio.id, deadline));
    KABAR_ASSIGN_OR_RETURN(auto windows, store.ListOpenWindows(portfolio.id, deadline));
    KABAR_ASSIGN_OR_RETURN(const absl::Time now, redis::ServerTime(*lease, deadline));
    // What the lost Redis may have handed out last starts at the latest then.
    const absl::Time last = base::HasDefect("limits-forgotten")
                                ? absl::UnixEpoch()
                                : now + options.lead + options.max_hold + options.fast_allowance;
    auto micros = [](absl::Time t) { return absl::StrCat(absl::ToUnixMicros(t)); };

    Batch batch;
    std::int64_t longest_pair = 0;
    for (const auto& sender : senders) {
      const absl::Duration j = AllowanceOf(sender.throughput, options);
      const std::int64_t iv = IntervalMicros(sender.throughput, j);
      const std::int64_t pair_iv = PairIntervalMicros(sender, options);
      longest_pair = std::max(longest_pair, pair_iv);
      batch.Add({"HSET", prefix + "s:" + sender.id, "iv", absl::StrCat(iv), "pair_iv",
                 absl::StrCat(pair_iv), "active", sender.state == SenderState::kActive ? "1" : "0",
                 "j", Micros(j), "tat", micros(last + absl::Microseconds(iv))});
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
    batch.Add({"HSET", prefix + "p", "limit", absl::StrCat(portfolio.messaging_limit), "pair_block",
               micros(fresh ? now : last + absl::Microseconds(longest_pair))});
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
