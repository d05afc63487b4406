#include "services/templates/convert.h"

#include <google/protobuf/util/time_util.h>

#include "libs/base/status.h"

namespace kabar::templates {
namespace {

using google::protobuf::util::TimeUtil;

}  // namespace

void ToProto(const MessageTemplate& from, v1::Template* to) {
  to->set_id(from.id);
  to->set_code(from.code);
  to->set_message(from.message);
  to->set_missing_data(from.missing_data == template_lang::Mode::kStrict ? v1::STRICT
                                                                         : v1::LENIENT);
  to->set_version(from.version);
  to->set_state(from.state == State::kActive ? v1::ACTIVE : v1::ARCHIVED);
  for (const std::string& variable : from.variables) to->add_variables(variable);
  *to->mutable_create_time() =
      TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(from.create_time));
  *to->mutable_update_time() =
      TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(from.update_time));
}

void ToProto(const ProviderTemplate& from, v1::ProviderTemplate* to) {
  to->set_name(from.name);
  to->set_language(from.language);
  to->set_body(from.body);
  to->set_category(from.category);
  to->set_status(from.status);
  to->set_parameters(from.parameters);
}

void ToProto(const Review& from, v1::ValidateTemplateResponse* to) {
  to->set_valid(from.valid());
  for (const Problem& problem : from.problems) {
    v1::TemplateProblem* shown = to->add_problems();
    shown->set_severity(problem.severity == Severity::kError ? v1::TemplateProblem::ERROR
                                                             : v1::TemplateProblem::WARNING);
    shown->set_line(problem.position.line);
    shown->set_column(problem.position.column);
    shown->set_reason(problem.reason);
    shown->set_message(problem.message);
  }
  if (!from.compiled.has_value()) return;
  for (const template_lang::Variable& variable : from.compiled->variables()) {
    to->add_variables(variable.name);
    if (!variable.owner.has_value()) to->add_unknown_variables(variable.name);
  }
  for (const template_lang::ProviderMapping& mapping : from.compiled->providers()) {
    v1::ProviderForm* form = to->add_provider_forms();
    form->set_name(mapping.name);
    form->set_language(mapping.language);
    for (const std::string& parameter : mapping.parameters) form->add_parameters(parameter);
  }
  to->set_every_path_has_provider_form(from.compiled->paths_without_provider().empty());
}

ProviderTemplate FromProto(const v1::ProviderTemplate& from) {
  ProviderTemplate to;
  to.name = from.name();
  to.language = from.language();
  to.body = from.body();
  to.category = from.category();
  to.status = from.status();
  return to;
}

absl::StatusOr<template_lang::Mode> FromProto(v1::MissingData from, absl::string_view field,
                                              template_lang::Mode unspecified) {
  switch (from) {
    case v1::MISSING_DATA_UNSPECIFIED:
      return unspecified;
    case v1::STRICT:
      return template_lang::Mode::kStrict;
    case v1::LENIENT:
      return template_lang::Mode::kLenient;
    default:
      return base::InvalidField(field, "must be STRICT or LENIENT");
  }
}

}  // namespace kabar::templates
