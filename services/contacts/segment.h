// The fields that segments and List filters may name, and what a filter over them means
// (SEGMENTS.md).
//
// A filter is asked of every pair of a contact and one of its shipments (a contact without
// shipments makes one pair without). A contact is in the segment if one of its pairs is; a shipment
// is if its own pair is. So `shipment.status = "Delayed" AND shipment.cod_amount > 0` means one
// shipment that is both. segment("VIP") stands for that segment's filter in brackets.
//
// Thread safety: immutable. Nothing blocks. Errors: filter_lang's, with the position; those of
// FindSegments.
#ifndef KABAR_SERVICES_CONTACTS_SEGMENT_H_
#define KABAR_SERVICES_CONTACTS_SEGMENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/filter_lang/schema.h"
#include "services/contacts/contact.h"

namespace kabar::contacts {

// A filter that has been found right. Must not outlive its SegmentLanguage.
class SegmentFilter {
 public:
  // `clauses`: of `root`'s children, or of itself, as text.
  explicit SegmentFilter(std::unique_ptr<filter_lang::Checked> root,
                         std::vector<std::string> clauses = {});

  const filter_lang::Checked* root() const { return root_.get(); }  // null: everyone
  bool names_shipment() const { return names_shipment_; }
  const std::vector<std::string>& clauses() const { return clauses_; }

  // What is joined by AND, apart by what it asks of: then contacts and shipments can be looked for
  // apart too. nullopt: a clause asks of both, or is true of contacts without shipments.
  struct Parts {
    std::vector<const filter_lang::Checked*> of_contact;
    std::vector<const filter_lang::Checked*> of_shipment;
  };
  const std::optional<Parts>& parts() const { return parts_; }

 private:
  std::unique_ptr<filter_lang::Checked> root_;
  std::vector<std::string> clauses_;
  bool names_shipment_ = false;
  std::optional<Parts> parts_;
};

// The outlet's segments of this id or name (without regard to case), two being enough.
using FindSegments =
    std::function<absl::StatusOr<std::vector<Segment>>(const std::string& name_or_id)>;

// Whether a filter, or a clause of one, asks about a single shipment.
bool NamesShipment(const filter_lang::Checked* filter);

class SegmentLanguage {
 public:
  // `zone`: what day a date in a filter is. `clock`: what `today` and `now` are.
  explicit SegmentLanguage(absl::TimeZone zone, base::Clock& clock = base::SystemClock());

  // `find`: null where no segment can be named. `self`: the filter's own segment, which it must not
  // lead back to; its id is empty where it has none.
  absl::StatusOr<SegmentFilter> Check(absl::string_view filter, const FindSegments& find = nullptr,
                                      const Segment& self = {}) const;

 private:
  filter_lang::Schema schema_;
  base::Clock& clock_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SEGMENT_H_
