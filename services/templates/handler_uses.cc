// Uses of templates by automations.
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/templates/convert.h"
#include "services/templates/handler.h"

namespace kabar::templates {

grpc::Status Handler::PutTemplateUse(grpc::ServerContext* context,
                                     const v1::PutTemplateUseRequest* request,
                                     v1::Template* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kService, [&](const rpc::Call& call) -> absl::Status {
        const TemplateUse use{
            .user = request->user(),
            .template_id = request->template_id(),
            .what = request->what(),
            .variables = {request->variables().begin(), request->variables().end()}};
        KABAR_RETURN_IF_ERROR(CheckUse(use));
        const auto work = [&](Store::Unit& unit) -> absl::Status {
          // Locked, so that no version is saved between looking at it and keeping the use.
          KABAR_ASSIGN_OR_RETURN(const MessageTemplate found, unit.Lock(use.template_id));
          KABAR_RETURN_IF_ERROR(CheckActive(found));
          absl::StatusOr<template_lang::Template> compiled = template_lang::Compile(found.message);
          if (!compiled.ok()) return base::InvalidField("template_id", compiled.status().message());
          KABAR_ASSIGN_OR_RETURN(const CompiledParts parts, CompiledParts::Compile(found.parts));
          if (const std::string lacking = WhatIsLacking(use, *compiled, parts); !lacking.empty()) {
            return base::InvalidField("template_id", lacking);
          }
          KABAR_RETURN_IF_ERROR(unit.PutUse(use, Now()));
          response->Clear();
          ToProto(found, response);
          return absl::OkStatus();
        };
        return store_.Write(call.outlet, "PutTemplateUse", call.deadline, work);
      });
}

grpc::Status Handler::DeleteTemplateUse(grpc::ServerContext* context,
                                        const v1::DeleteTemplateUseRequest* request,
                                        v1::DeleteTemplateUseResponse*) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    return store_.Write(call.outlet, "DeleteTemplateUse", call.deadline,
                        [&](Store::Unit& unit) { return unit.DeleteUse(request->user()); });
  });
}

}  // namespace kabar::templates
