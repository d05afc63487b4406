#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::DispatcherService;
using dispatcher::v1::Portfolio;

std::string LimitText(const Portfolio& portfolio) {
  return portfolio.messaging_limit() == 0 ? "unlimited" : absl::StrCat(portfolio.messaging_limit());
}

std::string ReserveText(const Portfolio& portfolio) {
  return portfolio.messaging_limit() == 0
             ? ""
             : absl::StrCat(", of which ", portfolio.trigger_reserve(), " for triggers");
}

absl::Status ReadReserve(const Arguments& arguments, Portfolio* portfolio) {
  if (!arguments.Has("trigger-reserve")) return absl::OkStatus();
  KABAR_ASSIGN_OR_RETURN(const std::int64_t reserve, arguments.Integer("trigger-reserve", 0));
  portfolio->set_trigger_reserve(reserve);
  return absl::OkStatus();
}

absl::StatusOr<int> Create(Session& session, const Arguments& arguments) {
  dispatcher::v1::CreatePortfolioRequest request;
  request.mutable_portfolio()->set_name(arguments.Get("NAME"));
  request.mutable_portfolio()->set_id(arguments.Get("id"));
  KABAR_ASSIGN_OR_RETURN(const std::int64_t limit, arguments.Integer("messaging-limit", 0));
  request.mutable_portfolio()->set_messaging_limit(limit);
  KABAR_RETURN_IF_ERROR(ReadReserve(arguments, request.mutable_portfolio()));
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Portfolio made,
                         api.Call(&DispatcherService::Stub::CreatePortfolio, request));
  if (session.json()) {
    session.out() << Json(made);
  } else {
    session.out() << "portfolio \"" << OneLine(made.name()) << "\" created: " << made.id()
                  << ", messaging limit " << LimitText(made) << ReserveText(made) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> Update(Session& session, const Arguments& arguments) {
  dispatcher::v1::UpdatePortfolioRequest request;
  Portfolio& portfolio = *request.mutable_portfolio();
  portfolio.set_id(arguments.Get("ID"));
  if (arguments.Has("name")) {
    portfolio.set_name(arguments.Get("name"));
    request.mutable_update_mask()->add_paths("name");
  }
  if (arguments.Has("messaging-limit")) {
    KABAR_ASSIGN_OR_RETURN(const std::int64_t limit, arguments.Integer("messaging-limit", 0));
    portfolio.set_messaging_limit(limit);
    request.mutable_update_mask()->add_paths("messaging_limit");
  }
  if (arguments.Has("trigger-reserve")) {
    KABAR_RETURN_IF_ERROR(ReadReserve(arguments, &portfolio));
    request.mutable_update_mask()->add_paths("trigger_reserve");
  }
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Portfolio changed,
                         api.Call(&DispatcherService::Stub::UpdatePortfolio, request));
  if (session.json()) {
    session.out() << Json(changed);
  } else {
    session.out() << "portfolio \"" << OneLine(changed.name()) << "\" changed: messaging limit "
                  << LimitText(changed) << ReserveText(changed) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListPortfoliosResponse response,
                         api.List(&DispatcherService::Stub::ListPortfolios, {}, paging));
  Table table({{"ID"}, {"NAME"}, {"MESSAGING LIMIT", true}, {"FOR TRIGGERS", true}});
  for (const Portfolio& portfolio : response.portfolios()) {
    table.Row({portfolio.id(), portfolio.name(), LimitText(portfolio),
               portfolio.messaging_limit() == 0 ? "" : absl::StrCat(portfolio.trigger_reserve())});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands PortfolioCommands() {
  const Option kReserve = {.name = "trigger-reserve",
                           .value = "N",
                           .help =
                               "of the limit, kept for triggers: campaigns stop at the limit "
                               "less this (default: a tenth)",
                           .field = "portfolio.trigger_reserve"};
  return {
      {.noun = "portfolios",
       .verb = "create",
       .summary = "Makes a portfolio: numbers that share one messaging limit.",
       .positionals = {{"NAME", "how it is called", "portfolio.name"}},
       .options = {{.name = "messaging-limit",
                    .value = "N",
                    .help = "recipients outside windows in a moving 24 h: 250, 2000, ... "
                            "(default 0: unlimited)",
                    .field = "portfolio.messaging_limit"},
                   kReserve,
                   {.name = "id",
                    .value = "ID",
                    .help = "instead of one that the service makes",
                    .field = "portfolio.id"}},
       .run = Create},
      {.noun = "portfolios",
       .verb = "update",
       .summary = "Changes a portfolio's name or limits; in force at once.",
       .positionals = {{"ID", "kabarctl portfolios list", "portfolio.id"}},
       .options = {{.name = "name",
                    .value = "NAME",
                    .help = "how it is called",
                    .field = "portfolio.name"},
                   {.name = "messaging-limit",
                    .value = "N",
                    .help = "recipients outside windows in a moving 24 h; 0: unlimited",
                    .field = "portfolio.messaging_limit"},
                   kReserve},
       .run = Update},
      {.noun = "portfolios",
       .verb = "list",
       .summary = "Lists the portfolios.",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
