#include <string>

#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::DeadLetter;
using dispatcher::v1::DispatcherService;

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListDeadLettersResponse response,
                         api.List(&DispatcherService::Stub::ListDeadLetters, {}, paging));
  Table table({{"ID"}, {"TIME"}, {"KIND"}, {"REASON"}, {"PAYLOAD"}});
  for (const DeadLetter& letter : response.dead_letters()) {
    table.Row({letter.id(), FormatTime(letter.time()), letter.kind(),
               Shortened(letter.reason(), 60), Shortened(letter.payload(), 60)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands DeadLetterCommands() {
  return {
      {.noun = "dead-letters",
       .verb = "list",
       .summary = "Lists what came in and belongs to no known number or message.",
       .details = "The payload is shown from its beginning; --json has all of it (base64).",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
