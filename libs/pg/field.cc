#include <pqxx/except>
#include <pqxx/field>

#include "absl/strings/numbers.h"
#include "libs/pg/transaction.h"

namespace kabar::pg {
namespace {

absl::string_view View(const pqxx::field& field) { return {field.c_str(), field.size()}; }

[[noreturn]] void Refuse(const pqxx::field& field, const char* expected) {
  throw pqxx::conversion_error(std::string("column ") + field.name() + " is not " + expected);
}

}  // namespace

absl::Time TimeField(const pqxx::field& field) {
  const std::optional<absl::Time> time =
      field.is_null() ? std::nullopt : ParseTimeText(View(field));
  if (!time) Refuse(field, "a timestamptz");
  return *time;
}

std::optional<absl::Time> OptTimeField(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return TimeField(field);
}

std::string BytesField(const pqxx::field& field) {
  std::optional<std::string> bytes = field.is_null() ? std::nullopt : ParseBytes(View(field));
  if (!bytes) Refuse(field, "a bytea");
  return *std::move(bytes);
}

std::string TextField(const pqxx::field& field) {
  if (field.is_null()) Refuse(field, "a text");
  return std::string(View(field));
}

std::optional<std::string> OptTextField(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return std::string(View(field));
}

std::optional<int64_t> OptIntField(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<int64_t>();
}

std::vector<std::string> TextArrayField(const pqxx::field& field) {
  auto elements = field.is_null() ? std::nullopt : ParseArray(View(field));
  if (!elements) Refuse(field, "an array");
  std::vector<std::string> texts;
  texts.reserve(elements->size());
  for (std::optional<std::string>& element : *elements) {
    if (!element) Refuse(field, "an array without NULL");
    texts.push_back(*std::move(element));
  }
  return texts;
}

std::vector<int64_t> BigintArrayField(const pqxx::field& field) {
  std::vector<int64_t> numbers;
  for (const std::string& text : TextArrayField(field)) {
    if (!absl::SimpleAtoi(text, &numbers.emplace_back())) Refuse(field, "an array of integers");
  }
  return numbers;
}

}  // namespace kabar::pg
