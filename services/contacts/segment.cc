#include "services/contacts/segment.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/fields/fields.h"
#include "libs/filter_lang/parser.h"
#include "libs/phone/phone.h"

namespace kabar::contacts {
namespace {

using filter_lang::Field;
using filter_lang::FieldType;

absl::StatusOr<std::string> StoredPhone(absl::string_view written) {
  return phone::NormalizePhone(written);
}

std::vector<Field> SegmentFields() {
  std::vector<Field> fields;
  auto add = [&](FieldType type, std::initializer_list<const char*> names) {
    for (const char* name : names) fields.push_back({name, type, {}, nullptr});
  };
  add(FieldType::kText,
      {"name", "address", "city", "province", "service_type", "preferred_time", "notes",
       "shipment.status", "shipment.location", "shipment.estimate", "shipment.driver_name",
       "shipment.destination_address", "shipment.delay_reason", "shipment.new_estimate"});
  add(FieldType::kExactText, {"bsuid", "shipment.tracking_number"});
  add(FieldType::kBool,
      {"vip", "delivery_updates_opted_out", "marketing_opted_out", "shipment.cod_paid"});
  add(FieldType::kNumber,
      {"shipments_total", "shipments_7d", "shipments_30d", "shipments_90d", "shipment.cod_amount"});
  add(FieldType::kTime,
      {"created_at", "last_inbound_at", "shipment.created_at", "shipment.updated_at"});
  add(FieldType::kTextSet, {"tags"});
  add(FieldType::kTextMap, {"attributes"});
  for (const char* name : {"phone", "shipment.driver_phone"}) {
    fields.push_back({name, FieldType::kExactText, {}, StoredPhone});
  }
  return fields;
}

// "status_pengiriman", "status" and "shipment.status" are one field.
std::string CanonicalName(absl::string_view written) {
  const std::optional<fields::Field> field = fields::Canonical(written);
  if (!field) return std::string(written);
  if (field->owner == fields::Owner::kShipment) return absl::StrCat("shipment.", field->name);
  return std::string(field->name);
}

}  // namespace

SegmentFilter::SegmentFilter(std::unique_ptr<filter_lang::Checked> root) : root_(std::move(root)) {
  filter_lang::ForEachComparison(root_.get(), [this](const filter_lang::Comparison& comparison) {
    if (absl::StartsWith(comparison.field->name, "shipment.")) names_shipment_ = true;
  });
}

SegmentLanguage::SegmentLanguage(absl::TimeZone zone)
    : schema_(SegmentFields(), CanonicalName, zone) {}

absl::StatusOr<SegmentFilter> SegmentLanguage::Check(absl::string_view filter) const {
  KABAR_ASSIGN_OR_RETURN(const auto parsed, filter_lang::Parse(filter));
  KABAR_ASSIGN_OR_RETURN(auto checked, filter_lang::Check(parsed.get(), schema_));
  return SegmentFilter(std::move(checked));
}

}  // namespace kabar::contacts
