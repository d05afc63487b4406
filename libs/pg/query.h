// A named SQL statement and the parameters it takes. The name is what logs and metrics show, so
// that no SQL text and no value ever reaches them.
//
//   constexpr pg::Query kInsertTags{"contacts.insert_tags",
//                                   "INSERT INTO tags (outlet_id, tag) "
//                                   "SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING"};
//   tx.Exec(kInsertTags, outlet, pg::TextArray(tags));
//
// Thread safety: values. Nothing blocks, nothing fails here: a text with a NUL byte (which
// PostgreSQL cannot hold) is refused when the statement runs.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::pg {

// Both strings live as long as the program: declare queries as constants. One name, one text.
struct Query {
  const char* name = "";
  const char* sql = "";
};

// The text form of one parameter, or NULL. Converts from what a store has in hand; arrays come
// ready from arrays.h as std::string, bytea from Bytes().
class Param {
 public:
  // NOLINTBEGIN(google-explicit-constructor): conversion is the purpose
  Param(std::nullptr_t) : null_(true) {}
  Param(std::nullopt_t) : null_(true) {}
  Param(std::string text) : text_(std::move(text)) {}
  Param(const char* text) : text_(text) {}
  Param(absl::string_view text) : text_(text.data(), text.size()) {}
  Param(std::string_view text) : text_(text) {}
  Param(absl::Time time);
  Param(double value);
  template <std::same_as<bool> T>
  Param(T value) : text_(value ? "t" : "f") {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) Param(T value)
      : text_(std::to_string(value)) {}
  template <typename T>
  Param(const std::optional<T>& value) : Param(value ? Param(*value) : Param(nullptr)) {}
  // NOLINTEND(google-explicit-constructor)

  bool null() const { return null_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool null_ = false;
};

// The value of a bytea parameter: any bytes.
std::string Bytes(absl::string_view bytes);

// timestamptz as PostgreSQL reads and writes it in a UTC session: microseconds (finer parts are
// cut towards the past), infinity and -infinity.
std::string TimeText(absl::Time time);
// nullopt: not a timestamptz of the years 1 to 9999 (or beyond) in UTC.
std::optional<absl::Time> ParseTimeText(absl::string_view text);

// bytea as PostgreSQL writes it (hex form). nullopt: not that form.
std::optional<std::string> ParseBytes(absl::string_view text);

}  // namespace kabar::pg
