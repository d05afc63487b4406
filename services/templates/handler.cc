// Templates and their versions; handler_render.cc and handler_providers.cc have the rest.
#include "services/templates/handler.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/templates/convert.h"
#include "services/templates/mutate.h"
#include "services/templates/paging.h"

namespace kabar::templates {
namespace {

// A message may be saved if nothing in it is sure to fail.
// `uses`: of the template so far.
absl::StatusOr<std::vector<std::string>> CheckMessage(Store::Unit& unit, const std::string& message,
                                                      const Parts& parts, absl::string_view field,
                                                      absl::Span<const TemplateUse> uses = {}) {
  if (message.empty()) return base::InvalidField(field, "is required");
  Review review = ReviewMessage(message);
  if (const std::vector<ProviderKey> keys = ProvidersNamed(review); !keys.empty()) {
    KABAR_ASSIGN_OR_RETURN(const std::vector<ProviderTemplate> known,
                           unit.FindProviderTemplates(keys));
    ReviewProviders(known, parts.header_kind, &review);
  }
  KABAR_RETURN_IF_ERROR(ErrorsAsStatus(review, field));
  KABAR_ASSIGN_OR_RETURN(const CompiledParts compiled, CompiledParts::Compile(parts));
  if (parts.header_kind == HeaderKind::kLocation &&
      !review.compiled->paths_without_provider().empty()) {
    return base::InvalidField("template.parts.header_kind",
                              "a LOCATION stands in provider templates only: name one in every "
                              "branch of the message, or take another header");
  }
  absl::Status lacking;
  for (const TemplateUse& use : uses) {
    const std::string sentence = WhatIsLacking(use, *review.compiled, compiled);
    if (!sentence.empty()) base::AddFieldViolation(lacking, field, sentence);
  }
  KABAR_RETURN_IF_ERROR(lacking);
  return VariableNames(*review.compiled, compiled);
}

// One message of several parcels has one header and one set of buttons.
bool NamesShipments(const CompiledParts& parts) {
  for (const template_lang::Template& text : parts.texts()) {
    for (const template_lang::Variable& variable : text.variables()) {
      if (variable.owner == fields::Owner::kShipment) return true;
    }
  }
  return false;
}

struct UpdateMask {
  bool message = false;
  bool missing_data = false;
  bool parts = false;
};

// Without a mask: whatever is set.
absl::StatusOr<UpdateMask> MaskOf(const v1::UpdateTemplateRequest& request) {
  UpdateMask mask;
  if (request.update_mask().paths().empty()) {
    mask.message = !request.template_().message().empty();
    mask.missing_data = request.template_().missing_data() != v1::MISSING_DATA_UNSPECIFIED;
    mask.parts = request.template_().has_parts();
  }
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "message") {
      mask.message = true;
    } else if (path == "missing_data") {
      mask.missing_data = true;
    } else if (path == "parts") {
      mask.parts = true;
    } else {
      return base::InvalidField("update_mask", absl::StrCat("\"", path,
                                                            "\" cannot be updated: name message, "
                                                            "missing_data, parts"));
    }
  }
  if (!mask.message && !mask.missing_data && !mask.parts) {
    return base::InvalidField("update_mask",
                              "names nothing to update: message, missing_data, parts");
  }
  return mask;
}

// Takes over templates until the page is full by number or by bytes; true if some are left.
template <typename Page>
bool FillPage(const std::vector<MessageTemplate>& found, int page_size, Page* page) {
  size_t bytes = 0;
  for (const MessageTemplate& one : found) {
    if (page->templates_size() == page_size || (bytes > 0 && bytes > kMaxPageBytes)) return true;
    bytes += one.message.size();
    ToProto(one, page->add_templates());
  }
  return false;
}

absl::Status RequireId(const std::string& id, absl::string_view field) {
  if (!id.empty()) return absl::OkStatus();
  return base::InvalidField(field, "is required: the template's id");
}

}  // namespace

// What PostgreSQL keeps is microseconds; an answer must equal what is read later.
absl::Time Handler::Now() const { return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())); }

grpc::Status Handler::CreateTemplate(grpc::ServerContext* context,
                                     const v1::CreateTemplateRequest* request,
                                     v1::Template* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      const v1::Template& wanted = request->template_();
      MessageTemplate added;
      KABAR_RETURN_IF_ERROR(CheckCode(wanted.code()));
      KABAR_ASSIGN_OR_RETURN(
          added.missing_data,
          FromProto(wanted.missing_data(), "template.missing_data", template_lang::Mode::kStrict));
      KABAR_ASSIGN_OR_RETURN(const std::optional<Kind> kind,
                             FromProto(wanted.kind(), "template.kind"));
      added.kind = kind.value_or(Kind::kMessage);
      added.parts = FromProto(wanted.parts());
      KABAR_ASSIGN_OR_RETURN(added.variables,
                             CheckMessage(unit, wanted.message(), added.parts, "template.message"));
      added.id = base::NewId("tpl");
      added.code = wanted.code();
      added.message = wanted.message();
      added.version = 1;
      added.create_time = added.update_time = Now();
      KABAR_RETURN_IF_ERROR(unit.Insert(added));
      ToProto(added, response);
      return absl::OkStatus();
    };
    return Mutate(call, "CreateTemplate", *request, response, work);
  });
}

grpc::Status Handler::UpdateTemplate(grpc::ServerContext* context,
                                     const v1::UpdateTemplateRequest* request,
                                     v1::Template* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      const v1::Template& wanted = request->template_();
      KABAR_RETURN_IF_ERROR(RequireId(wanted.id(), "template.id"));
      KABAR_ASSIGN_OR_RETURN(const UpdateMask mask, MaskOf(*request));
      KABAR_ASSIGN_OR_RETURN(MessageTemplate changed, unit.Lock(wanted.id()));
      KABAR_RETURN_IF_ERROR(CheckActive(changed));
      if (mask.missing_data) {
        KABAR_ASSIGN_OR_RETURN(changed.missing_data,
                               FromProto(wanted.missing_data(), "template.missing_data",
                                         template_lang::Mode::kStrict));
      }
      if (mask.message) changed.message = wanted.message();
      if (mask.parts) changed.parts = FromProto(wanted.parts());
      KABAR_ASSIGN_OR_RETURN(const std::vector<TemplateUse> uses, unit.ListUses(changed.id));
      KABAR_ASSIGN_OR_RETURN(changed.variables, CheckMessage(unit, changed.message, changed.parts,
                                                             "template.message", uses));
      ++changed.version;
      changed.update_time = Now();
      KABAR_RETURN_IF_ERROR(unit.AddVersion(changed));
      ToProto(changed, response);
      return absl::OkStatus();
    };
    return Mutate(call, "UpdateTemplate", *request, response, work);
  });
}

grpc::Status Handler::ArchiveTemplate(grpc::ServerContext* context,
                                      const v1::ArchiveTemplateRequest* request,
                                      v1::Template* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_RETURN_IF_ERROR(RequireId(request->id(), "id"));
      KABAR_ASSIGN_OR_RETURN(MessageTemplate changed, unit.Lock(request->id()));
      KABAR_RETURN_IF_ERROR(CheckActive(changed));
      changed.state = State::kArchived;
      changed.update_time = Now();
      KABAR_RETURN_IF_ERROR(unit.Archive(changed.id, changed.update_time));
      ToProto(changed, response);
      return absl::OkStatus();
    };
    return Mutate(call, "ArchiveTemplate", *request, response, work);
  });
}

grpc::Status Handler::GetTemplate(grpc::ServerContext* context,
                                  const v1::GetTemplateRequest* request, v1::Template* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        if (request->version() < 0) {
          return base::InvalidField("version", "must be 1 or more, or 0 for the newest");
        }
        const bool by_code = request->by_case() == v1::GetTemplateRequest::kCode;
        const std::string& name = by_code ? request->code() : request->id();
        if (name.empty()) return base::InvalidField("id", "is required: give an id or a code");
        KABAR_ASSIGN_OR_RETURN(
            const MessageTemplate found,
            by_code ? store_.GetByCode(call.outlet, name, request->version(), call.deadline)
                    : store_.Get(call.outlet, name, request->version(), call.deadline));
        ToProto(found, response);
        return AddWhatARunNeeds(call, response);
      });
}

absl::Status Handler::AddWhatARunNeeds(const rpc::Call& call, v1::Template* response) {
  const auto compiled =
      compiled_.Find(call.outlet, response->id(), response->version(), call.deadline);
  // A message that cannot be read any more is still there to be looked at.
  if (absl::IsInternal(compiled.status())) return absl::OkStatus();
  KABAR_RETURN_IF_ERROR(compiled.status());
  const template_lang::Template& program = (*compiled)->program;
  response->set_merges_parcels(program.merges_parcels() && !NamesShipments((*compiled)->parts));
  std::vector<ProviderKey> keys;
  for (const template_lang::ProviderMapping& mapping : program.providers()) {
    keys.push_back({mapping.name, mapping.language});
  }
  if (keys.empty()) return absl::OkStatus();
  KABAR_ASSIGN_OR_RETURN(const std::vector<ProviderTemplate> known,
                         store_.FindProviderTemplates(call.outlet, keys, call.deadline));
  const HeaderKind header = (*compiled)->parts.source().header_kind;
  for (const ProviderTemplate& one : known) {
    v1::ProviderTemplate* told = response->add_provider_templates();
    ToProto(one, told);
    for (const template_lang::ProviderMapping& mapping : program.providers()) {
      if (mapping.name != one.name || mapping.language != one.language) continue;
      if (const Trouble trouble = TroubleOf(mapping, header, one); !trouble.none()) {
        SetTrouble(trouble, told);
      }
    }
  }
  return absl::OkStatus();
}

grpc::Status Handler::ListTemplates(grpc::ServerContext* context,
                                    const v1::ListTemplatesRequest* request,
                                    v1::ListTemplatesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const std::optional<Kind> kind, FromProto(request->kind(), "kind"));
        const std::string list =
            absl::StrCat(request->show_archived() ? "all-templates" : "templates",
                         kind.has_value() ? KindName(*kind) : "");
        KABAR_ASSIGN_OR_RETURN(const int page_size, PageSize(request->page_size()));
        KABAR_ASSIGN_OR_RETURN(const std::string after,
                               LastOfPageToken(list, request->page_token()));
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<MessageTemplate> found,
            store_.List(call.outlet, after,
                        {.show_archived = request->show_archived(), .kind = kind}, page_size + 1,
                        call.deadline));
        if (FillPage(found, page_size, response)) {
          response->set_next_page_token(
              MakePageToken(list, response->templates(response->templates_size() - 1).code()));
        }
        return absl::OkStatus();
      });
}

grpc::Status Handler::ListTemplateVersions(grpc::ServerContext* context,
                                           const v1::ListTemplateVersionsRequest* request,
                                           v1::ListTemplateVersionsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(RequireId(request->id(), "id"));
        const std::string list = absl::StrCat("versions ", request->id());
        KABAR_ASSIGN_OR_RETURN(const int page_size, PageSize(request->page_size()));
        KABAR_ASSIGN_OR_RETURN(const std::string last,
                               LastOfPageToken(list, request->page_token()));
        int32_t below = std::numeric_limits<int32_t>::max();
        if (!last.empty() && !absl::SimpleAtoi(last, &below)) {
          return base::InvalidField("page_token", "is not one of this list");
        }
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<MessageTemplate> found,
            store_.ListVersions(call.outlet, request->id(), below, page_size + 1, call.deadline));
        if (FillPage(found, page_size, response)) {
          const v1::Template& shown = response->templates(response->templates_size() - 1);
          response->set_next_page_token(MakePageToken(list, absl::StrCat(shown.version())));
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::templates
