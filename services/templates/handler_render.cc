// Rendering and looking over.
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/guard.h"
#include "services/templates/convert.h"
#include "services/templates/handler.h"

namespace kabar::templates {
namespace {

constexpr int kMaxRows = 1000;

metrics::Counter& Rows(const char* outcome) {
  return metrics::GetCounter("kabar_templates_rendered_rows_total",
                             "Rows rendered by RenderBatch, by outcome.", {{"outcome", outcome}});
}

// The provider refuses a text of nothing but blanks, so the row fails here, with a name.
constexpr char kTextEmpty[] = "TEXT_EMPTY";

// Renders one row into its answer; true unless it failed.
bool RenderRow(const template_lang::Binding& binding, absl::Span<const absl::string_view> row,
               template_lang::Mode mode, template_lang::Output* buffer, v1::Rendered* rendered) {
  const template_lang::Failure failure = binding.Render(row, mode, buffer);
  if (!failure.ok()) {
    const absl::string_view reason = template_lang::FailureReasonName(failure.reason);
    rendered->mutable_failure()->set_reason(std::string(reason));
    rendered->mutable_failure()->set_variable(std::string(failure.variable));
    return false;
  }
  if (absl::StripLeadingAsciiWhitespace(buffer->text).empty()) {
    rendered->mutable_failure()->set_reason(kTextEmpty);
    return false;
  }
  rendered->set_text(buffer->text);
  if (buffer->provider == nullptr) return true;
  v1::ProviderForm* form = rendered->mutable_provider_form();
  form->set_name(buffer->provider->name);
  form->set_language(buffer->provider->language);
  for (const std::string& parameter : buffer->parameters) form->add_parameters(parameter);
  return true;
}

absl::StatusOr<template_lang::Binding> BindColumns(const template_lang::Template& program,
                                                   const std::vector<std::string>& columns) {
  absl::StatusOr<template_lang::Binding> binding = program.Bind({.row = columns});
  if (!binding.ok()) return base::InvalidField("variables", binding.status().message());
  return binding;
}

absl::Status CheckTable(const v1::RenderBatchRequest& request) {
  if (request.rows_size() > kMaxRows) {
    return base::InvalidField("rows", absl::StrCat("has ", request.rows_size(), " rows, at most ",
                                                   kMaxRows, " go into one call"));
  }
  for (int i = 0; i < request.rows_size(); ++i) {
    if (request.rows(i).values_size() == request.variables_size()) continue;
    return base::InvalidField(
        absl::StrCat("rows[", i, "].values"),
        absl::StrCat("has ", request.rows(i).values_size(), " values for ",
                     request.variables_size(), " variables: give one each, empty if missing"));
  }
  return absl::OkStatus();
}

absl::Status CheckVersion(int32_t version) {
  if (version >= 0) return absl::OkStatus();
  return base::InvalidField("version", "must be 1 or more, or 0 for the newest");
}

}  // namespace

grpc::Status Handler::RenderBatch(grpc::ServerContext* context,
                                  const v1::RenderBatchRequest* request,
                                  v1::RenderBatchResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        if (request->template_id().empty()) return base::InvalidField("template_id", "is required");
        KABAR_RETURN_IF_ERROR(CheckVersion(request->version()));
        KABAR_RETURN_IF_ERROR(CheckTable(*request));
        KABAR_ASSIGN_OR_RETURN(
            const std::shared_ptr<const CompiledTemplate> compiled,
            compiled_.Find(call.outlet, request->template_id(), request->version(), call.deadline));
        const std::vector<std::string> columns(request->variables().begin(),
                                               request->variables().end());
        KABAR_ASSIGN_OR_RETURN(const template_lang::Binding binding,
                               BindColumns(compiled->program, columns));
        static metrics::Counter& rendered = Rows("rendered");
        static metrics::Counter& failed = Rows("failed");
        template_lang::Output buffer;
        std::vector<absl::string_view> values(columns.size());
        response->mutable_rendered()->Reserve(request->rows_size());
        int good = 0;
        for (const v1::RenderBatchRequest::Row& row : request->rows()) {
          for (size_t i = 0; i < values.size(); ++i) values[i] = row.values(static_cast<int>(i));
          good +=
              RenderRow(binding, values, compiled->missing_data, &buffer, response->add_rendered())
                  ? 1
                  : 0;
        }
        rendered.Increment(good);
        failed.Increment(request->rows_size() - good);
        return absl::OkStatus();
      });
}

// A saved version, or a message that is not saved yet.
absl::StatusOr<CompiledTemplate> Handler::PreviewSource(const rpc::Call& call,
                                                        const v1::PreviewTemplateRequest& request) {
  KABAR_RETURN_IF_ERROR(CheckVersion(request.version()));
  switch (request.source_case()) {
    case v1::PreviewTemplateRequest::kTemplateId: {
      KABAR_ASSIGN_OR_RETURN(
          const std::shared_ptr<const CompiledTemplate> saved,
          compiled_.Find(call.outlet, request.template_id(), request.version(), call.deadline));
      return *saved;
    }
    case v1::PreviewTemplateRequest::kMessage: {
      absl::StatusOr<template_lang::Template> program = template_lang::Compile(request.message());
      if (!program.ok()) return base::InvalidField("message", program.status().message());
      return CompiledTemplate{*std::move(program), template_lang::Mode::kStrict};
    }
    default:
      return base::InvalidField("template_id", "is required: give a template_id or a message");
  }
}

grpc::Status Handler::PreviewTemplate(grpc::ServerContext* context,
                                      const v1::PreviewTemplateRequest* request,
                                      v1::PreviewTemplateResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const CompiledTemplate source, PreviewSource(call, *request));
        KABAR_ASSIGN_OR_RETURN(
            const template_lang::Mode mode,
            FromProto(request->missing_data(), "missing_data", source.missing_data));
        std::vector<std::string> columns;
        std::vector<absl::string_view> values;
        for (const auto& [name, value] : request->variables()) {
          columns.push_back(name);
          values.push_back(value);
        }
        KABAR_ASSIGN_OR_RETURN(const template_lang::Binding binding,
                               BindColumns(source.program, columns));
        template_lang::Output buffer;
        RenderRow(binding, values, mode, &buffer, response->mutable_rendered());
        return absl::OkStatus();
      });
}

grpc::Status Handler::ValidateTemplate(grpc::ServerContext* context,
                                       const v1::ValidateTemplateRequest* request,
                                       v1::ValidateTemplateResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        Review review = ReviewMessage(request->message());
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<ProviderTemplate> known,
            store_.FindProviderTemplates(call.outlet, ProvidersNamed(review), call.deadline));
        ReviewProviders(known, &review);
        ToProto(review, response);
        return absl::OkStatus();
      });
}

}  // namespace kabar::templates
