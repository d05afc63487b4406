#include "services/contacts/segment.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"
#include "libs/fields/fields.h"
#include "libs/filter_lang/parser.h"
#include "libs/phone/phone.h"
#include "services/contacts/fact.h"

namespace kabar::contacts {
namespace {

using filter_lang::Checked;
using filter_lang::Collection;
using filter_lang::Field;
using filter_lang::FieldType;
using filter_lang::FilterError;
using filter_lang::Node;
using filter_lang::NodeKind;
using filter_lang::Position;

constexpr char kSegment[] = "segment";
constexpr char kOfShipment[] = "shipment.";
// What named segments may make of a filter.
constexpr int kMaxNamed = 50;
constexpr int kMaxComparisons = 300;
// Each may look at all that belongs to a contact.
constexpr int kMaxAggregates = 10;

absl::StatusOr<std::string> StoredPhone(absl::string_view written) {
  return phone::NormalizePhone(written);
}

std::vector<Field> SegmentFields() {
  std::vector<Field> fields;
  auto add = [&](FieldType type, std::initializer_list<const char*> names) {
    for (const char* name : names) fields.push_back({name, type, {}, nullptr});
  };
  add(FieldType::kText, {"name",
                         "address",
                         "city",
                         "province",
                         "service_type",
                         "preferred_time",
                         "notes",
                         "subdistrict",
                         "district",
                         "postcode",
                         "language",
                         "style",
                         "time_zone",
                         "shipment.service_type",
                         "shipment.status",
                         "shipment.location",
                         "shipment.estimate",
                         "shipment.driver_name",
                         "shipment.destination_address",
                         "shipment.delay_reason",
                         "shipment.new_estimate"});
  add(FieldType::kExactText, {"bsuid", "username", "shipment.tracking_number"});
  add(FieldType::kBool, {"vip", "delivery_updates_opted_out", "marketing_opted_out",
                         "delivery_updates_opted_in", "marketing_opted_in", "shipment.cod_paid"});
  add(FieldType::kNumber,
      {"shipments_total", "shipments_7d", "shipments_30d", "shipments_90d", "shipments_per_month",
       "shipments_regular", "shipments_express", "shipments_cod", "shipments_corporate",
       "satisfaction", "shipment.cod_amount"});
  add(FieldType::kTime, {"created_at", "last_inbound_at", "last_shipment_at", "shipment.created_at",
                         "shipment.updated_at"});
  add(FieldType::kTextSet, {"tags"});
  fields.push_back({.name = "attributes",
                    .type = FieldType::kTextMap,
                    .as_time = "attributes_time",
                    .as_number = "attributes_number"});
  add(FieldType::kTime, {"attributes_time"});
  add(FieldType::kNumber, {"attributes_number"});
  for (const char* name : {"shipment.estimate", "shipment.new_estimate"}) {
    const auto text = std::find_if(fields.begin(), fields.end(),
                                   [&](const Field& field) { return field.name == name; });
    text->as_time = absl::StrCat(name, "_time");
    fields.push_back({text->as_time, FieldType::kTime});
  }
  fields.push_back({"lifecycle", FieldType::kEnum, {"acquire", "retain", "enhance"}, nullptr});
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

// One of a contact's shipments, for conditions within shipments.count(...).
Collection Shipments(absl::TimeZone zone) {
  std::vector<Field> fields;
  for (Field field : SegmentFields()) {
    absl::string_view name = field.name;
    if (!absl::ConsumePrefix(&name, kOfShipment)) continue;
    field.name = std::string(name);
    field.as_time = std::string(absl::StripPrefix(field.as_time, kOfShipment));
    fields.push_back(std::move(field));
  }
  const auto canonical = [](absl::string_view written) {
    const std::string name = CanonicalName(written);
    return std::string(absl::StripPrefix(name, kOfShipment));
  };
  return Collection("shipments", filter_lang::Schema(std::move(fields), canonical, zone));
}

// What else belongs to a contact. Orders are facts until a service of their own has them.
std::vector<Collection> Collections(absl::TimeZone zone) {
  std::vector<std::string> kinds;
  for (const FactKind kind : kAllFactKinds) kinds.emplace_back(FactKindName(kind));
  const std::vector<Field> order = {{"source", FieldType::kText},
                                    {"reference", FieldType::kExactText},
                                    {"open", FieldType::kBool},
                                    {"amount", FieldType::kNumber},
                                    {"time", FieldType::kTime}};
  std::vector<Field> fact = order;
  fact.push_back({"kind", FieldType::kEnum, kinds});
  const std::vector<std::string> states = {"SENT",    "DELIVERED", "READ",    "FAILED",
                                           "UNKNOWN", "CANCELLED", "EXPIRED", "SUPPRESSED"};
  const std::vector<Field> message = {{"state", FieldType::kEnum, states},
                                      {"reason", FieldType::kExactText},
                                      {"run_id", FieldType::kExactText},
                                      {"time", FieldType::kTime},
                                      {"state_time", FieldType::kTime}};
  const std::vector<Field> answer = {
      {"text", FieldType::kText}, {"run_id", FieldType::kExactText}, {"time", FieldType::kTime}};
  const auto of = [&](const char* name, const std::vector<Field>& fields) {
    return Collection(name, filter_lang::Schema(fields, nullptr, zone));
  };
  return {Shipments(zone), of("messages", message), of("answers", answer), of("facts", fact),
          of("orders", order)};
}

// With those in the conditions of aggregates.
struct Size {
  int comparisons = 0;
  int aggregates = 0;
};
Size SizeOf(const filter_lang::Checked* filter) {
  Size size;
  filter_lang::ForEachComparison(filter, [&](const filter_lang::Comparison& comparison) {
    ++size.comparisons;
    if (comparison.aggregation == nullptr) return;
    ++size.aggregates;
    size.comparisons += SizeOf(comparison.aggregation->condition.get()).comparisons;
  });
  return size;
}

// Puts the filters of named segments where they are named.
class Nesting {
 public:
  Nesting(const filter_lang::Schema& schema, absl::Time now, const FindSegments& find,
          const Segment& self)
      : schema_(schema), now_(now), find_(find) {
    if (!self.id.empty()) path_.push_back(self);
  }

  absl::StatusOr<std::unique_ptr<Checked>> Check(const Node* node) {
    filter_lang::CheckOptions options{.now = now_};
    if (find_ != nullptr) {
      options.named = {kSegment, [this](const std::string& name, const Position& position,
                                        bool negated) { return Named(name, position, negated); }};
    }
    return filter_lang::Check(node, schema_, options);
  }

 private:
  absl::StatusOr<std::unique_ptr<Checked>> Named(const std::string& name, const Position& position,
                                                 bool negated) {
    if (++named_ > kMaxNamed) {
      return FilterError(position, absl::StrCat("more than ", kMaxNamed,
                                                " segments would stand in each other here"));
    }
    KABAR_ASSIGN_OR_RETURN(const std::vector<Segment> found, find_(name));
    if (found.empty()) {
      return FilterError(position, absl::StrCat("this outlet has no segment \"", name,
                                                "\"; list its segments to see which there are"));
    }
    if (found.size() > 1 && found[0].id != name) {
      return FilterError(
          position, absl::StrCat("several segments are called \"", name,
                                 "\"; name one by its id, as in segment(\"", found[0].id, "\")"));
    }
    const Segment& segment = found[0];
    KABAR_RETURN_IF_ERROR(CheckNoCircle(segment, position));
    path_.push_back(segment);
    absl::StatusOr<std::unique_ptr<Checked>> inside = Inside(segment.filter);
    path_.pop_back();
    if (filter_lang::ErrorPosition(inside.status())) {
      return FilterError(
          position, absl::StrCat("in segment \"", segment.name, "\": ", inside.status().message()));
    }
    if (inside.ok() && negated && NamesShipment(inside->get())) {
      return FilterError(
          position, absl::StrCat("\"", segment.name,
                                 "\" is about single shipments, so NOT can be read in two ways; "
                                 "write what no shipment may be, as in shipments.count((status = "
                                 "\"Delayed\")) = 0"));
    }
    return inside;
  }

  absl::StatusOr<std::unique_ptr<Checked>> Inside(const std::string& filter) {
    KABAR_ASSIGN_OR_RETURN(const auto parsed, filter_lang::Parse(filter));
    return Check(parsed.get());
  }

  absl::Status CheckNoCircle(const Segment& segment, const Position& position) const {
    for (auto step = path_.begin(); step != path_.end(); ++step) {
      if (step->id != segment.id) continue;
      std::string circle;
      for (; step != path_.end(); ++step) absl::StrAppend(&circle, "\"", step->name, "\" -> ");
      return FilterError(position, absl::StrCat("a segment cannot contain itself: ", circle, "\"",
                                                segment.name, "\""));
    }
    return absl::OkStatus();
  }

  const filter_lang::Schema& schema_;
  const absl::Time now_;
  const FindSegments& find_;
  std::vector<Segment> path_;
  int named_ = 0;
};

std::vector<std::string> ClausesOf(const Node* node) {
  if (node == nullptr) return {};
  if (node->kind != NodeKind::kAnd && node->kind != NodeKind::kOr) {
    return {filter_lang::ToString(*node)};
  }
  std::vector<std::string> out;
  for (const auto& child : node->children) out.push_back(filter_lang::ToString(*child));
  return out;
}

// Of a shipment alone, and never true where there is none: no value compares as false, but not
// under NOT and !=, nor where the empty text is looked for.
bool OnlyOfShipment(const Checked* filter) {
  if (filter->kind == NodeKind::kNot) return false;
  if (filter->kind != NodeKind::kComparison) {
    const auto& children = filter->children;
    return !children.empty() && std::all_of(children.begin(), children.end(), [](const auto& one) {
      return OnlyOfShipment(one.get());
    });
  }
  const filter_lang::Comparison& comparison = filter->comparison;
  const auto* pattern = std::get_if<filter_lang::TextPattern>(&comparison.value);
  return absl::StartsWith(comparison.field->name, kOfShipment) &&
         comparison.op != filter_lang::Op::kNotEqual &&
         (pattern == nullptr || !pattern->text.empty());
}

// False: not to be taken apart.
bool AddParts(const Checked* filter, SegmentFilter::Parts& parts) {
  if (filter->kind == NodeKind::kAnd) {
    return std::all_of(filter->children.begin(), filter->children.end(),
                       [&](const auto& one) { return AddParts(one.get(), parts); });
  }
  if (!NamesShipment(filter)) {
    parts.of_contact.push_back(filter);
  } else if (OnlyOfShipment(filter)) {
    parts.of_shipment.push_back(filter);
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool NamesShipment(const filter_lang::Checked* filter) {
  bool found = false;
  filter_lang::ForEachComparison(filter, [&](const filter_lang::Comparison& comparison) {
    found |= absl::StartsWith(comparison.field->name, kOfShipment);
  });
  return found;
}

SegmentFilter::SegmentFilter(std::unique_ptr<Checked> root, std::vector<std::string> clauses)
    : root_(std::move(root)),
      clauses_(std::move(clauses)),
      names_shipment_(NamesShipment(root_.get())) {
  Parts parts;
  if (root_ == nullptr || AddParts(root_.get(), parts)) parts_ = std::move(parts);
}

SegmentLanguage::SegmentLanguage(absl::TimeZone zone, base::Clock& clock)
    : schema_(SegmentFields(), CanonicalName, zone, Collections(zone)), clock_(clock) {}

absl::StatusOr<SegmentFilter> SegmentLanguage::Check(absl::string_view filter,
                                                     const FindSegments& find,
                                                     const Segment& self) const {
  KABAR_ASSIGN_OR_RETURN(const auto parsed, filter_lang::Parse(filter));
  Nesting nesting(schema_, clock_.Now(), find, self);
  KABAR_ASSIGN_OR_RETURN(auto checked, nesting.Check(parsed.get()));
  const Size size = SizeOf(checked.get());
  if (size.comparisons > kMaxComparisons || size.aggregates > kMaxAggregates) {
    return FilterError(parsed->position,
                       absl::StrCat("with the segments it names the filter has ", size.comparisons,
                                    " comparisons and ", size.aggregates, " aggregates; at most ",
                                    kMaxComparisons, " and ", kMaxAggregates, " are allowed"));
  }
  return SegmentFilter(std::move(checked), ClausesOf(parsed.get()));
}

}  // namespace kabar::contacts
