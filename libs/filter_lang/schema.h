// The fields a filter may name, and the check of a parsed filter against them.
//
// Thread safety: a Schema is immutable and may be shared; Check is a pure function. Nothing blocks.
// Errors: FilterError with the position of the field, operator or value at fault.
#ifndef KABAR_LIBS_FILTER_LANG_SCHEMA_H_
#define KABAR_LIBS_FILTER_LANG_SCHEMA_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/filter_lang/ast.h"

namespace kabar::filter_lang {

enum class FieldType {
  kText,       // = != : <...>, without regard to case; `*` is a wildcard
  kExactText,  // the same with regard to case: ids, phones, codes; an index can serve it
  kNumber,     // = != < <= > >=
  kBool,       // = !=, true/false, ya/tidak
  kTime,       // all comparisons; a date alone, or today + 1d, is that whole day in Schema's zone
  kEnum,       // = !=, one of enum_values without regard to case
  kTextSet,    // `tags:vip` has the element (= means the same); != has it not
  kTextMap,    // `attributes.color = "red"`; each key is a text field
};

struct Field {
  std::string name;  // canonical, dotted: "city", "shipment.status"
  FieldType type = FieldType::kText;
  std::vector<std::string> enum_values = {};
  // Brings a value into its stored form ("0812-..." -> "+62812..."); for text types without
  // wildcards, under = and != only. Its error becomes the filter's, with the value's position.
  std::function<absl::StatusOr<std::string>(absl::string_view)> normalize = nullptr;
  // Of a text field that often says a time: the kTime field that stands for it when it is compared
  // with a time.
  std::string as_time = {};
  // The same for numbers, under < <= > >=: as texts "9" is more than "17".
  std::string as_number = {};
};

class Collection;

class Schema {
 public:
  // `canonical` turns a written name into a canonical one ("kota" -> "city") or leaves it.
  using Canonical = std::function<std::string(absl::string_view written)>;

  explicit Schema(std::vector<Field> fields, Canonical canonical = nullptr,
                  absl::TimeZone zone = absl::UTCTimeZone());
  Schema(std::vector<Field> fields, Canonical canonical, absl::TimeZone zone,
         std::vector<Collection> collections);

  // The field and, for a map, the key within it; nullptr if there is none.
  const Field* Find(absl::string_view written, std::string* key) const;
  // The field of this canonical name; nullptr if there is none.
  const Field* FindExact(absl::string_view name) const;
  // The names a person could have meant by `written`, for the error's text.
  std::string Suggest(absl::string_view written) const;

  const Collection* FindCollection(absl::string_view name) const;
  const std::vector<Collection>& collections() const { return *collections_; }

  absl::TimeZone zone() const { return zone_; }

 private:
  std::vector<Field> fields_;
  Canonical canonical_;
  absl::TimeZone zone_;
  std::shared_ptr<const std::vector<Collection>> collections_;
};

// The things of one kind that belong to what a filter finds, asked for as a whole:
//   shipments.count((status = "Delivered"), 30d) > 5
//   shipments.sum(cod_amount, 90d) >= 1000000
//   shipments.last((cod_paid = false)) < today - 7d
// The condition and the span back from now are both optional.
class Collection {
 public:
  // `element`: what one of them is, for conditions; its numbers can be summed up.
  Collection(std::string name, Schema element)
      : name_(std::move(name)),
        element_(std::move(element)),
        count_{name_ + ".count(...)", FieldType::kNumber},
        sum_{name_ + ".sum(...)", FieldType::kNumber},
        last_{name_ + ".last(...)", FieldType::kTime} {}

  const std::string& name() const { return name_; }
  const Schema& element() const { return element_; }
  const Field& count() const { return count_; }
  const Field& sum() const { return sum_; }
  const Field& last() const { return last_; }

 private:
  std::string name_;
  Schema element_;
  Field count_, sum_, last_;
};

// A comparison's right side, by the field's type.
struct TextPattern {
  std::string text;
  std::vector<std::size_t> stars;  // wildcards; empty: the text itself
};
struct Number {
  std::string digits;  // -?[0-9]+(.[0-9]+)?
};
struct TimeSpan {  // from <= t < to: a day, or the microsecond of a moment
  absl::Time from;
  absl::Time to;
};
struct Present {};  // `field:*`

using TypedValue = std::variant<TextPattern, Number, bool, TimeSpan, Present>;

struct Checked;

enum class Aggregate { kCount, kSum, kLast };
struct Aggregation {
  const Collection* collection = nullptr;  // lives as long as the schema
  Aggregate aggregate = Aggregate::kCount;
  const Field* summed = nullptr;             // kSum only
  std::shared_ptr<const Checked> condition;  // null: all of them
  std::optional<absl::Time> since;           // only what is younger
};

struct Comparison {
  const Field* field = nullptr;  // lives as long as the schema
  std::string key;               // of a kTextMap, or what stands for it: which of its values
  std::string offset;  // of a field reached by as_time: of the schema's zone from UTC, "+07:00"
  Op op = Op::kEqual;
  TypedValue value;
  Position position;
  std::shared_ptr<const Aggregation> aggregation;  // what is compared, instead of a field
};

struct Checked {
  NodeKind kind = NodeKind::kComparison;           // never kCall
  std::vector<std::unique_ptr<Checked>> children;  // of a kAnd perhaps none: true
  Comparison comparison;
};

// Filters that a filter may name: segment("Pelanggan VIP").
struct NamedFilters {
  std::string function;
  // `position`: of the call, for errors. `negated`: it stands within a NOT. A null pointer is the
  // empty filter.
  std::function<absl::StatusOr<std::unique_ptr<Checked>>(const std::string& name,
                                                         const Position& position, bool negated)>
      find;
};

struct CheckOptions {
  absl::Time now = absl::Now();  // what `now` and `today` are
  NamedFilters named = {};
};

// `schema` must outlive the result. A null `node` (the empty filter) gives a null pointer.
absl::StatusOr<std::unique_ptr<Checked>> Check(const Node* node, const Schema& schema,
                                               const CheckOptions& options = {});

// Calls `visit` for every comparison, in the order of the text; not for those of an aggregation's
// condition.
void ForEachComparison(const Checked* node, const std::function<void(const Comparison&)>& visit);

}  // namespace kabar::filter_lang

#endif  // KABAR_LIBS_FILTER_LANG_SCHEMA_H_
