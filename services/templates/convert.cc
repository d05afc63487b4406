#include "services/templates/convert.h"

#include <google/protobuf/util/time_util.h>

#include "libs/base/status.h"

namespace kabar::templates {
namespace {

using google::protobuf::util::TimeUtil;

}  // namespace

void ToProto(const Parts& from, content::v1::Parts* to) {
  to->set_header_kind(static_cast<content::v1::Parts::HeaderKind>(from.header_kind));
  to->set_header_text(from.header_text);
  to->set_media_link(from.media_link);
  to->set_filename(from.filename);
  to->set_latitude(from.latitude);
  to->set_longitude(from.longitude);
  to->set_location_name(from.location_name);
  to->set_location_address(from.location_address);
  to->set_footer(from.footer);
  for (const Button& button : from.buttons) {
    auto* added = to->add_buttons();
    added->set_title(button.title);
    added->set_answer(button.answer);
    added->set_url(button.url);
  }
}

Parts FromProto(const content::v1::Parts& from) {
  Parts to{.header_kind = static_cast<HeaderKind>(from.header_kind()),
           .header_text = from.header_text(),
           .media_link = from.media_link(),
           .filename = from.filename(),
           .latitude = from.latitude(),
           .longitude = from.longitude(),
           .location_name = from.location_name(),
           .location_address = from.location_address(),
           .footer = from.footer()};
  for (const auto& button : from.buttons()) {
    to.buttons.push_back({.title = button.title(), .answer = button.answer(), .url = button.url()});
  }
  return to;
}

absl::StatusOr<std::optional<Kind>> FromProto(v1::TemplateKind from, absl::string_view field) {
  switch (from) {
    case v1::TEMPLATE_KIND_UNSPECIFIED:
      return std::optional<Kind>();
    case v1::MESSAGE:
      return std::optional<Kind>(Kind::kMessage);
    case v1::QUICK_REPLY:
      return std::optional<Kind>(Kind::kQuickReply);
    default:
      return base::InvalidField(field, "must be MESSAGE or QUICK_REPLY");
  }
}

void ToProto(const MessageTemplate& from, v1::Template* to) {
  if (!from.parts.empty()) ToProto(from.parts, to->mutable_parts());
  to->set_kind(from.kind == Kind::kQuickReply ? v1::QUICK_REPLY : v1::MESSAGE);
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
  for (const std::string& name : from.parameter_names) to->add_parameter_names(name);
  to->set_header_format(from.header_format);
  to->set_header(from.header);
  to->set_footer(from.footer);
  for (const ProviderButton& button : from.buttons) {
    auto* added = to->add_buttons();
    added->set_type(button.type);
    added->set_text(button.text);
    added->set_url(button.url);
  }
  to->set_quality(from.quality);
  to->set_reason(from.reason);
  to->set_account_id(from.account_id);
  to->set_agreed_category(from.agreed_category);
  SetTrouble(TroubleOf(from), to);
  if (from.sync_time > absl::InfinitePast()) {
    *to->mutable_sync_time() =
        TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(from.sync_time));
  }
}

void SetTrouble(const Trouble& trouble, v1::ProviderTemplate* to) {
  to->set_trouble(trouble.code);
  to->set_trouble_text(trouble.text);
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
  to.header_format = from.header_format();
  to.header = from.header();
  to.footer = from.footer();
  for (const auto& button : from.buttons()) {
    to.buttons.push_back({.type = button.type(), .text = button.text(), .url = button.url()});
  }
  to.agreed_category = to.category;
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
