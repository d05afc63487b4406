// Between the domain and kabar.templates.v1.
//
// Thread safety: free functions. Blocks: never. Errors: INVALID_ARGUMENT naming the field.
#ifndef KABAR_SERVICES_TEMPLATES_CONVERT_H_
#define KABAR_SERVICES_TEMPLATES_CONVERT_H_

#include <optional>

#include "absl/status/statusor.h"
#include "kabar/templates/v1/templates.pb.h"
#include "libs/template_lang/template.h"
#include "services/templates/message_template.h"
#include "services/templates/provider_template.h"
#include "services/templates/review.h"

namespace kabar::templates {

void ToProto(const MessageTemplate& from, v1::Template* to);
void ToProto(const ProviderTemplate& from, v1::ProviderTemplate* to);
void SetTrouble(const Trouble& trouble, v1::ProviderTemplate* to);
void ToProto(const Review& from, v1::ValidateTemplateResponse* to);

ProviderTemplate FromProto(const v1::ProviderTemplate& from);
void ToProto(const Parts& from, content::v1::Parts* to);
Parts FromProto(const content::v1::Parts& from);
absl::StatusOr<std::optional<Kind>> FromProto(v1::TemplateKind from, absl::string_view field);

// `unspecified` for UNSPECIFIED; a number that this version does not know is refused.
absl::StatusOr<template_lang::Mode> FromProto(v1::MissingData from, absl::string_view field,
                                              template_lang::Mode unspecified);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_CONVERT_H_
