#include "services/dispatcher/convert.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "services/dispatcher/convert_checks.h"

namespace kabar::dispatcher {
namespace {

std::optional<std::int64_t> ReserveFromProto(const v1::Portfolio& from, Faults& faults) {
  if (!from.has_trigger_reserve()) return std::nullopt;
  if (from.trigger_reserve() < 0) {
    faults.Add("portfolio.trigger_reserve",
               "must be 0 (campaigns may use the whole messaging limit) or more");
  }
  return from.trigger_reserve();
}

// It goes into addresses.
void CheckAccount(const v1::Sender& from, Faults& faults) {
  const std::string& id = from.account_id();
  const bool digits =
      std::all_of(id.begin(), id.end(), [](char c) { return '0' <= c && c <= '9'; });
  if (!digits || id.size() > 64) {
    faults.Add("sender.account_id", "must be the digits of a WhatsApp business account's id");
  }
}

}  // namespace

void ToProto(const Portfolio& from, v1::Portfolio* to) {
  to->set_id(from.id);
  to->set_name(from.name);
  to->set_messaging_limit(from.messaging_limit);
  to->set_trigger_reserve(ReserveOf(from));
}

void ToProto(const Sender& from, v1::Sender* to) {
  to->set_id(from.id);
  to->set_portfolio_id(from.portfolio_id);
  to->set_phone_number_id(from.phone_number_id);
  to->set_display_phone(from.display_phone);
  to->set_account_id(from.account_id);
  to->set_throughput(base::FormatRate(from.throughput));
  to->set_pair_rate(base::FormatRate(from.pair_rate));
  to->set_state(static_cast<v1::SenderState>(from.state));
  to->set_state_reason(from.state_reason);
}

void ToProto(const SenderHealth& from, v1::SenderHealth* to) {
  to->set_speed(from.open ? 0 : from.fraction);
  to->set_failures(from.failures);
  to->set_circuit_open(from.open);
  if (from.open) {
    SetTime(from.open_until, to->mutable_circuit_probe_time());
    to->set_reason(
        absl::StrCat("the provider gave no answer, or errors of its own, ", from.failures,
                     " times in a row: its messages wait, and one probe is sent from time "
                     "to time"));
  } else if (from.fraction < 1) {
    to->set_reason(absl::StrCat("the provider refused its speed: it sends at ",
                                static_cast<int>(100 * from.fraction),
                                "% of its throughput and recovers by itself"));
  }
}

absl::StatusOr<Portfolio> FromProto(const v1::Portfolio& from, const std::string& outlet) {
  Faults faults;
  Portfolio portfolio{.id = from.id().empty() ? base::NewId("pf") : from.id(),
                      .outlet_id = outlet,
                      .name = from.name(),
                      .messaging_limit = from.messaging_limit(),
                      .trigger_reserve = ReserveFromProto(from, faults)};
  faults.Id("portfolio.id", portfolio.id);
  if (from.name().empty()) faults.Add("portfolio.name", "must be set");
  faults.Text("portfolio.name", from.name(), 256);
  if (from.messaging_limit() < 0) {
    faults.Add("portfolio.messaging_limit", "must be 0 (unlimited) or more");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return portfolio;
}

absl::StatusOr<Sender> FromProto(const v1::Sender& from, const std::string& outlet) {
  Faults faults;
  Sender sender;
  sender.id = from.id().empty() ? base::NewId("snd") : from.id();
  sender.outlet_id = outlet;
  sender.portfolio_id = from.portfolio_id();
  sender.phone_number_id = from.phone_number_id();
  sender.display_phone = from.display_phone();
  sender.account_id = from.account_id();
  sender.throughput = faults.Rate("sender.throughput", from.throughput(), "80/s");
  sender.pair_rate = faults.Rate("sender.pair_rate", from.pair_rate(), "1/6s");
  faults.Id("sender.id", sender.id);
  faults.Id("sender.portfolio_id", from.portfolio_id());
  faults.Id("sender.phone_number_id", from.phone_number_id());
  faults.Text("sender.display_phone", from.display_phone(), 64);
  CheckAccount(from, faults);
  if (from.access_token().empty()) faults.Add("sender.access_token", "must be set");
  if (from.access_token().size() > 4096) faults.Add("sender.access_token", "is too long");
  if (from.state() != v1::SENDER_STATE_UNSPECIFIED) {
    sender.state = static_cast<SenderState>(from.state());
    if (!v1::SenderState_IsValid(from.state())) faults.Add("sender.state", "is no known state");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return sender;
}

absl::StatusOr<PortfolioChange> ChangeFromProto(const v1::UpdatePortfolioRequest& request) {
  Faults faults;
  CheckMask(request, {"name", "messaging_limit", "trigger_reserve"}, faults);
  PortfolioChange change;
  const v1::Portfolio& from = request.portfolio();
  if (Masked(request, "name", !from.name().empty())) {
    if (from.name().empty()) faults.Add("portfolio.name", "must be set");
    faults.Text("portfolio.name", from.name(), 256);
    change.name = from.name();
  }
  if (Masked(request, "messaging_limit", from.messaging_limit() != 0)) {
    if (from.messaging_limit() < 0) {
      faults.Add("portfolio.messaging_limit", "must be 0 (unlimited) or more");
    }
    change.messaging_limit = from.messaging_limit();
  }
  if (Masked(request, "trigger_reserve", from.has_trigger_reserve())) {
    change.trigger_reserve = ReserveFromProto(from, faults);
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return change;
}

absl::StatusOr<SenderChange> ChangeFromProto(const v1::UpdateSenderRequest& request) {
  Faults faults;
  CheckMask(request,
            {"display_phone", "access_token", "throughput", "pair_rate", "state", "account_id"},
            faults);
  SenderChange change;
  const v1::Sender& from = request.sender();
  if (Masked(request, "display_phone", !from.display_phone().empty())) {
    faults.Text("sender.display_phone", from.display_phone(), 64);
    change.display_phone = from.display_phone();
  }
  if (Masked(request, "account_id", !from.account_id().empty())) {
    CheckAccount(from, faults);
    change.account_id = from.account_id();
  }
  if (Masked(request, "throughput", !from.throughput().empty())) {
    change.throughput = faults.Rate("sender.throughput", from.throughput(), "80/s");
  }
  if (Masked(request, "pair_rate", !from.pair_rate().empty())) {
    change.pair_rate = faults.Rate("sender.pair_rate", from.pair_rate(), "1/6s");
  }
  if (Masked(request, "state", from.state() != v1::SENDER_STATE_UNSPECIFIED)) {
    if (from.state() == v1::SENDER_STATE_UNSPECIFIED || !v1::SenderState_IsValid(from.state())) {
      faults.Add("sender.state", "must be ACTIVE, SENDER_PAUSED or STOPPED");
    }
    change.state = static_cast<SenderState>(from.state());
  }
  if (ChangesToken(request) && (from.access_token().empty() || from.access_token().size() > 4096)) {
    faults.Add("sender.access_token", "must be set, up to 4096 bytes");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return change;
}

bool ChangesToken(const v1::UpdateSenderRequest& request) {
  return Masked(request, "access_token", !request.sender().access_token().empty());
}

}  // namespace kabar::dispatcher
