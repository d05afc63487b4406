// Provider templates: registered by hand until a later issue syncs them.
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/templates/convert.h"
#include "services/templates/handler.h"
#include "services/templates/mutate.h"
#include "services/templates/paging.h"

namespace kabar::templates {
namespace {

constexpr char kList[] = "provider-templates";

// Neither names nor languages hold a slash.
ProviderKey KeyOfToken(const std::string& last) {
  const size_t slash = last.find('/');
  if (slash == std::string::npos) return {last, ""};
  return {last.substr(0, slash), last.substr(slash + 1)};
}

}  // namespace

grpc::Status Handler::RegisterProviderTemplate(grpc::ServerContext* context,
                                               const v1::RegisterProviderTemplateRequest* request,
                                               v1::ProviderTemplate* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      ProviderTemplate put = FromProto(request->provider_template());
      KABAR_RETURN_IF_ERROR(Complete(&put));
      KABAR_RETURN_IF_ERROR(unit.PutProviderTemplate(put, Now()));
      ToProto(put, response);
      return absl::OkStatus();
    };
    return Mutate(call, "RegisterProviderTemplate", *request, response, work);
  });
}

grpc::Status Handler::ListProviderTemplates(grpc::ServerContext* context,
                                            const v1::ListProviderTemplatesRequest* request,
                                            v1::ListProviderTemplatesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int page_size, PageSize(request->page_size()));
        KABAR_ASSIGN_OR_RETURN(const std::string last,
                               LastOfPageToken(kList, request->page_token()));
        KABAR_ASSIGN_OR_RETURN(const std::vector<ProviderTemplate> found,
                               store_.ListProviderTemplates(call.outlet, KeyOfToken(last),
                                                            page_size + 1, call.deadline));
        for (const ProviderTemplate& one : found) {
          if (response->provider_templates_size() == page_size) {
            const v1::ProviderTemplate& shown = response->provider_templates(page_size - 1);
            response->set_next_page_token(
                MakePageToken(kList, shown.name() + "/" + shown.language()));
            break;
          }
          ToProto(one, response->add_provider_templates());
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::templates
