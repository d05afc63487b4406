#include "tools/cloudsim/setup.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cloudsim/json_fields.h"

namespace kabar::cloudsim {
namespace {

void ReadNumberSetup(JsonFields& fields, NumberSetup* number) {
  fields.Read("id", &number->id);
  fields.Read("display_phone_number", &number->display_phone_number);
  fields.Read("verified_name", &number->verified_name);
  fields.Read("quality_rating", &number->quality_rating);
  fields.Read("throughput", &number->throughput);
  if (number->id.empty()) fields.Fail("id", "is required");
  if (number->throughput < 1) fields.Fail("throughput", "must be at least 1 message a second");
  if (number->display_phone_number.empty()) number->display_phone_number = number->id;
}

void ReadTemplateSetup(JsonFields& fields, TemplateSetup* setup) {
  fields.Read("id", &setup->id);
  fields.Read("name", &setup->name);
  fields.Read("language", &setup->language);
  fields.Read("category", &setup->category);
  fields.Read("status", &setup->status);
  fields.Read("parameter_format", &setup->parameter_format);
  if (const Json* const components = fields.Find("components")) {
    setup->components_json = DumpJson(*components);
  }
  // The short form: a template that is nothing but its body.
  std::string body;
  fields.Read("body", &body);
  if (!body.empty()) {
    setup->components_json = DumpJson(Json::array({{{"type", "BODY"}, {"text", body}}}));
  }
  if (setup->name.empty()) fields.Fail("name", "is required");
  if (setup->language.empty()) fields.Fail("language", "is required");
  if (setup->components_json.empty()) fields.Fail("components", "is required (or body)");
}

void ReadAccount(JsonFields& fields, AccountSetup* account) {
  fields.Read("id", &account->id);
  fields.Read("name", &account->name);
  fields.Read("portfolio", &account->portfolio);
  fields.ReadObjects("phone_numbers", [&](JsonFields& number) {
    ReadNumberSetup(number, &account->numbers.emplace_back());
  });
  fields.ReadObjects("templates", [&](JsonFields& one) {
    ReadTemplateSetup(one, &account->templates.emplace_back());
  });
  if (account->id.empty()) fields.Fail("id", "is required");
}

void ReadWebhook(JsonFields& fields, WebhookSetup* webhook) {
  fields.Read("url", &webhook->url);
  fields.Read("app_secret", &webhook->app_secret);
  fields.Read("verify_token", &webhook->verify_token);
  fields.Read("verify", &webhook->verify);
  fields.Read("connections", &webhook->connections);
  fields.Read("timeout_ms", &webhook->timeout_ms);
  fields.Read("retry_first_ms", &webhook->retry_first_ms);
  fields.Read("retry_max_ms", &webhook->retry_max_ms);
  fields.Read("retry_for_s", &webhook->retry_for_s);
  if (webhook->connections < 1) fields.Fail("connections", "must be at least 1");
}

void ReadLimits(JsonFields& fields, LimitSetup* limits) {
  fields.Read("pair_interval_s", &limits->pair_interval_s);
  fields.Read("pair_burst", &limits->pair_burst);
  fields.Read("window_hours", &limits->window_hours);
  fields.Read("enforce_window", &limits->enforce_window);
  fields.Read("throughput_counts_inbound", &limits->throughput_counts_inbound);
  fields.Read("messaging_limit", &limits->messaging_limit);
  fields.Read("messaging_limit_code", &limits->messaging_limit_code);
  fields.Read("time_scale", &limits->time_scale);
  fields.Read("template_review_ms", &limits->template_review_ms);
  if (limits->pair_burst < 1) fields.Fail("pair_burst", "must be at least 1");
  if (limits->time_scale <= 0) fields.Fail("time_scale", "must be above 0");
}

void ReadCustomer(JsonFields& fields, CustomerSetup* customer) {
  fields.Read("phone", &customer->phone);
  fields.Read("user_id", &customer->user_id);
  fields.Read("name", &customer->name);
  fields.Read("username", &customer->username);
  fields.Read("on_whatsapp", &customer->on_whatsapp);
  fields.Read("hides_phone", &customer->hides_phone);
  fields.Read("window_open", &customer->window_open);
  if (customer->phone.empty()) fields.Fail("phone", "is required");
}

}  // namespace

absl::StatusOr<Setup> ParseSetup(absl::string_view json, Setup base) {
  const absl::StatusOr<Json> document = ParseJson(json);
  if (!document.ok()) return document.status();
  absl::Status status;
  {
    JsonFields fields(*document, "", &status);
    if (fields.Has("tokens")) base.tokens.clear();
    fields.ReadObjects("tokens", [&](JsonFields& token) {
      TokenSetup& setup = base.tokens.emplace_back();
      token.Read("token", &setup.token);
      token.Read("wabas", &setup.accounts);
      if (setup.token.empty()) token.Fail("token", "is required");
    });
    if (fields.Has("wabas")) base.accounts.clear();
    fields.ReadObjects(
        "wabas", [&](JsonFields& account) { ReadAccount(account, &base.accounts.emplace_back()); });
    fields.ReadObject("webhook", [&](JsonFields& webhook) { ReadWebhook(webhook, &base.webhook); });
    fields.ReadObject("limits", [&](JsonFields& limits) { ReadLimits(limits, &base.limits); });
    if (fields.Has("customers")) base.customers.clear();
    fields.ReadObjects("customers", [&](JsonFields& customer) {
      ReadCustomer(customer, &base.customers.emplace_back());
    });
  }
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("set-up: ", status.message()));
  }
  return base;
}

Setup DefaultSetup() {
  Setup setup;
  setup.tokens.push_back({"cloudsim-token", {}});
  AccountSetup account;
  account.id = "100000000000001";
  account.name = "Kabar";
  account.numbers.push_back({"200000000000001", "+62 811-0000-001", "Kabar", "GREEN", 80});
  TemplateSetup hello;
  hello.name = "kabar_halo";
  hello.language = "id";
  hello.components_json =
      R"([{"type":"BODY","text":"Halo {{1}}, ini kabar dari kami.","example":{"body_text":[["Budi"]]}}])";
  account.templates.push_back(std::move(hello));
  setup.accounts.push_back(std::move(account));
  return setup;
}

}  // namespace kabar::cloudsim
