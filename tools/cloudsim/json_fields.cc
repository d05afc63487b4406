#include "tools/cloudsim/json_fields.h"

#include "absl/strings/str_cat.h"

namespace kabar::cloudsim {

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError("the text is not valid JSON");
  return json;
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

JsonFields::JsonFields(const Json& object, std::string path, absl::Status* status)
    : object_(object), path_(std::move(path)), status_(status) {
  if (!object_.is_object()) Fail("", "must be an object");
}

JsonFields::~JsonFields() {
  if (!object_.is_object()) return;
  for (const auto& [name, value] : object_.items()) {
    if (known_.count(name) == 0) Fail(name, "is not a known field");
  }
}

void JsonFields::Fail(absl::string_view name, absl::string_view what) {
  if (!status_->ok()) return;
  const char* const dot = path_.empty() || name.empty() ? "" : ".";
  *status_ = absl::InvalidArgumentError(absl::StrCat(path_, dot, name, " ", what));
}

const Json* JsonFields::Find(const char* name) {
  known_.insert(name);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::Read(const char* name, std::string* value) {
  const Json* const json = Find(name);
  if (json == nullptr) return;
  if (!json->is_string()) return Fail(name, "must be a string");
  *value = json->get<std::string>();
}

void JsonFields::Read(const char* name, bool* value) {
  const Json* const json = Find(name);
  if (json == nullptr) return;
  if (!json->is_boolean()) return Fail(name, "must be true or false");
  *value = json->get<bool>();
}

template <typename T>
void JsonFields::ReadNumber(const char* name, T* value) {
  const Json* const json = Find(name);
  if (json == nullptr) return;
  if (!json->is_number()) return Fail(name, "must be a number");
  if (std::is_integral_v<T> && !json->is_number_integer()) {
    return Fail(name, "must be a whole number");
  }
  *value = json->get<T>();
}

void JsonFields::Read(const char* name, int* value) { ReadNumber(name, value); }
void JsonFields::Read(const char* name, int64_t* value) { ReadNumber(name, value); }
void JsonFields::Read(const char* name, double* value) { ReadNumber(name, value); }

void JsonFields::Read(const char* name, std::vector<std::string>* value) {
  const Json* const json = Find(name);
  if (json == nullptr) return;
  if (!json->is_array()) return Fail(name, "must be a list of strings");
  std::vector<std::string> texts;
  for (const Json& item : *json) {
    if (!item.is_string()) return Fail(name, "must be a list of strings");
    texts.push_back(item.get<std::string>());
  }
  *value = std::move(texts);
}

void JsonFields::ReadRange(const char* name, std::pair<double, double>* value) {
  const Json* const json = Find(name);
  if (json == nullptr) return;
  if (json->is_number()) {
    *value = {json->get<double>(), json->get<double>()};
  } else if (json->is_array() && json->size() == 2 && (*json)[0].is_number() &&
             (*json)[1].is_number()) {
    *value = {(*json)[0].get<double>(), (*json)[1].get<double>()};
  } else {
    return Fail(name, "must be a number or [low, high]");
  }
  if (value->first < 0 || value->second < value->first) Fail(name, "must be 0 <= low <= high");
}

void JsonFields::ReadProbability(const char* name, double* value) {
  Read(name, value);
  if (*value < 0 || *value > 1) Fail(name, "must be from 0 to 1");
}

void JsonFields::ReadObject(const char* name, const std::function<void(JsonFields&)>& read) {
  const Json* const json = Find(name);
  if (json == nullptr) return;
  JsonFields fields(*json, absl::StrCat(path_, path_.empty() ? "" : ".", name), status_);
  read(fields);
}

void JsonFields::ReadObjects(const char* name, const std::function<void(JsonFields&)>& read) {
  const Json* const json = Find(name);
  if (json == nullptr) return;
  if (!json->is_array()) return Fail(name, "must be a list of objects");
  for (size_t i = 0; i < json->size(); ++i) {
    JsonFields fields((*json)[i], absl::StrCat(path_, path_.empty() ? "" : ".", name, "[", i, "]"),
                      status_);
    read(fields);
  }
}

}  // namespace kabar::cloudsim
