#include "tools/cloudsim/template_changes.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/world.h"

namespace kabar::cloudsim {
namespace {

struct Wanted {
  std::string account, name, language = "id", status, category, quality, components, reason;
  bool tell = true;
};

absl::StatusOr<Wanted> Parse(absl::string_view body) {
  const absl::StatusOr<Json> document = ParseJson(body);
  if (!document.ok()) return document.status();
  absl::Status status;
  Wanted wanted;
  {
    JsonFields fields(*document, "template", &status);
    fields.Read("waba_id", &wanted.account);
    fields.Read("name", &wanted.name);
    fields.Read("language", &wanted.language);
    fields.Read("status", &wanted.status);
    fields.Read("category", &wanted.category);
    fields.Read("quality", &wanted.quality);
    fields.Read("reason", &wanted.reason);
    fields.Read("tell", &wanted.tell);
    if (const Json* const components = fields.Find("components")) {
      wanted.components = DumpJson(*components);
    }
  }
  if (!status.ok()) return status;
  return wanted;
}

// What every webhook about a template says first.
Json Named(const Template& one) {
  Json value = Json::object();
  int64_t id = 0;
  if (absl::SimpleAtoi(one.id, &id)) {
    value["message_template_id"] = id;
  } else {
    value["message_template_id"] = one.id;
  }
  value["message_template_name"] = one.setup.name;
  value["message_template_language"] = one.setup.language;
  return value;
}

std::string BodyOf(const Template& one) {
  for (const Json& component : Json::parse(one.setup.components_json, nullptr, false)) {
    if (component.value("type", "") == "BODY") return component.value("text", "");
  }
  return "";
}

void Tell(World* world, const std::string& account, absl::string_view field, const Json& value) {
  if (!world->webhooks.configured()) return;
  std::vector<WebhookEvent> events(1);
  events[0].due_us = NowUs();
  events[0].body = ChangeBody(account, field, DumpJson(value), events[0].due_us);
  world->webhooks.Enqueue(&events);
}

void TellOfChanges(World* world, const Wanted& wanted, const Template& before,
                   const Template& after) {
  if (before.setup.status != after.setup.status) {
    Json value = Named(after);
    value["event"] = after.setup.status;
    value["reason"] = "NONE";
    value["message_template_category"] = after.setup.category;
    if (!wanted.reason.empty()) {
      value["other_info"] = {{"title", after.setup.status}, {"description", wanted.reason}};
    }
    Tell(world, wanted.account, "message_template_status_update", value);
  }
  if (before.setup.category != after.setup.category) {
    Json value = Named(after);
    value["previous_category"] = before.setup.category;
    value["new_category"] = after.setup.category;
    Tell(world, wanted.account, "template_category_update", value);
  }
  if (before.quality != after.quality) {
    Json value = Named(after);
    value["previous_quality_score"] = before.quality;
    value["new_quality_score"] = after.quality;
    Tell(world, wanted.account, "message_template_quality_update", value);
  }
  if (before.setup.components_json != after.setup.components_json) {
    Json value = Named(after);
    value["message_template_element"] = BodyOf(after);
    Tell(world, wanted.account, "message_template_components_update", value);
  }
}

}  // namespace

absl::Status ChangeTemplate(World* world, absl::string_view body) {
  const absl::StatusOr<Wanted> wanted = Parse(body);
  if (!wanted.ok()) return wanted.status();
  const Account* const account = world->accounts.FindAccount(wanted->account);
  uint32_t index = 0;
  const Template* const found =
      account == nullptr
          ? nullptr
          : world->accounts.FindTemplate(account->index, wanted->name, wanted->language, &index);
  if (found == nullptr) {
    return absl::NotFoundError(absl::StrCat("no template ", wanted->name, " (", wanted->language,
                                            ") in account ", wanted->account));
  }
  TemplateSetup setup = found->setup;
  if (!wanted->status.empty()) setup.status = wanted->status;
  if (!wanted->category.empty()) setup.category = wanted->category;
  if (!wanted->components.empty()) setup.components_json = wanted->components;
  absl::StatusOr<Template> changed = CompileTemplate(setup);
  if (!changed.ok()) return changed.status();
  changed->id = found->id;
  changed->quality = wanted->quality.empty() ? found->quality : wanted->quality;
  const Template before = *found;
  index = world->accounts.PutTemplate(account->index, *std::move(changed));
  if (wanted->tell) TellOfChanges(world, *wanted, before, world->accounts.template_at(index));
  return absl::OkStatus();
}

}  // namespace kabar::cloudsim
