#include "services/campaigns/preflight.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace kabar::campaigns {
namespace {

struct Known {
  absl::string_view reason;
  absl::string_view advice;
};

constexpr Known kKnown[] = {
    {"CONTACT_GONE", "The contact or shipment was deleted; nothing is to be done."},
    {"OPTED_OUT", "The customer wants no such messages; only he can change that."},
    {"OPEN_COMPLAINT", "Settle his complaint first, or switch this suppression off."},
    {"OPEN_ESCALATION", "Settle his escalation first, or switch this suppression off."},
    {"OVERDUE_COD", "He has not paid a COD parcel yet; or switch this suppression off."},
    {"OVERDUE_INVOICE", "He has not paid an invoice yet; or switch this suppression off."},
    {"NO_PHONE", "Give the contact a phone number."},
    {"BAD_PHONE", "Correct the contact's phone number."},
    {"STALE_DATA", "Import the shipment's newest data, or allow older data in the campaign."},
    {"MISSING_VARIABLE", "Fill in the field, or give it a default in the template."},
    {"INVALID_VALUE", "Correct the field's value: the template's filter cannot read it."},
    {"INVALID_PARAMETER", "Shorten the values: a provider template takes 1,024 characters."},
    {"TEXT_TOO_LONG", "Shorten the template or its values: WhatsApp takes 4,096 characters."},
    {"TEXT_EMPTY", "The template prints nothing for this customer; add an {{else}}."},
    {"TOO_MANY_STEPS", "Simplify the template: its loops repeat too much."},
    {"WINDOW_CLOSED_NO_TEMPLATE",
     "Name an approved provider template in this branch of the text: the customer has not "
     "written within 24 hours."},
    {"PROVIDER_TEMPLATE_NOT_APPROVED",
     "Wait until WhatsApp has approved the provider template, or name another one: the campaign "
     "stops before its first message for it."},
    {"PROVIDER_TEMPLATE_PAUSED",
     "Wait until WhatsApp has lifted its pause of the provider template, or name another one: the "
     "campaign stops before its first message for it."},
    {"PROVIDER_TEMPLATE_DISABLED",
     "Name another provider template: WhatsApp has disabled this one, and the campaign stops "
     "before "
     "its first message for it."},
    {"PROVIDER_TEMPLATE_RECATEGORISED",
     "WhatsApp has moved the provider template to another category, at another price: kabarctl "
     "provider-templates accept, if it shall be sent all the same."},
    {"PROVIDER_TEMPLATE_CHANGED",
     "The provider template takes other parameters now: save the template with those."},
    {"MEDIUM_NOT_UPLOADED",
     "There is no such picture, video or document: kabarctl media upload FILE --name NAME."},
    {"MEDIUM_OF_OTHER_KIND",
     "The medium of this name is of another kind than the template's header: upload one of its "
     "kind (kabarctl media upload), or name another one."},
    {kOverQuotaToday, "It goes by itself when the messaging limit has a place for it."},
};

}  // namespace

absl::string_view Advice(absl::string_view reason) {
  for (const Known& known : kKnown) {
    if (known.reason == reason) return known.advice;
  }
  if (absl::StartsWith(reason, "GRAPH_")) {
    return "WhatsApp refused this customer lately; try again later.";
  }
  return "WhatsApp would refuse this content: look at the text and its values.";
}

Outcome Preflight::Add(const Foreseen& message) {
  if (message.fate == Foreseen::Fate::kSent) return Sent(message);
  const bool suppressed = message.fate == Foreseen::Fate::kSuppressed;
  ++(suppressed ? suppressed_ : refused_);
  const Outcome outcome = suppressed ? Outcome::kSuppressed : Outcome::kRefused;
  ++reasons_[{outcome, message.reason}];
  return outcome;
}

Outcome Preflight::Sent(const Foreseen& message) {
  ++(message.window_open ? as_text_ : as_template_);
  ++charged_[{message.country, message.category}];
  if (samples_.size() < kSamples) {
    samples_.push_back({message.phone, message.text, message.provider_template});
  }
  if (message.window_open || !places_) return Outcome::kSent;
  if (*places_ > 0) {
    --*places_;
    return Outcome::kSent;
  }
  ++reasons_[{Outcome::kWaits, kOverQuotaToday}];
  return Outcome::kWaits;
}

std::vector<Preflight::Reason> Preflight::reasons() const {
  std::vector<Reason> sorted;
  for (const auto& [key, messages] : reasons_) sorted.push_back({key.first, key.second, messages});
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Reason& a, const Reason& b) { return a.messages > b.messages; });
  return sorted;
}

Cost EstimateCost(const Preflight& found, const RateCard& card, absl::CivilDay day) {
  Cost cost;
  for (const auto& [key, messages] : found.charged()) {
    const auto price = card.PriceOf(key.first, key.second, day);
    if (!price) {
      cost.unpriced += messages;
      continue;
    }
    cost.items.push_back(
        {.country = key.first, .category = key.second, .messages = messages, .price = *price});
    cost.amount += cost.items.back().amount();
  }
  return cost;
}

}  // namespace kabar::campaigns
