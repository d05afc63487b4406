#include "services/contacts/fact.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "services/contacts/contact.h"

namespace kabar::contacts {

absl::string_view FactKindName(FactKind kind) {
  switch (kind) {
    case FactKind::kComplaint:
      return "COMPLAINT";
    case FactKind::kEscalation:
      return "ESCALATION";
    case FactKind::kOverdueCod:
      return "OVERDUE_COD";
    case FactKind::kOverdueInvoice:
      return "OVERDUE_INVOICE";
    case FactKind::kOrder:
      return "ORDER";
  }
  return "";
}

absl::StatusOr<FactKind> FactKindOf(absl::string_view name) {
  for (const FactKind kind : kAllFactKinds) {
    if (FactKindName(kind) == name) return kind;
  }
  return absl::InternalError(absl::StrCat("the table of facts has the unknown kind ", name));
}

absl::string_view SuppressionReason(FactKind kind) {
  switch (kind) {
    case FactKind::kComplaint:
      return "OPEN_COMPLAINT";
    case FactKind::kEscalation:
      return "OPEN_ESCALATION";
    case FactKind::kOverdueCod:
      return "OVERDUE_COD";
    case FactKind::kOverdueInvoice:
      return "OVERDUE_INVOICE";
    case FactKind::kOrder:
      break;
  }
  return "";
}

absl::Status NormalizeFact(Fact& fact) {
  absl::Status status = absl::OkStatus();
  const auto check = [&](absl::string_view field, std::string fault) {
    if (fault.empty()) return;
    if (status.ok()) {
      status = base::InvalidField(field, fault);
    } else {
      base::AddFieldViolation(status, field, fault);
    }
  };
  check("fact.contact_id", fact.contact_id.empty() ? "is required" : "");
  for (auto [field, text] :
       {std::pair{"fact.source", &fact.source}, std::pair{"fact.reference", &fact.reference}}) {
    *text = base::CollapseSpaces(*text);
    check(field, text->empty() ? "is required" : TextFault(*text, kMaxShortText));
  }
  check("fact.amount", fact.amount < 0 ? "must not be negative" : "");
  return status;
}

std::vector<FactKind> MarketingSuppressions::on() const {
  std::vector<FactKind> kinds;
  for (const FactKind kind : kAllFactKinds) {
    const bool off =
        std::find(switched_off.begin(), switched_off.end(), kind) != switched_off.end();
    if (!off && !SuppressionReason(kind).empty()) kinds.push_back(kind);
  }
  return kinds;
}

}  // namespace kabar::contacts
