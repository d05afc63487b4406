// Private to libs/whatsapp: reading provider JSON with simdjson, where a missing or oddly typed
// field is an empty value and never an exception.
//
// Thread safety: ThreadParser() is one parser a thread; its document lives until the next parse on
// that thread. Nothing blocks. Errors: simdjson's codes from parsing only.
#ifndef KABAR_LIBS_WHATSAPP_JSON_READER_H_
#define KABAR_LIBS_WHATSAPP_JSON_READER_H_

#include <simdjson.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kabar::whatsapp {

using JsonElement = simdjson::dom::element;
using JsonObject = simdjson::dom::object;
using JsonArray = simdjson::dom::array;

inline simdjson::dom::parser& ThreadParser() {
  static thread_local simdjson::dom::parser parser;
  return parser;
}

inline bool Find(const JsonObject& object, const char* key, JsonElement* out) {
  return object.at_key(key).get(*out) == simdjson::SUCCESS;
}
inline bool Find(const JsonObject& object, const char* key, JsonObject* out) {
  return object.at_key(key).get(*out) == simdjson::SUCCESS;
}
inline bool Find(const JsonObject& object, const char* key, JsonArray* out) {
  return object.at_key(key).get(*out) == simdjson::SUCCESS;
}

// A string, or a number as its digits: the provider writes ids and times both ways.
inline std::string TextOf(const JsonObject& object, const char* key) {
  JsonElement element;
  if (!Find(object, key, &element)) return {};
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return std::string(text);
  std::int64_t number = 0;
  if (element.get(number) == simdjson::SUCCESS) return absl::StrCat(number);
  return {};
}

inline std::int64_t Integer(const JsonObject& object, const char* key, std::int64_t otherwise) {
  std::int64_t number = 0;
  return object.at_key(key).get(number) == simdjson::SUCCESS ? number : otherwise;
}

inline double Number(const JsonObject& object, const char* key) {
  double number = 0;
  return object.at_key(key).get(number) == simdjson::SUCCESS ? number : 0;
}

inline bool Flag(const JsonObject& object, const char* key) {
  bool flag = false;
  return object.at_key(key).get(flag) == simdjson::SUCCESS && flag;
}

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_JSON_READER_H_
