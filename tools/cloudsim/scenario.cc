#include "tools/cloudsim/scenario.h"

#include "absl/strings/str_cat.h"
#include "tools/cloudsim/json_fields.h"

namespace kabar::cloudsim {
namespace {

constexpr absl::string_view kFaultNames[kFaultKinds] = {
    "none",
    "error",
    "http",
    "timeout_before_accept",
    "close_before_accept",
    "reset_before_accept",
    "reset_on_connect",
    "timeout_after_accept",
    "close_after_accept",
    "bad_gateway_after_accept",
    "reset_after_accept",
};

void ReadSet(JsonFields& fields, const char* name, std::set<std::string>* values) {
  std::vector<std::string> list;
  fields.Read(name, &list);
  values->insert(list.begin(), list.end());
}

void ReadCodes(JsonFields& fields, const char* name, std::vector<int>* codes) {
  const Json* const json = fields.Find(name);
  if (json == nullptr) return;
  codes->clear();
  if (!json->is_array()) return fields.Fail(name, "must be a list of codes");
  for (const Json& code : *json) {
    if (!code.is_number_integer()) return fields.Fail(name, "must be a list of codes");
    codes->push_back(code.get<int>());
  }
}

void ReadFault(JsonFields& fields, FaultRule* rule) {
  std::string name;
  fields.Read("do", &name);
  for (int i = 1; i < kFaultKinds; ++i) {
    if (kFaultNames[i] == name) rule->kind = static_cast<FaultKind>(i);
  }
  if (rule->kind == FaultKind::kNone) {
    fields.Fail("do", absl::StrCat("\"", name,
                                   "\" is not a fault; known are error, http, "
                                   "reset_on_connect and {timeout,close,reset}_before_accept, "
                                   "{timeout,close,bad_gateway,reset}_after_accept"));
  }
  fields.Read("code", &rule->code);
  fields.Read("status", &rule->status);
  fields.Read("body", &rule->body);
  fields.ReadProbability("probability", &rule->probability);
  ReadSet(fields, "recipients", &rule->recipients);
  ReadSet(fields, "phone_number_ids", &rule->numbers);
  ReadSet(fields, "kinds", &rule->message_kinds);
  fields.Read("callback_prefix", &rule->callback_prefix);
  fields.Read("first_attempts", &rule->first_attempts);
  fields.Read("only_reused", &rule->only_reused);
  fields.Read("from_s", &rule->phase_s.first);
  fields.Read("to_s", &rule->phase_s.second);
  fields.Read("from_request", &rule->requests.first);
  fields.Read("to_request", &rule->requests.second);
  fields.Read("max_times", &rule->max_times);
  if (rule->kind == FaultKind::kHttp && rule->status == 0) rule->status = 503;
  if (rule->kind == FaultKind::kError && !fields.Has("code")) fields.Fail("code", "is required");
}

void ReadLatency(JsonFields& fields, Latency* latency) {
  std::string kind = "fixed";
  fields.Read("kind", &kind);
  fields.Read("ms", &latency->ms);
  fields.Read("min_ms", &latency->min_ms);
  fields.Read("max_ms", &latency->max_ms);
  fields.Read("sigma", &latency->sigma);
  if (kind == "fixed") {
    latency->kind = Latency::Kind::kFixed;
  } else if (kind == "uniform") {
    latency->kind = Latency::Kind::kUniform;
    if (latency->max_ms < latency->min_ms) fields.Fail("max_ms", "must not be below min_ms");
  } else if (kind == "exponential") {
    latency->kind = Latency::Kind::kExponential;
  } else if (kind == "lognormal") {
    latency->kind = Latency::Kind::kLogNormal;
  } else {
    fields.Fail("kind", "must be fixed, uniform, exponential or lognormal");
  }
}

void ReadStatuses(JsonFields& fields, StatusPlan* plan) {
  fields.Read("enabled", &plan->enabled);
  fields.ReadRange("sent_ms", &plan->sent_ms);
  fields.ReadRange("delivered_ms", &plan->delivered_ms);
  fields.ReadRange("read_ms", &plan->read_ms);
  fields.ReadProbability("delivered", &plan->delivered);
  fields.ReadProbability("read", &plan->read);
  fields.ReadProbability("failed", &plan->failed);
  ReadCodes(fields, "failed_codes", &plan->failed_codes);
  fields.ReadProbability("read_at_once", &plan->read_at_once);
  fields.ReadProbability("duplicate", &plan->duplicate);
  fields.ReadProbability("missing", &plan->missing);
  fields.ReadProbability("late", &plan->late);
  fields.ReadRange("late_ms", &plan->late_ms);
  fields.ReadProbability("reorder", &plan->reorder);
  fields.Read("batch", &plan->batch);
  if (plan->batch < 1) fields.Fail("batch", "must be at least 1");
  if (plan->failed_codes.empty()) fields.Fail("failed_codes", "must not be empty");
}

void ReadCustomers(JsonFields& fields, CustomerPlan* plan) {
  fields.ReadProbability("answer", &plan->answer);
  fields.ReadProbability("yes", &plan->yes);
  fields.ReadProbability("no", &plan->no);
  fields.ReadProbability("stop", &plan->stop);
  fields.ReadObject("forms", [&](JsonFields& forms) {
    plan->text_form = plan->button_form = plan->interactive_form = 0;
    forms.Read("text", &plan->text_form);
    forms.Read("button", &plan->button_form);
    forms.Read("interactive", &plan->interactive_form);
  });
  fields.ReadProbability("context", &plan->context);
  fields.ReadRange("delay_ms", &plan->delay_ms);
  fields.Read("max_answers", &plan->max_answers);
  fields.ReadObject("texts", [&](JsonFields& texts) {
    texts.Read("yes", &plan->yes_texts);
    texts.Read("no", &plan->no_texts);
    texts.Read("other", &plan->other_texts);
    texts.Read("stop", &plan->stop_texts);
  });
  if (plan->yes + plan->no + plan->stop > 1 + 1e-9) {
    fields.Fail("yes", "yes, no and stop are shares of the answers and must not exceed 1 together");
  }
  if (plan->yes_texts.empty() || plan->no_texts.empty() || plan->other_texts.empty() ||
      plan->stop_texts.empty()) {
    fields.Fail("texts", "must not be empty");
  }
}

}  // namespace

absl::string_view FaultName(FaultKind kind) { return kFaultNames[static_cast<int>(kind)]; }

absl::StatusOr<Scenario> ParseScenario(absl::string_view json) {
  const absl::StatusOr<Json> document = ParseJson(json);
  if (!document.ok()) return document.status();
  Scenario scenario;
  absl::Status status;
  {
    JsonFields fields(*document, "", &status);
    std::string about;
    fields.Read("about", &about);  // room for a comment, which JSON has none of
    fields.ReadObject("latency", [&](JsonFields& f) { ReadLatency(f, &scenario.latency); });
    fields.ReadObjects("faults",
                       [&](JsonFields& f) { ReadFault(f, &scenario.faults.emplace_back()); });
    fields.ReadObject("statuses", [&](JsonFields& f) { ReadStatuses(f, &scenario.statuses); });
    fields.ReadObject("customers", [&](JsonFields& f) { ReadCustomers(f, &scenario.customers); });
    std::vector<int> late;
    ReadCodes(fields, "late_errors", &late);
    scenario.late_errors.insert(late.begin(), late.end());
  }
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("scenario: ", status.message()));
  }
  return scenario;
}

}  // namespace kabar::cloudsim
