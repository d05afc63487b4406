#include "services/contacts/pg_store_fields.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"
#include "libs/fields/fields.h"
#include "services/contacts/pg_store_aggregates.h"
#include "services/contacts/pg_store_estimate.h"
#include "services/contacts/time_zone.h"

namespace kabar::contacts {
namespace {

std::string OfShipments(absl::string_view what, absl::string_view which = "") {
  return absl::StrCat("(SELECT ", what,
                      " FROM shipments n WHERE n.outlet_id = c.outlet_id AND n.contact_id = c.id",
                      which, ")");
}

std::string CountOfDays(int days) {
  return OfShipments("count(*)",
                     absl::StrCat(" AND n.created_at > now() - interval '", days, " days'"));
}

// As outlets call them, in their own spelling.
std::string CountOfService(absl::string_view words) {
  return OfShipments("count(*)",
                     absl::StrCat(" AND lower(n.service_type) ~ '\\m(", words, ")\\M'"));
}

// ContactActivity.Lifecycle in the contract has the rule.
std::string Lifecycle() {
  const std::string lately = CountOfDays(30);
  return absl::StrCat(
      "(CASE WHEN ", lately, " >= CASE WHEN coalesce(c.vip, false) THEN 1 ELSE 4 END",
      " THEN 'enhance' WHEN ", OfShipments("count(*)"), " >= 2 THEN 'retain' ELSE 'acquire' END)");
}

// Whoever said nothing has neither opted in nor out.
std::string OptedIn(const char* purpose, const char* opted_out) {
  return absl::StrCat("(NOT c.", opted_out,
                      " AND EXISTS (SELECT 1 FROM consent_changes n WHERE n.outlet_id = "
                      "c.outlet_id AND n.contact_id = c.id AND n.purpose = '",
                      purpose, "' AND n.source NOT IN ('merge', 'unmerge')))");
}

// A shipment that was never told its amount has none, but no shipment has no amount at all.
std::string OfShipment(absl::string_view value) {
  return absl::StrCat("CASE WHEN s.id IS NOT NULL THEN ", value, " END");
}

const absl::flat_hash_map<std::string, std::string>& SpecialExpressions() {
  static const auto* const kExpressions = new absl::flat_hash_map<std::string, std::string>{
      {"vip", "coalesce(c.vip, false)"},
      {"delivery_updates_opted_in", OptedIn("DELIVERY_UPDATES", "delivery_updates_opted_out")},
      {"marketing_opted_in", OptedIn("MARKETING", "marketing_opted_out")},
      {"shipments_total", OfShipments("count(*)")},
      {"shipments_7d", CountOfDays(7)},
      {"shipments_30d", CountOfDays(30)},
      {"shipments_90d", CountOfDays(90)},
      {"shipments_per_month", absl::StrCat("round(", CountOfDays(90), " / 3.0, 1)")},
      {"shipments_regular", CountOfService("regular|reguler|reg")},
      {"shipments_express", CountOfService("express|ekspres|expres|exp|kilat")},
      {"shipments_cod", OfShipments("count(*)",
                                    " AND (n.cod_amount > 0 OR lower(n.service_type) ~ "
                                    "'\\mcod\\M')")},
      {"shipments_corporate", CountOfService("corporate|korporat|korporasi|corp|b2b")},
      {"last_shipment_at", OfShipments("max(n.created_at)")},
      {"lifecycle", Lifecycle()},
      {"time_zone", ZoneSql()},
      {"shipment.cod_amount", OfShipment("coalesce(s.cod_amount, 0)")},
      {"shipment.cod_paid", OfShipment("coalesce(s.cod_paid, false)")},
  };
  return *kExpressions;
}

// The schema's field names are columns' names, but for the special ones. They come from segment.cc,
// never from the filter's text.
std::string Expression(const std::string& field) {
  const auto special = SpecialExpressions().find(field);
  if (special != SpecialExpressions().end()) return special->second;
  absl::string_view name = field;
  return absl::ConsumePrefix(&name, "shipment.") ? absl::StrCat("s.", name)
                                                 : absl::StrCat("c.", name);
}

// Folding case by the alphabet of the whole world takes longer than all the rest of a look at a
// shipment; for what is written in ASCII its own suffices. Its words are those of 0016.
std::string StatusSql(const filter_lang::Comparison& comparison,
                      const filter_lang::TextPattern& pattern, filter_lang::SqlParams& params) {
  const bool equal = comparison.op == filter_lang::Op::kEqual;
  const bool plain = std::all_of(pattern.text.begin(), pattern.text.end(),
                                 [](unsigned char c) { return absl::ascii_isascii(c); });
  if ((!equal && comparison.op != filter_lang::Op::kNotEqual) || !pattern.stars.empty() ||
      pattern.text.empty() || !plain) {
    return "";
  }
  return absl::StrCat("lower(s.status COLLATE \"C\")", equal ? " = " : " IS DISTINCT FROM ",
                      "lower(", params.Add(pattern.text, "text"), " COLLATE \"C\")");
}

// The same questions in the words of 0013_segment_indexes.sql, so that an index can answer.
std::string IndexedSql(const filter_lang::Comparison& comparison, filter_lang::SqlParams& params) {
  const std::string& field = comparison.field->name;
  const bool negated = comparison.op == filter_lang::Op::kNotEqual;
  const auto* pattern = std::get_if<filter_lang::TextPattern>(&comparison.value);
  if (field == "tags" && pattern != nullptr && pattern->stars.empty()) {
    return absl::StrCat(negated ? "NOT " : "",
                        "(c.tags <> '{}' AND tag_keys(c.outlet_id, c.tags) @> "
                        "tag_keys($1::text, ARRAY[",
                        params.Add(pattern->text, "text"), "]))");
  }
  if (field == "shipment.status" && pattern != nullptr) {
    return StatusSql(comparison, *pattern, params);
  }
  const bool* flag = std::get_if<bool>(&comparison.value);
  if (field == "vip" && flag != nullptr && *flag != negated) return "c.vip IS TRUE";
  return "";
}

// A free attribute: its text, or what that says as a number or a day; NULL where it says none.
// Nothing in it can fail, whatever the text: 31 February is the third day after the 28th.
std::string AttributeSql(const filter_lang::Comparison& comparison,
                         filter_lang::SqlParams& params) {
  const std::string text =
      absl::StrCat("(c.attributes ->> ", params.Add(comparison.key, "text"), ")");
  switch (comparison.field->type) {
    case filter_lang::FieldType::kNumber:
      return absl::StrCat("(CASE WHEN ", text, " ~ '^-?[0-9]{1,30}([.][0-9]{1,30})?$' THEN ", text,
                          "::numeric END)");
    case filter_lang::FieldType::kTime:
      return absl::StrCat(
          "(SELECT (make_date(d.ymd[1]::int, d.ymd[2]::int, 1) + (d.ymd[3]::int - 1))::timestamp "
          "AT TIME ZONE ",
          params.Add(comparison.offset, "interval"), " FROM (SELECT regexp_match(", text,
          ", '^([1-9][0-9]{3})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])$') AS ymd) AS d)");
    default:
      return text;
  }
}

absl::StatusOr<std::string> AllOf(const std::vector<const filter_lang::Checked*>& clauses,
                                  filter_lang::SqlParams& params) {
  std::string all = "TRUE";
  for (const filter_lang::Checked* clause : clauses) {
    KABAR_ASSIGN_OR_RETURN(const std::string condition, ConditionSql(clause, params));
    absl::StrAppend(&all, " AND ", condition);
  }
  return all;
}

std::string FieldValue(const fields::Field& field, const std::string& zone_sql) {
  const std::string column =
      field.owner == fields::Owner::kShipment
          ? absl::StrCat("s.", field.name)
          : (field.derived || field.name == "time_zone" ? Expression(std::string(field.name))
                                                        : absl::StrCat("c.", field.name));
  switch (field.type) {
    case fields::Type::kBool:
      return absl::StrCat("CASE WHEN ", column, " THEN 'ya' ELSE '' END");
    case fields::Type::kMoney:
      return absl::StrCat("coalesce(nullif(", column, ", 0)::text, '')");
    case fields::Type::kTime:
      return absl::StrCat("coalesce(to_char(", column, " AT TIME ZONE ", zone_sql,
                          ", 'DD/MM/YYYY HH24:MI'), '')");
    case fields::Type::kNumber:
      return absl::StrCat("coalesce(", column, "::text, '')");
    case fields::Type::kText:
    case fields::Type::kPhone:
      break;
  }
  return absl::StrCat("coalesce(", column, ", '')");
}

}  // namespace

std::string DerivedSql(const std::string& field) { return Expression(field); }

absl::StatusOr<std::string> ConditionSql(const filter_lang::Checked* condition,
                                         filter_lang::SqlParams& params) {
  return filter_lang::CompileSql(
      condition,
      [](const filter_lang::Comparison& comparison,
         filter_lang::SqlParams& p) -> absl::StatusOr<filter_lang::FieldSql> {
        if (comparison.aggregation != nullptr) return AggregationSql(comparison, p);
        if (std::string indexed = IndexedSql(comparison, p); !indexed.empty()) {
          return filter_lang::FieldSql{"", std::move(indexed)};
        }
        if (absl::StartsWith(comparison.field->name, "attributes")) {
          return filter_lang::FieldSql{AttributeSql(comparison, p), ""};
        }
        for (const char* estimate : {"estimate", "new_estimate"}) {
          if (comparison.field->name != absl::StrCat("shipment.", estimate, "_time")) continue;
          const std::string offset = p.Add(comparison.offset, "interval");
          return filter_lang::FieldSql{EstimateTimeSql("s", estimate, offset), ""};
        }
        return filter_lang::FieldSql{Expression(comparison.field->name), ""};
      },
      params);
}

absl::StatusOr<std::string> FilterSql(const SegmentFilter& filter, filter_lang::SqlParams& params) {
  return ConditionSql(filter.root(), params);
}

absl::StatusOr<std::string> ShipmentSql(const SegmentFilter::Parts& parts,
                                        filter_lang::SqlParams& params) {
  return AllOf(parts.of_shipment, params);
}

// Looked for apart, either side can use its indexes; asked contact by contact, a shipment that is
// rare costs a look at everybody's.
absl::StatusOr<std::string> ContactSql(const SegmentFilter& filter,
                                       filter_lang::SqlParams& params) {
  if (!filter.names_shipment()) return FilterSql(filter, params);
  if (const auto& parts = filter.parts()) {
    KABAR_ASSIGN_OR_RETURN(const std::string of_contact, AllOf(parts->of_contact, params));
    KABAR_ASSIGN_OR_RETURN(const std::string of_shipment, ShipmentSql(*parts, params));
    return absl::StrCat(of_contact,
                        " AND c.id IN (SELECT s.contact_id FROM shipments s WHERE s.outlet_id = $1 "
                        "AND ",
                        of_shipment, ")");
  }
  KABAR_ASSIGN_OR_RETURN(const std::string condition, FilterSql(filter, params));
  return absl::StrCat(
      "EXISTS (SELECT 1 FROM (SELECT 1) AS one LEFT JOIN shipments s ON s.outlet_id = "
      "c.outlet_id AND s.contact_id = c.id WHERE ",
      condition, ")");
}

std::string ValueSql(absl::string_view field, const std::string& zone_sql,
                     filter_lang::SqlParams& params) {
  const std::optional<fields::Field> known = fields::Canonical(field);
  if (known && known->owner != fields::Owner::kTrigger) return FieldValue(*known, zone_sql);
  if (field == "bsuid") return "coalesce(c.bsuid, '')";
  if (field == "tags") return "coalesce(array_to_string(c.tags, ', '), '')";
  absl::string_view key = field;
  absl::ConsumePrefix(&key, "attributes.");
  return absl::StrCat("coalesce(c.attributes ->> ", params.Add(std::string(key), "text"), ", '')");
}

}  // namespace kabar::contacts
