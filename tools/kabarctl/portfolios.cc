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

absl::StatusOr<int> Create(Session& session, const Arguments& arguments) {
  dispatcher::v1::CreatePortfolioRequest request;
  request.mutable_portfolio()->set_name(arguments.Get("NAME"));
  request.mutable_portfolio()->set_id(arguments.Get("id"));
  KABAR_ASSIGN_OR_RETURN(const std::int64_t limit, arguments.Integer("messaging-limit", 0));
  request.mutable_portfolio()->set_messaging_limit(limit);
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Portfolio made,
                         api.Call(&DispatcherService::Stub::CreatePortfolio, request));
  if (session.json()) {
    session.out() << Json(made);
  } else {
    session.out() << "portfolio \"" << OneLine(made.name()) << "\" created: " << made.id()
                  << ", messaging limit " << LimitText(made) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListPortfoliosResponse response,
                         api.List(&DispatcherService::Stub::ListPortfolios, {}, paging));
  Table table({{"ID"}, {"NAME"}, {"MESSAGING LIMIT", true}});
  for (const Portfolio& portfolio : response.portfolios()) {
    table.Row({portfolio.id(), portfolio.name(), LimitText(portfolio)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands PortfolioCommands() {
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
                   {.name = "id",
                    .value = "ID",
                    .help = "instead of one that the service makes",
                    .field = "portfolio.id"}},
       .run = Create},
      {.noun = "portfolios",
       .verb = "list",
       .summary = "Lists the portfolios.",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
