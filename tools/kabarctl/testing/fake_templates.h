// For kabarctl's tests: the contract of templates, played.
//
// Thread safety: guarded by the world's mutex. Blocks: never. Errors: what a test puts into
// `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_TEMPLATES_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_TEMPLATES_H_

#include <mutex>

#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "tools/kabarctl/testing/fake_world.h"

namespace kabar::kabarctl::testing {

class FakeTemplates : public templates::v1::TemplatesService::Service {
 public:
  FakeTemplates(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status GetTemplate(grpc::ServerContext* context,
                           const templates::v1::GetTemplateRequest* request,
                           templates::v1::Template* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      const auto found = world_.templates_by_code.find(request->code());
      if (found == world_.templates_by_code.end()) {
        return base::Error(absl::StatusCode::kNotFound, "TEMPLATE_NOT_FOUND",
                           "there is no template \"" + request->code() + "\"");
      }
      *response = found->second;
      return absl::OkStatus();
    });
  }

  grpc::Status DiffTemplateVersions(
      grpc::ServerContext* context, const templates::v1::DiffTemplateVersionsRequest* request,
      templates::v1::DiffTemplateVersionsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) {
      const std::lock_guard lock(world_.mutex);
      *response = world_.diff;
      response->set_from_version(request->from_version());
      response->set_to_version(request->to_version());
      return absl::OkStatus();
    });
  }

  grpc::Status ListLibraryTemplates(
      grpc::ServerContext* context, const templates::v1::ListLibraryTemplatesRequest*,
      templates::v1::ListLibraryTemplatesResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      *response = world_.library;
      return absl::OkStatus();
    });
  }

  grpc::Status InstallLibraryTemplates(
      grpc::ServerContext* context, const templates::v1::InstallLibraryTemplatesRequest*,
      templates::v1::InstallLibraryTemplatesResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      for (const auto& one : world_.library.templates()) {
        response->add_installed()->set_code(one.code());
      }
      return absl::OkStatus();
    });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_TEMPLATES_H_
