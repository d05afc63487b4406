#include "services/campaigns/waiting.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kQuiet = absl::Seconds(3);
constexpr absl::Duration kStalled = absl::Seconds(30);
constexpr double kMissedTurns = 5;  // of a slow lane

std::string Messages(std::int64_t n) { return n == 1 ? "1 message" : absl::StrCat(n, " messages"); }

constexpr char kMinute[] = "%Y-%m-%d %H:%M UTC";

std::string TimeText(const char* format, absl::Time time) {
  return absl::FormatTime(format, time, absl::UTCTimeZone());
}

std::string Standstill(const Progress& progress, absl::Time since) {
  return absl::StrCat(Messages(progress.queued()), " queued, but none has gone out since ",
                      TimeText("%Y-%m-%d %H:%M:%S UTC", since));
}

}  // namespace

void Pulse::Feel(const Progress& progress, absl::Time now) {
  const std::int64_t settled = progress.total() - progress.open();
  if (settled_ == settled) return;
  settled_ = settled;
  last_beat_ = now;
}

bool Pulse::IsQuiet(absl::Time now) const { return now - last_beat_ >= kQuiet; }

bool Pulse::HasStalled(double rate_per_s, absl::Time now) const {
  const absl::Duration turns =
      rate_per_s > 0 ? absl::Seconds(kMissedTurns / rate_per_s) : absl::ZeroDuration();
  return now - last_beat_ >= std::max(kStalled, turns);
}

std::string WaitsForPeer(const absl::Status& failure) {
  const std::string peer = PeerOf(failure);
  if (!peer.empty() && (absl::IsUnavailable(failure) || absl::IsDeadlineExceeded(failure))) {
    return absl::StrCat("the ", peer, " service cannot be reached; tried again every few seconds");
  }
  return absl::StrCat(peer.empty() ? "a step" : absl::StrCat("a call to the ", peer, " service"),
                      " failed and is tried again every few seconds: ", failure.message());
}

std::string WaitsForResume(const LaneView& lane) {
  return absl::StrCat(lane.held, "; nothing is sent until it is resumed", lane.lift);
}

std::string WaitsForSender(const std::string& sender_id, const SenderView& sender) {
  if (sender.active) return absl::StrCat("sender ", sender_id, ": ", sender.trouble);
  return absl::StrCat("sender ", sender_id, " is ", sender.state,
                      sender.reason.empty() ? "" : absl::StrCat(" (", sender.reason, ")"),
                      "; nothing is sent until it is ACTIVE again");
}

std::string WaitsForWord(std::int64_t unknown) {
  return absl::StrCat("all is sent, but whether WhatsApp took ", Messages(unknown),
                      " is not known yet; its word is waited for, unless a person decides: "
                      "campaigns resolve-unknown");
}

std::string WaitsForTurn(const Progress& progress, absl::Time since) {
  return absl::StrCat(
      Standstill(progress, since),
      ": they wait for their next try or for a medium that is not uploaded yet "
      "(kabarctl media list), or the dispatcher's workers are busy or away; but for "
      "a medium that is not there, it goes on by itself");
}

std::string WaitsForLimit(const Progress& progress, absl::Time since, const QuotaView& plan) {
  if (plan.limit == 0 || plan.fits_now > 0) return WaitsForTurn(progress, since);
  std::string text =
      absl::StrCat(Standstill(progress, since), ": the portfolio's messaging limit (", plan.limit,
                   " recipients in 24 h, ", plan.reserve,
                   " of them kept for triggers) is used up; it goes on by itself");
  if (plan.next_place) absl::StrAppend(&text, " at ", TimeText(kMinute, *plan.next_place));
  if (plan.left_over > 0) {
    absl::StrAppend(&text, ", but ", Messages(plan.left_over), " will not go before its end");
  } else if (plan.finish) {
    absl::StrAppend(&text, " and is done about ", TimeText(kMinute, *plan.finish));
  }
  return text;
}

}  // namespace kabar::campaigns
