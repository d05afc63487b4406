// What other parts of the business know about a contact: an open complaint, an overdue invoice, an
// order. Knows neither proto nor SQL.
//
// A fact bears its source's reference, and its newest word counts: a complaint that was closed
// later stays closed however late the news of its opening comes.
//
// Thread safety: plain values; the functions are pure. Nothing blocks. Errors: INVALID_ARGUMENT
// with a violation per field, naming it as the API does.
#ifndef KABAR_SERVICES_CONTACTS_FACT_H_
#define KABAR_SERVICES_CONTACTS_FACT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::contacts {

// Numbers as in kabar.contacts.v1.FactKind.
enum class FactKind { kComplaint = 1, kEscalation, kOverdueCod, kOverdueInvoice, kOrder };
inline constexpr FactKind kAllFactKinds[] = {FactKind::kComplaint, FactKind::kEscalation,
                                             FactKind::kOverdueCod, FactKind::kOverdueInvoice,
                                             FactKind::kOrder};
absl::string_view FactKindName(FactKind kind);  // "COMPLAINT", as in SQL, proto and filters
absl::StatusOr<FactKind> FactKindOf(absl::string_view name);

// "OPEN_COMPLAINT", "OVERDUE_COD": why an open fact of this kind keeps marketing away; empty for a
// kind that does not.
absl::string_view SuppressionReason(FactKind kind);

struct Fact {
  std::string contact_id = {};
  FactKind kind = FactKind::kComplaint;
  std::string source = {};     // who says so: "sales", "operator"
  std::string reference = {};  // the source's own number for it
  bool open = false;
  int64_t amount = 0;  // rupiah, where it has one
  absl::Time time = {};
};

// Trims and checks the texts.
absl::Status NormalizeFact(Fact& fact);

// Which kinds of open facts keep a contact out of marketing: all that can, but for those that the
// outlet has switched off.
struct MarketingSuppressions {
  std::vector<FactKind> switched_off = {};

  std::vector<FactKind> on() const;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_FACT_H_
