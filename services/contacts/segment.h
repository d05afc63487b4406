// The fields that segments and List filters may name, and what a filter over them means.
//
// A filter is asked of every pair of a contact and one of its shipments (a contact without
// shipments makes one pair without). A contact is in the segment if one of its pairs is; a shipment
// is if its own pair is. So `shipment.status = "Delayed" AND shipment.cod_amount > 0` means one
// shipment that is both.
//
// Thread safety: immutable. Nothing blocks. Errors: filter_lang's, with the position.
#ifndef KABAR_SERVICES_CONTACTS_SEGMENT_H_
#define KABAR_SERVICES_CONTACTS_SEGMENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/filter_lang/schema.h"

namespace kabar::contacts {

// A filter that has been found right. Must not outlive its SegmentLanguage.
class SegmentFilter {
 public:
  explicit SegmentFilter(std::unique_ptr<filter_lang::Checked> root);

  const filter_lang::Checked* root() const { return root_.get(); }  // null: everyone
  bool names_shipment() const { return names_shipment_; }

 private:
  std::unique_ptr<filter_lang::Checked> root_;
  bool names_shipment_ = false;
};

class SegmentLanguage {
 public:
  // `zone`: what day a date in a filter is.
  explicit SegmentLanguage(absl::TimeZone zone);

  absl::StatusOr<SegmentFilter> Check(absl::string_view filter) const;

 private:
  filter_lang::Schema schema_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SEGMENT_H_
