#include "libs/filter_lang/schema.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kabar::filter_lang {
namespace {

// Letters that must change to make one name of the other.
std::size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = absl::ascii_tolower(static_cast<unsigned char>(a[i - 1])) ==
                        absl::ascii_tolower(static_cast<unsigned char>(b[j - 1]));
      const std::size_t replaced = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

Schema::Schema(std::vector<Field> fields, Canonical canonical, absl::TimeZone zone)
    : Schema(std::move(fields), std::move(canonical), zone, {}) {}

Schema::Schema(std::vector<Field> fields, Canonical canonical, absl::TimeZone zone,
               std::vector<Collection> collections)
    : fields_(std::move(fields)),
      canonical_(std::move(canonical)),
      zone_(zone),
      collections_(std::make_shared<const std::vector<Collection>>(std::move(collections))) {}

const Collection* Schema::FindCollection(absl::string_view name) const {
  for (const Collection& collection : *collections_) {
    if (absl::EqualsIgnoreCase(collection.name(), name)) return &collection;
  }
  return nullptr;
}

const Field* Schema::Find(absl::string_view written, std::string* key) const {
  key->clear();
  const std::string name = canonical_ ? canonical_(written) : std::string(written);
  for (const Field& field : fields_) {
    if (absl::EqualsIgnoreCase(field.name, name)) return &field;
    if (field.type != FieldType::kTextMap) continue;
    const std::string prefix = absl::StrCat(field.name, ".");
    if (!absl::StartsWithIgnoreCase(written, prefix)) continue;
    *key = std::string(written.substr(prefix.size()));
    return &field;
  }
  return nullptr;
}

const Field* Schema::FindExact(absl::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string Schema::Suggest(absl::string_view written) const {
  const Field* best = nullptr;
  std::size_t best_distance = written.size() / 3 + 2;
  for (const Field& field : fields_) {
    const std::size_t distance = EditDistance(written, field.name);
    if (distance < best_distance) {
      best_distance = distance;
      best = &field;
    }
  }
  if (best != nullptr) return absl::StrCat("; did you mean ", best->name, "?");
  return absl::StrCat("; there are ",
                      absl::StrJoin(fields_, ", ", [](std::string* out, const Field& field) {
                        absl::StrAppend(out, field.name);
                      }));
}

void ForEachComparison(const Checked* node, const std::function<void(const Comparison&)>& visit) {
  if (node == nullptr) return;
  if (node->kind == NodeKind::kComparison) visit(node->comparison);
  for (const std::unique_ptr<Checked>& child : node->children) {
    ForEachComparison(child.get(), visit);
  }
}

}  // namespace kabar::filter_lang
