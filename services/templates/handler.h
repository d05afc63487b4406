// gRPC kabar.templates.v1.TemplatesService: checks requests, calls domain and store, answers.
//
// Thread safety: safe for concurrent use. Blocks: as the store, until the call's deadline. Errors:
// those of libs/rpc/guard.h, of store.h, and INVALID_ARGUMENT with field violations.
#ifndef KABAR_SERVICES_TEMPLATES_HANDLER_H_
#define KABAR_SERVICES_TEMPLATES_HANDLER_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "services/templates/compiled_templates.h"
#include "services/templates/form_facts.h"
#include "services/templates/provider_sync.h"
#include "services/templates/review.h"
#include "services/templates/store.h"

namespace kabar::base {
class Clock;
}
namespace kabar::rpc {
class Guard;
struct Call;
}  // namespace kabar::rpc

namespace kabar::templates {

class Handler : public v1::TemplatesService::Service {
 public:
  // All outlive the handler. Dates in messages are those of `zone`.
  // `sync`: nullptr without a dispatcher: then provider templates are registered by hand only.
  Handler(Store& store, CompiledTemplates& compiled, base::Clock& clock, rpc::Guard& guard,
          absl::TimeZone zone = template_lang::WesternIndonesia(), ProviderSync* sync = nullptr)
      : store_(store),
        compiled_(compiled),
        clock_(clock),
        guard_(guard),
        zone_(zone),
        sync_(sync),
        facts_(store, clock) {
    if (sync_ != nullptr) sync_->OnChange([this] { facts_.Forget(); });
  }

  grpc::Status CreateTemplate(grpc::ServerContext* context,
                              const v1::CreateTemplateRequest* request,
                              v1::Template* response) override;
  grpc::Status GetTemplate(grpc::ServerContext* context, const v1::GetTemplateRequest* request,
                           v1::Template* response) override;
  grpc::Status ListTemplates(grpc::ServerContext* context, const v1::ListTemplatesRequest* request,
                             v1::ListTemplatesResponse* response) override;
  grpc::Status UpdateTemplate(grpc::ServerContext* context,
                              const v1::UpdateTemplateRequest* request,
                              v1::Template* response) override;
  grpc::Status ArchiveTemplate(grpc::ServerContext* context,
                               const v1::ArchiveTemplateRequest* request,
                               v1::Template* response) override;
  grpc::Status ListTemplateVersions(grpc::ServerContext* context,
                                    const v1::ListTemplateVersionsRequest* request,
                                    v1::ListTemplateVersionsResponse* response) override;
  grpc::Status DiffTemplateVersions(grpc::ServerContext* context,
                                    const v1::DiffTemplateVersionsRequest* request,
                                    v1::DiffTemplateVersionsResponse* response) override;
  grpc::Status RenderBatch(grpc::ServerContext* context, const v1::RenderBatchRequest* request,
                           v1::RenderBatchResponse* response) override;
  grpc::Status PreviewTemplate(grpc::ServerContext* context,
                               const v1::PreviewTemplateRequest* request,
                               v1::PreviewTemplateResponse* response) override;
  grpc::Status ValidateTemplate(grpc::ServerContext* context,
                                const v1::ValidateTemplateRequest* request,
                                v1::ValidateTemplateResponse* response) override;
  grpc::Status RegisterProviderTemplate(grpc::ServerContext* context,
                                        const v1::RegisterProviderTemplateRequest* request,
                                        v1::ProviderTemplate* response) override;
  grpc::Status ListProviderTemplates(grpc::ServerContext* context,
                                     const v1::ListProviderTemplatesRequest* request,
                                     v1::ListProviderTemplatesResponse* response) override;
  grpc::Status SubmitProviderTemplate(grpc::ServerContext* context,
                                      const v1::SubmitProviderTemplateRequest* request,
                                      v1::ProviderTemplate* response) override;
  grpc::Status SyncProviderTemplates(grpc::ServerContext* context,
                                     const v1::SyncProviderTemplatesRequest* request,
                                     v1::SyncProviderTemplatesResponse* response) override;
  grpc::Status AcceptProviderTemplate(grpc::ServerContext* context,
                                      const v1::AcceptProviderTemplateRequest* request,
                                      v1::ProviderTemplate* response) override;
  grpc::Status ListLibraryTemplates(grpc::ServerContext* context,
                                    const v1::ListLibraryTemplatesRequest* request,
                                    v1::ListLibraryTemplatesResponse* response) override;
  grpc::Status InstallLibraryTemplates(grpc::ServerContext* context,
                                       const v1::InstallLibraryTemplatesRequest* request,
                                       v1::InstallLibraryTemplatesResponse* response) override;
  grpc::Status PutTemplateUse(grpc::ServerContext* context,
                              const v1::PutTemplateUseRequest* request,
                              v1::Template* response) override;
  grpc::Status DeleteTemplateUse(grpc::ServerContext* context,
                                 const v1::DeleteTemplateUseRequest* request,
                                 v1::DeleteTemplateUseResponse* response) override;

 private:
  // Work in one transaction, at most once per request id.
  template <typename Request, typename Response>
  absl::Status Mutate(const rpc::Call& call, absl::string_view method, const Request& request,
                      Response* response, absl::FunctionRef<absl::Status(Store::Unit&)> work);
  absl::StatusOr<CompiledTemplate> PreviewSource(const rpc::Call& call,
                                                 const v1::PreviewTemplateRequest& request);
  // Of a template that was found: whether it merges parcels, and its provider templates as known.
  absl::Status AddWhatARunNeeds(const rpc::Call& call, v1::Template* response);
  // Of the outlet the account asked for, or its only one.
  absl::StatusOr<Account> FindAccount(const rpc::Call& call, const std::string& id);
  absl::Time Now() const;

  Store& store_;
  CompiledTemplates& compiled_;
  base::Clock& clock_;
  rpc::Guard& guard_;
  const absl::TimeZone zone_;
  ProviderSync* const sync_;
  FormFactsCache facts_;
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_HANDLER_H_
