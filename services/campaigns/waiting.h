// Why a running campaign stands still, in one sentence for people, and when that is worth a look.
//
// Thread safety: values and pure functions. Nothing blocks. Errors: none.
#ifndef KABAR_SERVICES_CAMPAIGNS_WAITING_H_
#define KABAR_SERVICES_CAMPAIGNS_WAITING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/campaigns/campaign.h"
#include "services/campaigns/peers.h"

namespace kabar::campaigns {

// When a run's messages last came to something, as its progress told step by step. A try that
// nobody answered is no beat: the probes of a number in trouble must not hide its trouble.
class Pulse {
 public:
  void Feel(const Progress& progress, absl::Time now);
  absl::Time last_beat() const { return last_beat_; }

  // Long enough without a beat to ask the dispatcher what is in the way.
  bool IsQuiet(absl::Time now) const;
  // Longer than the rate explains: something unnamed is in the way.
  bool HasStalled(double rate_per_s, absl::Time now) const;

 private:
  std::optional<std::int64_t> settled_;
  absl::Time last_beat_ = absl::InfinitePast();
};

// A step failed and is tried again.
std::string WaitsForPeer(const absl::Status& failure);
// An operator paused the lane, its number, its outlet or everything.
std::string WaitsForResume(const LaneView& lane);
// The number is PAUSED or STOPPED.
std::string WaitsForSender(const std::string& sender_id, const SenderView& sender);
// All is sent but for `unknown` messages of which nobody knows whether WhatsApp took them.
std::string WaitsForWord(std::int64_t unknown);
// Queued messages do not go, though lane and number could send, and nobody knows what is in the
// way.
std::string WaitsForTurn(const Progress& progress, absl::Time since);
// Queued messages do not go, though lane and number could send: because of the messaging limit, if
// the plan of what is left has no place for them now.
std::string WaitsForLimit(const Progress& progress, absl::Time since, const QuotaView& plan);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_WAITING_H_
