// Reading JSON documents strictly: every field typed, unknown names refused with their path.
//
// A misspelt field in a scenario would otherwise play no fault at all and the test that relies on
// it would pass. Used for set-up, scenario and control bodies, never on the hot path.
// Not thread-safe (one reader a document), never blocks; the first error is kept in status().
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

using Json = nlohmann::json;

absl::StatusOr<Json> ParseJson(absl::string_view text);

// Compact, and safe for text that is not UTF-8.
std::string DumpJson(const Json& json);

class JsonFields {
 public:
  JsonFields(const Json& object, std::string path, absl::Status* status);
  // Refuses every field that nobody asked for.
  ~JsonFields();

  void Read(const char* name, std::string* value);
  void Read(const char* name, bool* value);
  void Read(const char* name, int* value);
  void Read(const char* name, int64_t* value);
  void Read(const char* name, double* value);
  void Read(const char* name, std::vector<std::string>* value);
  // [low, high] or one number for both.
  void ReadRange(const char* name, std::pair<double, double>* value);
  void ReadProbability(const char* name, double* value);
  void ReadObject(const char* name, const std::function<void(JsonFields&)>& read);
  void ReadObjects(const char* name, const std::function<void(JsonFields&)>& read);
  // Any value, uninterpreted; null when absent.
  const Json* Find(const char* name);

  void Fail(absl::string_view name, absl::string_view what);
  bool Has(const char* name) const { return object_.is_object() && object_.contains(name); }

 private:
  template <typename T>
  void ReadNumber(const char* name, T* value);

  const Json& object_;
  const std::string path_;
  absl::Status* const status_;
  std::set<std::string> known_;
};

}  // namespace kabar::cloudsim
