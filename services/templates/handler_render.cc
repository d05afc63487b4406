// Rendering and looking over.
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
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

// A recipient's values; the buffers are used for one after the other.
struct Values {
  std::vector<absl::string_view> row = {};
  std::vector<std::vector<absl::string_view>> parcel_values = {};
  std::vector<template_lang::Row> parcels = {};

  void SetParcels(size_t count) {
    if (parcel_values.size() < count) parcel_values.resize(count);
    parcels.resize(count);
  }
};

// The parameters by what they are of: body, header, links.
void FillForm(const template_lang::Output& buffer, const FormFacts& facts, v1::ProviderForm* form) {
  const template_lang::ProviderMapping& mapping = *buffer.provider;
  form->set_name(mapping.name);
  form->set_language(mapping.language);
  for (size_t i = 0; i < buffer.parameters.size(); ++i) {
    const std::string& label = mapping.labels[i];
    if (label.empty() || label[0] != '@') {
      form->add_parameters(buffer.parameters[i]);
      if (!label.empty()) form->add_parameter_names(label);
    } else if (label == "@header") {
      form->add_header_parameters(buffer.parameters[i]);
    } else {
      const size_t link = label == "@link1" ? 0 : 1;
      // What it does not take (any more) is a misfit, told as its trouble.
      if (link < facts.links.size()) {
        (*form->mutable_links())[facts.links[link]] = buffer.parameters[i];
      }
    }
  }
  for (const auto& [place, meaning] : facts.replies) (*form->mutable_replies())[place] = meaning;
  form->set_with_header(facts.with_header);
  form->set_trouble(facts.trouble);
}

// What renders one row of a table into an answer.
struct RowRenderer {
  const CompiledTemplate& compiled;
  const template_lang::Binding binding;
  const BoundParts parts;
  const FormFactsCache::All& facts;
  const template_lang::Mode mode;
  template_lang::Output buffer = {};
  template_lang::Output parts_buffer = {};

  bool Render(const Values& values, v1::Rendered* rendered);
};

// A branch's provider template that must not be sent now is told with its trouble.
void CountWithheld(const std::string& trouble) {
  metrics::GetCounter("kabar_templates_forms_withheld_total",
                      "Messages rendered whose provider template must not be sent now, by why.",
                      {{"reason", trouble}})
      .Increment();
}

bool Fail(const template_lang::Failure& failure, v1::Rendered* rendered) {
  const absl::string_view reason = template_lang::FailureReasonName(failure.reason);
  rendered->mutable_failure()->set_reason(std::string(reason));
  rendered->mutable_failure()->set_variable(std::string(failure.variable));
  return false;
}

// True unless it failed.
bool RowRenderer::Render(const Values& values, v1::Rendered* rendered) {
  if (const auto failure = binding.Render(values.row, values.parcels, mode, &buffer);
      !failure.ok()) {
    return Fail(failure, rendered);
  }
  if (base::Trim(buffer.text).empty()) {
    rendered->mutable_failure()->set_reason(kTextEmpty);
    return false;
  }
  if (!compiled.parts.source().empty()) {
    Parts made;
    if (const auto failure = parts.Render(values.row, mode, &parts_buffer, &made); !failure.ok()) {
      return Fail(failure, rendered);
    }
    ToProto(made, rendered->mutable_parts());
  }
  rendered->set_text(buffer.text);
  if (buffer.provider == nullptr) return true;
  const auto place = static_cast<size_t>(buffer.provider - compiled.program.providers().data());
  FillForm(buffer, facts[place], rendered->mutable_provider_form());
  return true;
}

absl::StatusOr<RowRenderer> MakeRenderer(const CompiledTemplate& compiled,
                                         const template_lang::Columns& columns, absl::TimeZone zone,
                                         template_lang::Mode mode,
                                         const FormFactsCache::All& facts) {
  absl::StatusOr<template_lang::Binding> binding = compiled.program.Bind(columns, zone);
  if (!binding.ok()) return base::InvalidField("variables", binding.status().message());
  absl::StatusOr<BoundParts> parts = compiled.parts.Bind(columns, zone);
  if (!parts.ok()) return base::InvalidField("variables", parts.status().message());
  return RowRenderer{compiled, *std::move(binding), *std::move(parts), facts, mode};
}

template <typename Row>
absl::Status CheckWidth(const Row& row, const std::string& path, int columns) {
  if (row.values_size() == columns) return absl::OkStatus();
  return base::InvalidField(path + ".values",
                            absl::StrCat("has ", row.values_size(), " values for ", columns,
                                         " variables: give one each, empty if missing"));
}

absl::Status CheckTable(const v1::RenderBatchRequest& request) {
  if (request.rows_size() > kMaxRows) {
    return base::InvalidField("rows", absl::StrCat("has ", request.rows_size(), " rows, at most ",
                                                   kMaxRows, " go into one call"));
  }
  for (int i = 0; i < request.rows_size(); ++i) {
    const v1::RenderBatchRequest::Row& row = request.rows(i);
    const auto path = [i] { return absl::StrCat("rows[", i, "]"); };
    if (row.values_size() != request.variables_size()) {
      return CheckWidth(row, path(), request.variables_size());
    }
    if (row.parcels_size() > static_cast<int>(template_lang::kMaxParcels)) {
      return base::InvalidField(path() + ".parcels",
                                absl::StrCat("has ", row.parcels_size(), " parcels, at most ",
                                             template_lang::kMaxParcels, " fit into one message"));
    }
    for (int j = 0; j < row.parcels_size(); ++j) {
      if (row.parcels(j).values_size() == request.parcel_variables_size()) continue;
      return CheckWidth(row.parcels(j), absl::StrCat(path(), ".parcels[", j, "]"),
                        request.parcel_variables_size());
    }
  }
  return absl::OkStatus();
}

void TakeRow(const v1::RenderBatchRequest::Row& row, Values* values) {
  values->row.assign(row.values().begin(), row.values().end());
  values->SetParcels(static_cast<size_t>(row.parcels_size()));
  for (int i = 0; i < row.parcels_size(); ++i) {
    const auto at = static_cast<size_t>(i);
    const auto& parcel = row.parcels(i).values();
    values->parcel_values[at].assign(parcel.begin(), parcel.end());
    values->parcels[at] = values->parcel_values[at];
  }
}

// One column for each name that any of the parcels has.
void TakeParcels(const v1::PreviewTemplateRequest& request, template_lang::Columns* columns,
                 Values* values) {
  std::map<std::string, size_t> column_of;
  for (const v1::SampleParcel& parcel : request.parcels()) {
    for (const auto& [name, value] : parcel.variables()) column_of.emplace(name, 0);
  }
  for (auto& [name, column] : column_of) {
    column = columns->parcel.size();
    columns->parcel.push_back(name);
  }
  values->SetParcels(static_cast<size_t>(request.parcels_size()));
  for (int i = 0; i < request.parcels_size(); ++i) {
    const auto at = static_cast<size_t>(i);
    values->parcel_values[at].resize(columns->parcel.size());
    for (const auto& [name, value] : request.parcels(i).variables()) {
      values->parcel_values[at][column_of[name]] = value;
    }
    values->parcels[at] = values->parcel_values[at];
  }
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
        const template_lang::Columns columns{
            .row = {request->variables().begin(), request->variables().end()},
            .parcel = {request->parcel_variables().begin(), request->parcel_variables().end()}};
        KABAR_ASSIGN_OR_RETURN(const auto facts, facts_.Find(call.outlet, request->template_id(),
                                                             *compiled, call.deadline));
        KABAR_ASSIGN_OR_RETURN(RowRenderer renderer, MakeRenderer(*compiled, columns, zone_,
                                                                  compiled->missing_data, *facts));
        static metrics::Counter& rendered = Rows("rendered");
        static metrics::Counter& failed = Rows("failed");
        Values values;
        response->mutable_rendered()->Reserve(request->rows_size());
        int good = 0;
        for (const v1::RenderBatchRequest::Row& row : request->rows()) {
          // A table takes a while, and then nobody waits for the rest any more.
          if (absl::Now() > call.deadline) {
            return absl::DeadlineExceededError(absl::StrCat(
                "the time was over after ", response->rendered_size(), " rows: send fewer"));
          }
          TakeRow(row, &values);
          v1::Rendered* made = response->add_rendered();
          good += renderer.Render(values, made) ? 1 : 0;
          const std::string& trouble = made->provider_form().trouble();
          if (!trouble.empty()) CountWithheld(trouble);
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
      return CompiledTemplate{*std::move(program), template_lang::Mode::kStrict, 0, {}};
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
        if (request->parcels_size() > static_cast<int>(template_lang::kMaxParcels)) {
          return base::InvalidField("parcels", "has more than fit into one message (100)");
        }
        template_lang::Columns columns;
        Values values;
        for (const auto& [name, value] : request->variables()) {
          columns.row.push_back(name);
          values.row.push_back(value);
        }
        TakeParcels(*request, &columns, &values);
        KABAR_ASSIGN_OR_RETURN(const auto facts, facts_.Find(call.outlet, request->template_id(),
                                                             source, call.deadline));
        KABAR_ASSIGN_OR_RETURN(RowRenderer renderer,
                               MakeRenderer(source, columns, zone_, mode, *facts));
        renderer.Render(values, response->mutable_rendered());
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
        std::optional<HeaderKind> header;
        if (request->has_parts()) header = FromProto(request->parts()).header_kind;
        ReviewProviders(known, header, &review);
        ToProto(review, response);
        return absl::OkStatus();
      });
}

}  // namespace kabar::templates
