// Message templates of WhatsApp business accounts, asked for with a number's own token.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/accounts.h"
#include "services/dispatcher/convert_checks.h"
#include "services/dispatcher/handler.h"

namespace kabar::dispatcher {
namespace {

constexpr std::size_t kMaxCursorBytes = 1024;
constexpr int kMaxNews = 500;

void ToProto(const whatsapp::AccountTemplate& from, v1::AccountTemplate* to) {
  to->set_id(from.id);
  to->set_name(from.name);
  to->set_language(from.language);
  to->set_status(from.status);
  to->set_category(from.category);
  to->set_quality(from.quality);
  to->set_reason(from.reason);
  to->set_named(from.named);
  to->set_header_format(from.header_format);
  to->set_header(from.header);
  to->set_body(from.body);
  to->set_footer(from.footer);
  for (const auto& button : from.buttons) {
    auto* added = to->add_buttons();
    added->set_type(button.type);
    added->set_text(button.text);
    added->set_url(button.url);
  }
}

whatsapp::AccountTemplate FromProto(const v1::AccountTemplate& from) {
  whatsapp::AccountTemplate to{.name = from.name(),
                               .language = from.language(),
                               .category = from.category(),
                               .named = from.named(),
                               .header_format = from.header_format(),
                               .header = from.header(),
                               .body = from.body(),
                               .footer = from.footer()};
  for (const auto& button : from.buttons()) {
    to.buttons.push_back({.type = button.type(), .text = button.text(), .url = button.url()});
  }
  return to;
}

absl::Status CheckCursor(const std::string& cursor) {
  const bool good =
      cursor.size() <= kMaxCursorBytes && std::all_of(cursor.begin(), cursor.end(), [](char c) {
        return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
               c == '-' || c == '_' || c == '=';
      });
  if (good) return absl::OkStatus();
  return base::InvalidField("page_token", "is not one of this list");
}

}  // namespace

grpc::Status Handler::ListAccounts(grpc::ServerContext* context, const v1::ListAccountsRequest*,
                                   v1::ListAccountsResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService,
                    [&](const rpc::Call& call) -> absl::Status {
                      KABAR_ASSIGN_OR_RETURN(const std::vector<Sender> senders,
                                             ledger_.ListAllSenders(call.deadline));
                      std::set<std::pair<std::string, std::string>> accounts;
                      for (const Sender& sender : senders) {
                        const bool asked = call.outlet.empty() || sender.outlet_id == call.outlet;
                        if (asked && !sender.account_id.empty()) {
                          accounts.emplace(sender.outlet_id, sender.account_id);
                        }
                      }
                      for (const auto& [outlet, account] : accounts) {
                        auto* told = response->add_accounts();
                        told->set_outlet_id(outlet);
                        told->set_account_id(account);
                      }
                      return absl::OkStatus();
                    });
}

grpc::Status Handler::ListTemplateNews(grpc::ServerContext* context,
                                       const v1::ListTemplateNewsRequest* request,
                                       v1::ListTemplateNewsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kService, [&](const rpc::Call& call) -> absl::Status {
        if (!call.outlet.empty()) {
          return base::Error(
              absl::StatusCode::kPermissionDenied, "OUTLET_NAMED",
              "accounts are no outlet's own: ask with a SERVICE key that names none");
        }
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<ToldTemplate> told,
            store_.ListTemplateNews(request->after_number(), kMaxNews, call.deadline));
        for (const ToldTemplate& one : told) {
          v1::TemplateNews* news = response->add_news();
          news->set_number(one.number);
          news->set_account_id(one.change.account);
          news->set_name(one.change.name);
          news->set_language(one.change.language);
          news->set_status(one.change.status);
          news->set_category(one.change.category);
          news->set_quality(one.change.quality);
          news->set_reason(one.change.reason);
          SetTime(one.time, news->mutable_time());
        }
        return absl::OkStatus();
      });
}

absl::StatusOr<std::string> Handler::TokenOf(const rpc::Call& call, const std::string& account_id) {
  KABAR_ASSIGN_OR_RETURN(const std::vector<Sender> senders, ledger_.ListAllSenders(call.deadline));
  // A number that is stopped may be so for its token.
  const Sender* chosen = nullptr;
  for (const Sender& sender : senders) {
    if (sender.outlet_id != call.outlet || account_id.empty() || sender.account_id != account_id) {
      continue;
    }
    if (chosen == nullptr || sender.state < chosen->state) chosen = &sender;
  }
  if (chosen == nullptr) {
    return base::Error(absl::StatusCode::kNotFound, "ACCOUNT_NOT_FOUND",
                       "no sender of this outlet names this account_id: set it with kabarctl "
                       "senders set-account");
  }
  return secrets_.Open(chosen->sealed_token);
}

grpc::Status Handler::ListAccountTemplates(grpc::ServerContext* context,
                                           const v1::ListAccountTemplatesRequest* request,
                                           v1::ListAccountTemplatesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kService, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(NeedOutlet(call));
        KABAR_RETURN_IF_ERROR(CheckCursor(request->page_token()));
        KABAR_ASSIGN_OR_RETURN(const std::string token, TokenOf(call, request->account_id()));
        KABAR_ASSIGN_OR_RETURN(const whatsapp::AccountTemplatePage page,
                               accounts_.ListTemplates(request->account_id(), token,
                                                       request->page_token(), call.deadline));
        for (const auto& one : page.templates) ToProto(one, response->add_templates());
        response->set_next_page_token(page.next);
        return absl::OkStatus();
      });
}

grpc::Status Handler::SubmitAccountTemplate(grpc::ServerContext* context,
                                            const v1::SubmitAccountTemplateRequest* request,
                                            v1::SubmitAccountTemplateResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kService, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(NeedOutlet(call));
        const v1::AccountTemplate& wanted = request->template_();
        KABAR_ASSIGN_OR_RETURN(
            std::string body,
            whatsapp::BuildCreateBody(
                FromProto(wanted),
                {.body = {wanted.samples().begin(), wanted.samples().end()},
                 .header = wanted.header_sample(),
                 .links = {wanted.link_samples().begin(), wanted.link_samples().end()}}));
        KABAR_ASSIGN_OR_RETURN(const std::string token, TokenOf(call, request->account_id()));
        KABAR_ASSIGN_OR_RETURN(
            const whatsapp::AccountTemplate made,
            accounts_.CreateTemplate(request->account_id(), token, std::move(body), call.deadline));
        response->set_id(made.id);
        response->set_status(made.status);
        response->set_category(made.category);
        return absl::OkStatus();
      });
}

}  // namespace kabar::dispatcher
