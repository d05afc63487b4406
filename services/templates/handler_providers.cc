// Provider templates: registered by hand, submitted, looked up at the provider.
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

absl::Status NoDispatcher() {
  return base::Error(absl::StatusCode::kFailedPrecondition, "NO_DISPATCHER",
                     "this service asks nobody for WhatsApp's templates: start it with "
                     "--dispatcher-address and --service-key");
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
    const absl::Status done = Mutate(call, "RegisterProviderTemplate", *request, response, work);
    facts_.Forget();
    return done;
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

absl::StatusOr<Account> Handler::FindAccount(const rpc::Call& call, const std::string& id) {
  if (sync_ == nullptr) return NoDispatcher();
  KABAR_ASSIGN_OR_RETURN(const std::vector<Account> accounts,
                         sync_->peers().ListAccounts(call.outlet));
  for (const Account& account : accounts) {
    if (account.id == id || (id.empty() && accounts.size() == 1)) return account;
  }
  if (id.empty() && accounts.size() > 1) {
    return base::InvalidField("account_id", "is required: this outlet has several accounts");
  }
  return base::Error(absl::StatusCode::kFailedPrecondition, "ACCOUNT_NOT_FOUND",
                     "no sender of this outlet names this WhatsApp business account: set it with "
                     "kabarctl senders set-account");
}

// Not of one transaction: WhatsApp has no request ids. A repeat after a lost answer is refused by
// WhatsApp, for there is such a template then, and the next sync brings it.
grpc::Status Handler::SubmitProviderTemplate(grpc::ServerContext* context,
                                             const v1::SubmitProviderTemplateRequest* request,
                                             v1::ProviderTemplate* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        ProviderTemplate wanted = FromProto(request->provider_template());
        wanted.status = "PENDING";
        KABAR_RETURN_IF_ERROR(Complete(&wanted));
        KABAR_ASSIGN_OR_RETURN(const Account account, FindAccount(call, request->account_id()));
        const absl::Time asked = Now();
        KABAR_ASSIGN_OR_RETURN(
            const ProviderTemplate made,
            sync_->peers().Submit(
                account, wanted,
                {.body = {request->samples().begin(), request->samples().end()},
                 .header = request->header_sample(),
                 .links = {request->link_samples().begin(), request->link_samples().end()}}));
        KABAR_RETURN_IF_ERROR(
            store_.Write(call.outlet, "SubmitProviderTemplate", call.deadline,
                         [&](Store::Unit& unit) { return unit.PutSubmitted(made, asked); }));
        facts_.Forget();
        ToProto(made, response);
        return absl::OkStatus();
      });
}

grpc::Status Handler::SyncProviderTemplates(grpc::ServerContext* context,
                                            const v1::SyncProviderTemplatesRequest*,
                                            v1::SyncProviderTemplatesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        if (sync_ == nullptr) return NoDispatcher();
        KABAR_ASSIGN_OR_RETURN(const std::vector<Account> accounts,
                               sync_->peers().ListAccounts(call.outlet));
        for (const Account& account : accounts) {
          KABAR_ASSIGN_OR_RETURN(const ProviderSync::Result result, sync_->Sync(account));
          response->set_accounts(response->accounts() + 1);
          response->set_templates(response->templates() + result.templates);
          response->set_changed(response->changed() + result.changed);
        }
        return absl::OkStatus();
      });
}

grpc::Status Handler::AcceptProviderTemplate(grpc::ServerContext* context,
                                             const v1::AcceptProviderTemplateRequest* request,
                                             v1::ProviderTemplate* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(const ProviderTemplate agreed,
                             unit.AgreeToCategory({request->name(), request->language()}, Now()));
      ToProto(agreed, response);
      return absl::OkStatus();
    };
    const absl::Status done = Mutate(call, "AcceptProviderTemplate", *request, response, work);
    facts_.Forget();
    return done;
  });
}

}  // namespace kabar::templates
