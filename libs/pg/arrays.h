// Array parameters, so that a batch is one statement: unnest($1::text[], $2::bigint[], ...).
// libpqxx 6 cannot bind arrays; these write the array literal, escaped.
//
//   pg::ArrayBuilder names, ids;
//   for (const Tag& tag : tags) { names.Add(tag.name); ids.Add(tag.id); }
//   tx.Exec(kInsertTags, std::move(names).Finish(), std::move(ids).Finish());
//
// Thread safety: an ArrayBuilder belongs to one thread. Nothing blocks or fails.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace kabar::pg {

// Writes one array literal, element by element. The element type is that of the cast in the SQL.
class ArrayBuilder {
 public:
  ArrayBuilder() = default;

  void Add(absl::string_view text);
  void Add(const std::string& text) { Add(absl::string_view(text)); }
  void Add(const char* text) { Add(absl::string_view(text)); }
  void Add(absl::Time time);
  void Add(double value);
  template <std::same_as<bool> T>
  void Add(T value) {
    AddPlain(value ? "t" : "f");
  }
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) void Add(T value) {
    AddPlain(std::to_string(value));
  }
  template <typename T>
  void Add(const std::optional<T>& value) {
    value ? Add(*value) : AddNull();
  }
  void AddBytes(absl::string_view bytes);
  void AddNull();

  // The literal; "{}" without elements. The builder is empty afterwards.
  std::string Finish() &&;

 private:
  void AddPlain(absl::string_view text);

  std::string literal_;
};

template <typename T>
std::string Array(absl::Span<const T> values) {
  ArrayBuilder builder;
  for (const T& value : values) builder.Add(value);
  return std::move(builder).Finish();
}

inline std::string TextArray(absl::Span<const std::string> v) { return Array(v); }
inline std::string TextArray(absl::Span<const absl::string_view> v) { return Array(v); }
inline std::string TextArray(absl::Span<const std::optional<std::string>> v) { return Array(v); }
inline std::string BigintArray(absl::Span<const int64_t> v) { return Array(v); }
inline std::string BigintArray(absl::Span<const std::optional<int64_t>> v) { return Array(v); }
inline std::string IntArray(absl::Span<const int32_t> v) { return Array(v); }
inline std::string TimeArray(absl::Span<const absl::Time> v) { return Array(v); }
inline std::string TimeArray(absl::Span<const std::optional<absl::Time>> v) { return Array(v); }
std::string ByteaArray(absl::Span<const std::string> values);

// A column of a batch: pg::ArrayOf(rows, [](const Row& row) { return row.name; }).
template <typename Range, typename Member>
std::string ArrayOf(const Range& range, Member member) {
  ArrayBuilder builder;
  for (const auto& element : range) builder.Add(member(element));
  return std::move(builder).Finish();
}

// The elements of a one-dimensional array as PostgreSQL writes it ("{a,NULL,\"b c\"}"). nullopt:
// not such an array.
std::optional<std::vector<std::optional<std::string>>> ParseArray(absl::string_view literal);

}  // namespace kabar::pg
