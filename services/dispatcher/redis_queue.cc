#include "services/dispatcher/redis_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/defect.h"
#include "libs/base/status.h"
#include "services/dispatcher/redis_queue_state.h"

namespace kabar::dispatcher {

RedisQueue::RedisQueue(RedisQueueOptions options, base::Clock& clock)
    : state_(std::make_unique<State>(std::move(options), clock)) {}
RedisQueue::~RedisQueue() = default;

absl::StatusOr<Claim> RedisQueue::ClaimNext(const std::string& portfolio_id, int max,
                                            absl::Duration hold, absl::Duration lead,
                                            absl::Time deadline) {
  lead = std::min(lead, state_->options.longest_lead);
  const RedisArgs args = {absl::StrCat(max), Micros(std::min(hold, state_->options.max_hold)),
                          Micros(lead), Micros(lead + state_->options.max_hold / 2)};
  KABAR_ASSIGN_OR_RETURN(auto answer, state_->Run(state_->claim, portfolio_id, args, deadline));
  const auto& e = answer.reply.elements;
  if (e.size() < 8) return absl::InternalError("script claim answered too little");
  const std::int64_t server_now = ToInt(e[1]);
  const std::int64_t next = ToInt(e[2]);
  Claim claim;
  // Nothing known to come: a push wakes us; look anyway once a second.
  const std::int64_t idle = absl::ToInt64Microseconds(absl::Seconds(1));
  claim.next_claim_us = answer.answered_us +
                        (next == 0 ? idle : std::clamp<std::int64_t>(next - server_now, 0, idle));
  const State::SlotLength length = {.ahead_us = ToInt(e[6]), .allowance_us = ToInt(e[5])};
  for (std::size_t i = 8; i + 3 < e.size(); i += 4) {
    claim.entries.push_back(state_->ToEntry(answer, server_now, length, i));
    claim.entries.back().took_place = ToInt(e[i + 3]) == 1;
    claim.entries.back().in_window = ToInt(e[i + 3]) == 2;
  }
  if (!claim.entries.empty()) {
    claim.lane_id = e[3].text;
    claim.sender_id = e[4].text;
    claim.probe = e[7].text == "probe";
    claim.suspect = e[7].text == "suspect";
  }
  return claim;
}

absl::StatusOr<std::vector<ClaimedEntry>> RedisQueue::Reslot(const std::string& portfolio_id,
                                                             const std::string& lane_id,
                                                             const std::vector<ClaimedEntry>& late,
                                                             absl::Time deadline) {
  RedisArgs args = {lane_id, Micros(state_->options.max_hold), Micros(state_->options.lead),
                    Micros(state_->early)};
  for (const ClaimedEntry& one : late) {
    args.push_back(one.entry.message_id);
    args.push_back(absl::StrCat(one.entry.recipient_id));
    args.push_back(absl::StrCat(one.server_slot_us));
    args.push_back(one.took_place ? "1" : "0");
  }
  KABAR_ASSIGN_OR_RETURN(auto answer, state_->Run(state_->reslot, portfolio_id, args, deadline));
  const auto& e = answer.reply.elements;
  std::vector<ClaimedEntry> slots;
  if (e.size() < 4) return absl::InternalError("script reslot answered too little");
  const State::SlotLength length = {.ahead_us = ToInt(e[3]), .allowance_us = ToInt(e[2])};
  for (std::size_t i = 4; i + 3 < e.size(); i += 4) {
    slots.push_back(state_->ToEntry(answer, ToInt(e[1]), length, i));
    slots.back().took_place = ToInt(e[i + 3]) == 1;
    slots.back().in_window = late[slots.size() - 1].in_window;
  }
  return slots;
}

absl::Status RedisQueue::GiveBack(const std::string& portfolio_id, const std::string& sender_id,
                                  const std::vector<ClaimedEntry>& unsent, absl::Time deadline) {
  for (std::size_t i = 0; i < unsent.size(); i += kMaxPush) {
    RedisArgs args = {sender_id, Micros(state_->early)};
    for (std::size_t k = i; k < std::min(unsent.size(), i + kMaxPush); ++k) {
      args.push_back(absl::StrCat(unsent[k].entry.recipient_id));
      args.push_back(absl::StrCat(unsent[k].server_slot_us));
      args.push_back(unsent[k].took_place ? "1" : "0");
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
  const RedisArgs args = {sender.id,
                          absl::StrCat(IntervalMicros(sender.throughput, j)),
                          absl::StrCat(PairIntervalMicros(sender, state_->options)),
                          sender.state == SenderState::kActive && !sender.held ? "1" : "0",
                          Micros(state_->early),
                          Micros(j),
                          absl::StrCat(sender.version)};
  return state_->Run(state_->put_sender, sender.portfolio_id, args, deadline).status();
}

absl::Status RedisQueue::PutPortfolio(const Portfolio& portfolio, absl::Time deadline) {
  return state_
      ->Run(state_->put_portfolio, portfolio.id,
            {absl::StrCat(portfolio.messaging_limit), absl::StrCat(ReserveOf(portfolio)),
             Micros(state_->early), absl::StrCat(portfolio.version)},
            deadline)
      .status();
}

absl::Status RedisQueue::OpenWindow(const std::string& portfolio_id, const std::string& sender_id,
                                    std::int64_t recipient_id, absl::Time last_inbound,
                                    absl::Time deadline) {
  // The ledger closes a window a minute early; here too, so that both count it alike.
  const std::string end = absl::StrCat(absl::ToUnixMicros(last_inbound + kDay - absl::Minutes(1)));
  return state_
      ->Run(state_->open_window, portfolio_id,
            {sender_id, absl::StrCat(recipient_id), end, Micros(state_->early)}, deadline)
      .status();
}

absl::Status RedisQueue::CloseWindow(const std::string& portfolio_id, const std::string& sender_id,
                                     std::int64_t recipient_id, absl::Time deadline) {
  const std::string key = absl::StrCat(RedisPrefix(portfolio_id), "win:", sender_id);
  return state_->pool.Command({"ZREM", key, absl::StrCat(recipient_id)}, deadline).status();
}

absl::Status RedisQueue::JoinRecipients(const std::string& portfolio_id,
                                        const std::vector<std::string>& sender_ids,
                                        const std::vector<Store::Linked>& links,
                                        absl::Time deadline) {
  RedisArgs args = {Micros(state_->early), absl::StrCat(sender_ids.size())};
  args.insert(args.end(), sender_ids.begin(), sender_ids.end());
  for (const Store::Linked& link : links) {
    args.push_back(absl::StrCat(link.given_up));
    args.push_back(absl::StrCat(link.recipient_id));
  }
  return state_->Run(state_->join_recipients, portfolio_id, args, deadline).status();
}

absl::StatusOr<std::int64_t> RedisQueue::LaneLength(const Lane& lane, absl::Time deadline) {
  const std::string prefix = RedisPrefix(lane.portfolio_id);
  const std::string list = absl::StrCat(prefix, "q:", lane.id);
  const std::string delayed = absl::StrCat(prefix, "d:", lane.id);
  const std::string waiting = absl::StrCat(prefix, "w:", lane.id);
  KABAR_ASSIGN_OR_RETURN(const redis::Reply a, state_->pool.Command({"LLEN", list}, deadline));
  KABAR_ASSIGN_OR_RETURN(const redis::Reply b, state_->pool.Command({"ZCARD", delayed}, deadline));
  KABAR_ASSIGN_OR_RETURN(const redis::Reply c, state_->pool.Command({"LLEN", waiting}, deadline));
  return a.integer + b.integer + c.integer;
}

absl::StatusOr<Queue::Quota> RedisQueue::ReadQuota(const std::string& portfolio_id,
                                                   const std::vector<std::string>& lane_ids,
                                                   absl::Time deadline) {
  const std::int64_t steps = absl::Hours(24) / kQuotaStep;
  RedisArgs args = {Micros(kQuotaStep), absl::StrCat(steps)};
  args.insert(args.end(), lane_ids.begin(), lane_ids.end());
  KABAR_ASSIGN_OR_RETURN(auto answer,
                         state_->Run(state_->read_quota, portfolio_id, args, deadline));
  const auto& e = answer.reply.elements;
  if (e.size() != 2 + static_cast<std::size_t>(steps) + lane_ids.size()) {
    return absl::InternalError("script read_quota answered another number of figures");
  }
  Quota quota{.now = absl::FromUnixMicros(ToInt(e[1]))};
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t leave = ToInt(e[2 + static_cast<std::size_t>(i)]);
    if (leave > 0) quota.uses.push_back({quota.now + (i + 1) * kQuotaStep, leave});
  }
  for (std::size_t i = 2 + static_cast<std::size_t>(steps); i < e.size(); ++i)
    quota.queued.push_back(ToInt(e[i]));
  return quota;
}

absl::StatusOr<bool> RedisQueue::IsBuilt(const std::string& portfolio_id, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(auto lease, state_->pool.Acquire(deadline));
  KABAR_ASSIGN_OR_RETURN(const std::string run_id, state_->RunIdOf(*lease, deadline));
  const std::string key = RedisPrefix(portfolio_id) + "gen";
  KABAR_ASSIGN_OR_RETURN(const redis::Reply reply, lease->Command({"GET", key}, deadline));
  return reply.is_text() && reply.text == run_id;
}

absl::StatusOr<std::string> RedisQueue::WaitForWake(const std::vector<std::string>& portfolio_ids,
                                                    absl::Duration timeout) {
  std::lock_guard lock(state_->wake_mutex);
  RedisArgs args = {"BLPOP"};
  for (const auto& id : portfolio_ids) args.push_back(RedisPrefix(id) + "wake");
  args.push_back(absl::StrCat(absl::ToDoubleSeconds(timeout)));
  const std::vector<absl::string_view> views(args.begin(), args.end());
  // The socket must outlive the server's own wait, or each quiet second would cost a connection.
  KABAR_ASSIGN_OR_RETURN(
      const redis::Reply reply,
      state_->wake_connection.Command(views, state_->clock.Now() + timeout + absl::Seconds(2)));
  if (!reply.is_array() || reply.elements.empty()) return std::string();
  for (const auto& id : portfolio_ids) {
    if (reply.elements[0].text == RedisPrefix(id) + "wake") return id;
  }
  return std::string();
}

}  // namespace kabar::dispatcher
