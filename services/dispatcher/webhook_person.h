// Takes what one person wrote or was told out of a webhook as the provider sent it. Compares the
// values of the fields that name people, so that digits inside another number or a text match
// nobody.
//
// Thread safety: pure. Nothing blocks or fails: what is no webhook of the provider's stays.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace kabar::dispatcher {

struct WebhookPerson {
  std::set<std::string> phones = {};            // digits alone, as the provider writes them
  std::set<std::string> bsuids = {};            // business-scoped user ids
  std::set<std::string> phone_number_ids = {};  // of our numbers: others' webhooks are not touched
};

// nullopt: he is not in it. Else the webhook without him; empty if nothing else is in it.
std::optional<std::string> WithoutPerson(absl::string_view body, const WebhookPerson& person);

}  // namespace kabar::dispatcher
