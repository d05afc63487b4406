// What a preflight has found so far: counts by reason, the first texts. Its size does not grow with
// the audience.
//
// Thread safety: a value of one thread. Nothing blocks. Errors: none.
#ifndef KABAR_SERVICES_CAMPAIGNS_PREFLIGHT_H_
#define KABAR_SERVICES_CAMPAIGNS_PREFLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/rate_card.h"

namespace kabar::campaigns {

// Numbers as in kabar.campaigns.v1.PreflightOutcome.
enum class Outcome { kSent = 1, kSuppressed = 2, kRefused = 3, kWaits = 4 };

// Of a message that goes, but not today: the portfolio's messaging limit has no place left for it.
inline constexpr char kOverQuotaToday[] = "OVER_QUOTA_TODAY";

// What to do about it, in a sentence.
absl::string_view Advice(absl::string_view reason);

class Preflight {
 public:
  static constexpr std::size_t kSamples = 5;
  struct Reason {
    Outcome outcome = Outcome::kRefused;
    std::string reason;
    std::int64_t messages = 0;
  };
  struct Sample {
    std::string phone;
    std::string text;
    std::string provider_template;  // that goes instead
  };

  // `places`: that the messaging limit has now; none: it is unlimited. Only who has not written
  // within 24 hours takes one.
  explicit Preflight(std::optional<std::int64_t> places) : places_(places) {}

  Outcome Add(const Foreseen& message);

  std::int64_t to_send() const { return as_text_ + as_template_; }
  std::int64_t as_text() const { return as_text_; }
  std::int64_t as_template() const { return as_template_; }
  std::int64_t suppressed() const { return suppressed_; }
  std::int64_t refused() const { return refused_; }
  const std::vector<Sample>& samples() const { return samples_; }
  std::vector<Reason> reasons() const;  // most messages first
  // Of to_send, by country and category.
  const std::map<std::pair<std::string, std::string>, std::int64_t>& charged() const {
    return charged_;
  }

 private:
  Outcome Sent(const Foreseen& message);

  std::optional<std::int64_t> places_;
  std::int64_t as_text_ = 0;
  std::int64_t as_template_ = 0;
  std::int64_t suppressed_ = 0;
  std::int64_t refused_ = 0;
  std::map<std::pair<Outcome, std::string>, std::int64_t> reasons_;
  std::map<std::pair<std::string, std::string>, std::int64_t> charged_;
  std::vector<Sample> samples_;
};

struct Cost {
  struct Item {
    std::string country;
    std::string category;
    std::int64_t messages = 0;
    std::int64_t price = 0;  // hundredths of a rupiah, for one
    std::int64_t amount() const { return messages * price; }
  };
  std::vector<Item> items;
  std::int64_t amount = 0;    // of all items, hundredths of a rupiah
  std::int64_t unpriced = 0;  // messages without a price
};
// What all that would be sent costs at the prices of the day.
Cost EstimateCost(const Preflight& found, const RateCard& card, absl::CivilDay day);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_PREFLIGHT_H_
