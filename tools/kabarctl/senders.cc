#include <string>

#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::DispatcherService;
using dispatcher::v1::Sender;

absl::StatusOr<int> Add(Session& session, const Arguments& arguments) {
  dispatcher::v1::CreateSenderRequest request;
  Sender* sender = request.mutable_sender();
  sender->set_id(arguments.Get("id"));
  sender->set_portfolio_id(arguments.Get("portfolio"));
  sender->set_phone_number_id(arguments.Get("phone-number-id"));
  sender->set_display_phone(arguments.Get("phone"));
  sender->set_account_id(arguments.Get("account"));
  sender->set_throughput(arguments.Get("throughput"));
  sender->set_pair_rate(arguments.Get("pair-rate"));
  KABAR_ASSIGN_OR_RETURN(*sender->mutable_access_token(),
                         ReadSecret(session, arguments.Get("token-file"), "access token"));
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(Sender made, api.Call(&DispatcherService::Stub::CreateSender, request));
  made.clear_access_token();
  if (session.json()) {
    session.out() << Json(made);
  } else {
    session.out() << "sender " << made.id() << " added (" << OneLine(made.display_phone())
                  << "), throughput " << OneLine(made.throughput()) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> SetAccount(Session& session, const Arguments& arguments) {
  dispatcher::v1::UpdateSenderRequest request;
  request.mutable_sender()->set_id(arguments.Get("SENDER"));
  request.mutable_sender()->set_account_id(arguments.Get("ACCOUNT"));
  request.mutable_update_mask()->add_paths("account_id");
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Sender changed,
                         api.Call(&DispatcherService::Stub::UpdateSender, request));
  if (session.json()) {
    session.out() << Json(changed);
  } else {
    session.out() << "sender " << changed.id() << " belongs to account "
                  << OneLine(changed.account_id()) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListSendersResponse response,
                         api.List(&DispatcherService::Stub::ListSenders, {}, paging));
  Table table(
      {{"ID"}, {"PHONE"}, {"PHONE NUMBER ID"}, {"PORTFOLIO"}, {"THROUGHPUT"}, {"STATE"}, {"WHY"}});
  for (const Sender& sender : response.senders()) {
    table.Row({sender.id(), sender.display_phone(), sender.phone_number_id(), sender.portfolio_id(),
               sender.throughput(), SenderState_Name(sender.state()), sender.state_reason()});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands SenderCommands() {
  return {
      {.noun = "senders",
       .verb = "add",
       .summary = "Adds a WhatsApp business number.",
       .details =
           "The access token is read from --token-file, else from standard input (on a\n"
           "terminal it is asked for and not shown). It is stored encrypted and never given\n"
           "out again.",
       .options = {{.name = "portfolio",
                    .value = "ID",
                    .help = "kabarctl portfolios list",
                    .field = "sender.portfolio_id",
                    .required = true},
                   {.name = "phone-number-id",
                    .value = "ID",
                    .help = "WhatsApp's id of the number",
                    .field = "sender.phone_number_id",
                    .required = true},
                   {.name = "phone",
                    .value = "PHONE",
                    .help = "the number itself, e.g. +628111000000",
                    .field = "sender.display_phone",
                    .required = true},
                   {.name = "token-file",
                    .value = "FILE",
                    .help = "holds the access token; else standard input",
                    .field = "sender.access_token"},
                   {.name = "account",
                    .value = "ID",
                    .help = "its WhatsApp business account, so that its templates are looked after",
                    .field = "sender.account_id"},
                   {.name = "throughput",
                    .value = "RATE",
                    .help = "80/s (default), 1000/s, 20/s",
                    .field = "sender.throughput"},
                   {.name = "pair-rate",
                    .value = "RATE",
                    .help = "to one recipient; 1/6s (default)",
                    .field = "sender.pair_rate"},
                   {.name = "id",
                    .value = "ID",
                    .help = "instead of one that the service makes",
                    .field = "sender.id"}},
       .run = Add},
      {.noun = "senders",
       .verb = "set-account",
       .summary = "Says to which WhatsApp business account a number belongs.",
       .details = "The message templates of that account are looked after from then on.",
       .positionals = {{"SENDER", "kabarctl senders list", "sender.id"},
                       {"ACCOUNT", "the account's id", "sender.account_id"}},
       .run = SetAccount},
      {.noun = "senders",
       .verb = "list",
       .summary = "Lists the WhatsApp numbers and whether they can send.",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
