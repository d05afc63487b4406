#include "services/templates/peers.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/status.h"

namespace kabar::templates {
namespace {

using dispatcher::v1::DispatcherService;

constexpr absl::Duration kTimeout = absl::Seconds(5);
constexpr absl::Duration kProviderTimeout = absl::Seconds(10);  // it asks WhatsApp
constexpr absl::Duration kListTimeout = absl::Minutes(2);
constexpr int kMaxPages = 200;  // an account has at most 6,000 templates

// What of it is understood; a body that is not counts as one without parameters, so that no mapping
// with any fits it.
ProviderTemplate FromProto(const dispatcher::v1::AccountTemplate& from,
                           const std::string& account_id) {
  ProviderTemplate to{.name = from.name(),
                      .language = from.language(),
                      .body = from.body(),
                      .category = from.category(),
                      .status = from.status(),
                      .header_format = from.header_format(),
                      .header = from.header(),
                      .footer = from.footer(),
                      .quality = from.quality(),
                      .reason = from.reason(),
                      .account_id = account_id};
  for (const auto& button : from.buttons()) {
    to.buttons.push_back({.type = button.type(), .text = button.text(), .url = button.url()});
  }
  if (const auto found = ParametersOf(to.body); found.ok()) {
    to.parameters = found->count;
    to.parameter_names = found->names;
  }
  return to;
}

void ToProto(const ProviderTemplate& from, const Samples& samples,
             dispatcher::v1::AccountTemplate* to) {
  to->set_name(from.name);
  to->set_language(from.language);
  to->set_category(from.category);
  to->set_named(!from.parameter_names.empty());
  to->set_header_format(from.header_format);
  to->set_header(from.header);
  to->set_body(from.body);
  to->set_footer(from.footer);
  for (const ProviderButton& button : from.buttons) {
    auto* added = to->add_buttons();
    added->set_type(button.type);
    added->set_text(button.text);
    added->set_url(button.url);
  }
  for (const std::string& sample : samples.body) to->add_samples(sample);
  to->set_header_sample(samples.header);
  for (const std::string& sample : samples.links) to->add_link_samples(sample);
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

struct Peers::State {
  State(const std::string& address, const std::string& service_key)
      : caller(service_key), dispatcher(DispatcherService::NewStub(rpc::MakeChannel(address))) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (DispatcherService::Stub::*method)(
                                    grpc::ClientContext*, const Request&, Response*),
                                const std::string& outlet, const Request& request,
                                absl::Duration timeout) {
    grpc::ClientContext context;
    // A peer that restarts is waited for: a person's call should not fail for a second of absence.
    caller.Prepare(context, {.outlet = outlet, .timeout = timeout, .wait_for_ready = true});
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl(((*dispatcher).*method)(&context, request, &response)));
    return response;
  }

  const rpc::Caller caller;
  const std::unique_ptr<DispatcherService::Stub> dispatcher;
};

Peers::Peers(const std::string& dispatcher_address, const std::string& service_key)
    : state_(std::make_unique<State>(dispatcher_address, service_key)) {}
Peers::~Peers() = default;

absl::StatusOr<std::vector<Account>> Peers::ListAccounts(const std::string& outlet) {
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListAccountsResponse answer,
                         state_->Call(&DispatcherService::Stub::ListAccounts, outlet,
                                      dispatcher::v1::ListAccountsRequest(), kTimeout));
  std::vector<Account> accounts;
  for (const auto& account : answer.accounts()) {
    accounts.push_back({.outlet = account.outlet_id(), .id = account.account_id()});
  }
  return accounts;
}

absl::StatusOr<std::vector<ProviderTemplate>> Peers::ListTemplates(const Account& account) {
  std::vector<ProviderTemplate> templates;
  dispatcher::v1::ListAccountTemplatesRequest request;
  request.set_account_id(account.id);
  const absl::Time deadline = absl::Now() + kListTimeout;
  for (int page = 0; page < kMaxPages; ++page) {
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("WhatsApp's list of templates was not at its end after ", page, " pages"));
    }
    KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListAccountTemplatesResponse answer,
                           state_->Call(&DispatcherService::Stub::ListAccountTemplates,
                                        account.outlet, request, kProviderTimeout));
    for (const auto& one : answer.templates()) templates.push_back(FromProto(one, account.id));
    if (answer.next_page_token().empty()) return templates;
    request.set_page_token(answer.next_page_token());
  }
  // Half a list would have the rest taken for deleted.
  return absl::InternalError("WhatsApp's list of templates has no end");
}

absl::StatusOr<ProviderTemplate> Peers::Submit(const Account& account,
                                               const ProviderTemplate& wanted,
                                               const Samples& samples) {
  dispatcher::v1::SubmitAccountTemplateRequest request;
  request.set_account_id(account.id);
  ToProto(wanted, samples, request.mutable_template_());
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::SubmitAccountTemplateResponse answer,
                         state_->Call(&DispatcherService::Stub::SubmitAccountTemplate,
                                      account.outlet, request, kProviderTimeout));
  ProviderTemplate made = wanted;
  made.account_id = account.id;
  made.status = answer.status().empty() ? "PENDING" : answer.status();
  if (!answer.category().empty()) made.category = answer.category();
  return made;
}

absl::StatusOr<Peers::NewsPage> Peers::ListNews(int64_t after) {
  dispatcher::v1::ListTemplateNewsRequest request;
  request.set_after_number(after);
  KABAR_ASSIGN_OR_RETURN(
      const dispatcher::v1::ListTemplateNewsResponse answer,
      state_->Call(&DispatcherService::Stub::ListTemplateNews, "", request, kTimeout));
  NewsPage page{.last = after};
  for (const auto& news : answer.news()) {
    page.last = news.number();
    page.news.push_back({.account_id = news.account_id(),
                         .key = {news.name(), news.language()},
                         .status = news.status(),
                         .category = news.category(),
                         .quality = news.quality(),
                         .reason = news.reason(),
                         .time = TimeOf(news.time())});
  }
  return page;
}

}  // namespace kabar::templates
