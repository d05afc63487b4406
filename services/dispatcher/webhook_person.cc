#include "services/dispatcher/webhook_person.h"

#include <algorithm>
#include <cstdint>

#include "nlohmann/json.hpp"

namespace kabar::dispatcher {
namespace {

using Json = nlohmann::json;

// A string, or a number as its digits: the provider writes ids both ways.
std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer()) return std::to_string(found->get<std::int64_t>());
  return {};
}

Json* Find(Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

class Cutter {
 public:
  explicit Cutter(const WebhookPerson& person) : person_(person) {}

  bool cut() const { return cut_; }

  void CutEntries(Json& entries) {
    EraseIf(entries, [&](Json& entry) {
      Json* changes = Find(entry, "changes");
      if (changes == nullptr || !changes->is_array()) return false;
      const bool before = cut_;
      EraseIf(*changes, [&](Json& change) { return CutChange(change); });
      return cut_ != before && changes->empty();
    });
  }

 private:
  template <typename Pred>
  void EraseIf(Json& array, Pred pred) {
    for (auto it = array.begin(); it != array.end();) it = pred(*it) ? array.erase(it) : it + 1;
  }

  bool Names(const Json& object, const char* key) const {
    const std::string text = TextOf(object, key);
    return !text.empty() && (person_.phones.count(text) > 0 || person_.bsuids.count(text) > 0);
  }

  bool IsOf(const Json& part) const {
    if (!part.is_object()) return false;
    for (const char* key :
         {"wa_id", "user_id", "from", "from_user_id", "recipient_id", "recipient_user_id"}) {
      if (Names(part, key)) return true;
    }
    const auto system = part.find("system");  // the number he changed to
    return system != part.end() && system->is_object() &&
           (Names(*system, "wa_id") || Names(*system, "new_wa_id") || Names(*system, "user_id"));
  }

  // True if nothing is left of it.
  bool CutChange(Json& change) {
    Json* value = Find(change, "value");
    Json* metadata = value == nullptr ? nullptr : Find(*value, "metadata");
    if (metadata == nullptr || !metadata->is_object() ||
        person_.phone_number_ids.count(TextOf(*metadata, "phone_number_id")) == 0) {
      return false;
    }
    Json* contacts = Find(*value, "contacts");
    // With neither number nor user id in a message, a lone contact can be no other.
    const bool alone = contacts != nullptr && contacts->is_array() && contacts->size() == 1 &&
                       IsOf(contacts->front());
    bool touched = false, left = false;
    for (const char* name : {"contacts", "messages", "statuses"}) {
      Json* parts = Find(*value, name);
      if (parts == nullptr || !parts->is_array()) continue;
      const std::size_t before = parts->size();
      EraseIf(*parts, [&](const Json& part) { return IsOf(part) || (alone && Nobodys(part)); });
      touched = touched || parts->size() != before;
      left = left || !parts->empty();
    }
    cut_ = cut_ || touched;
    return touched && !left;
  }

  static bool Nobodys(const Json& part) {
    if (!part.is_object()) return false;
    for (const char* key :
         {"from", "from_user_id", "user_id", "recipient_id", "recipient_user_id"}) {
      if (!TextOf(part, key).empty()) return false;
    }
    return true;
  }

  const WebhookPerson& person_;
  bool cut_ = false;
};

}  // namespace

std::optional<std::string> WithoutPerson(absl::string_view body, const WebhookPerson& person) {
  Json webhook = Json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  Json* entries = webhook.is_discarded() ? nullptr : Find(webhook, "entry");
  if (entries == nullptr || !entries->is_array()) return std::nullopt;
  Cutter cutter(person);
  cutter.CutEntries(*entries);
  if (!cutter.cut()) return std::nullopt;
  if (entries->empty()) return std::string();
  return webhook.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kabar::dispatcher
