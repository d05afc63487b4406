// How a number fares: its speed after refusals and its circuit (RedisQueue).
#include "absl/strings/str_cat.h"
#include "libs/base/backoff.h"
#include "libs/base/status.h"
#include "services/dispatcher/redis_queue.h"
#include "services/dispatcher/redis_queue_state.h"

namespace kabar::dispatcher {
namespace {

constexpr double kJitter = 0.2;  // numbers that failed together do not come back together

const char* WordOf(SenderNews::Probe probe) {
  switch (probe) {
    case SenderNews::Probe::kWell:
      return "well";
    case SenderNews::Probe::kFailed:
      return "failed";
    case SenderNews::Probe::kUnused:
      return "unused";
    case SenderNews::Probe::kNone:
      break;
  }
  return "";
}

// `until_us` on the server's clock, 0: closed.
SenderHealth MakeHealth(std::int64_t thousandths, std::int64_t until_us, std::int64_t failures,
                        std::int64_t server_now_us, absl::Time now) {
  SenderHealth health;
  health.fraction = static_cast<double>(thousandths) / 1000;
  health.failures = static_cast<int>(failures);
  health.open = until_us > 0;
  if (health.open) health.open_until = now + absl::Microseconds(until_us - server_now_us);
  return health;
}

}  // namespace

absl::StatusOr<bool> RedisQueue::SlowSender(const std::string& portfolio_id,
                                            const std::string& sender_id, std::int64_t slot_us,
                                            absl::Time deadline) {
  const SenderPolicy& policy = state_->options.sender;
  KABAR_ASSIGN_OR_RETURN(const auto answer,
                         state_->Run(state_->slow_sender, portfolio_id,
                                     {sender_id, absl::StrCat(slot_us), Micros(policy.step),
                                      absl::StrCat(policy.slowest)},
                                     deadline));
  const auto& e = answer.reply.elements;
  if (e.size() < 3) return absl::InternalError("script slow_sender answered too little");
  return e[2].text == "1";
}

absl::StatusOr<absl::Duration> RedisQueue::RefusePair(const std::string& portfolio_id,
                                                      const std::string& sender_id,
                                                      std::int64_t recipient_id,
                                                      absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(const auto answer,
                         state_->Run(state_->refuse_pair, portfolio_id,
                                     {sender_id, absl::StrCat(recipient_id)}, deadline));
  const auto& e = answer.reply.elements;
  if (e.size() < 2) return absl::InternalError("script refuse_pair answered too little");
  return absl::Microseconds(ToInt(e[1]));
}

absl::StatusOr<SenderHealth> RedisQueue::TellSender(const std::string& portfolio_id,
                                                    const std::string& sender_id,
                                                    const SenderNews& news, absl::Time deadline) {
  const SenderPolicy& policy = state_->options.sender;
  const double jitter = 1 + kJitter * (2 * base::UniformRandom() - 1);
  const RedisArgs args = {sender_id,
                          Micros(state_->early),
                          news.went_well ? "1" : "0",
                          absl::StrCat(news.failures),
                          absl::StrCat(news.failed_slot_us),
                          WordOf(news.probe),
                          absl::StrCat(policy.failures),
                          Micros(policy.cool_down),
                          Micros(policy.longest_cool_down),
                          absl::StrCat(jitter),
                          Micros(policy.probe_for),
                          Micros(policy.step),
                          absl::StrCat(policy.slowest)};
  KABAR_ASSIGN_OR_RETURN(const auto answer,
                         state_->Run(state_->tell_sender, portfolio_id, args, deadline));
  const auto& e = answer.reply.elements;
  if (e.size() < 5) return absl::InternalError("script tell_sender answered too little");
  return MakeHealth(ToInt(e[4]), ToInt(e[2]), ToInt(e[3]), ToInt(e[1]), state_->clock.Now());
}

absl::StatusOr<std::vector<SenderHealth>> RedisQueue::GetHealth(
    const std::string& portfolio_id, const std::vector<std::string>& sender_ids,
    absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(const auto answer,
                         state_->Run(state_->health, portfolio_id, sender_ids, deadline));
  const auto& e = answer.reply.elements;
  if (e.size() < 2 + 3 * sender_ids.size()) {
    return absl::InternalError("script health answered too little");
  }
  std::vector<SenderHealth> all;
  for (std::size_t i = 2; i + 2 < e.size(); i += 3) {
    all.push_back(MakeHealth(ToInt(e[i]), ToInt(e[i + 1]), ToInt(e[i + 2]), ToInt(e[1]),
                             state_->clock.Now()));
  }
  return all;
}

}  // namespace kabar::dispatcher
