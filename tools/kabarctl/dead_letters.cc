#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::DeadLetter;
using dispatcher::v1::DispatcherService;

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  dispatcher::v1::ListDeadLettersRequest request;
  request.set_kind(arguments.Get("kind"));
  KABAR_ASSIGN_OR_RETURN(const auto state, EnumOption<DeadLetter::State>(arguments, "state"));
  request.set_state(state);
  request.set_unowned(arguments.Has("unowned"));
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListDeadLettersResponse response,
                         api.List(&DispatcherService::Stub::ListDeadLetters, request, paging));
  Table table({{"ID"}, {"TIME"}, {"STATE"}, {"KIND"}, {"REASON"}, {"PAYLOAD"}});
  for (const DeadLetter& letter : response.dead_letters()) {
    table.Row({letter.id(), FormatTime(letter.time()), DeadLetter::State_Name(letter.state()),
               letter.kind(), Shortened(letter.reason(), 60), Shortened(letter.payload(), 60)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

void Print(Session& session, const DeadLetter& letter) {
  if (session.json()) {
    session.out() << Json(letter);
    return;
  }
  session.out() << Details(
      {{"id", letter.id()},
       {"time", FormatTime(letter.time())},
       {"state", DeadLetter::State_Name(letter.state())},
       {"kind", letter.kind()},
       {"reason", OneLine(letter.reason())},
       {"number", letter.phone_number_id()},
       {"retries", letter.retries() == 0 ? "" : absl::StrCat(letter.retries())},
       {"handled by", OneLine(letter.handled_by())},
       {"handled", FormatTime(letter.handle_time())},
       {"why", OneLine(letter.handled_reason())},
       {"payload", OneLine(letter.payload())}});
}

// One of the calls about one letter.
template <typename Request>
absl::StatusOr<int> One(Session& session, const Arguments& arguments,
                        Api<DispatcherService>::Method<Request, DeadLetter> method) {
  Request request;
  request.set_id(arguments.Get("ID"));
  request.set_unowned(arguments.Has("unowned"));
  if constexpr (requires { request.set_reason(std::string()); }) {
    request.set_reason(arguments.Get("reason"));
  }
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const DeadLetter letter, api.Call(method, request));
  Print(session, letter);
  return kExitOk;
}

absl::StatusOr<int> Get(Session& session, const Arguments& arguments) {
  return One<dispatcher::v1::GetDeadLetterRequest>(session, arguments,
                                                   &DispatcherService::Stub::GetDeadLetter);
}
absl::StatusOr<int> Retry(Session& session, const Arguments& arguments) {
  return One<dispatcher::v1::RetryDeadLetterRequest>(session, arguments,
                                                     &DispatcherService::Stub::RetryDeadLetter);
}
absl::StatusOr<int> Drop(Session& session, const Arguments& arguments) {
  return One<dispatcher::v1::DropDeadLetterRequest>(session, arguments,
                                                    &DispatcherService::Stub::DropDeadLetter);
}

Option Unowned() { return {.name = "unowned", .help = "what is no outlet's; needs a SERVICE key"}; }

Option Reason(bool required) {
  return {.name = "reason",
          .value = "TEXT",
          .help = "kept with the letter and in the audit log",
          .field = "reason",
          .required = required};
}

}  // namespace

Commands DeadLetterCommands() {
  return {
      {.noun = "dead-letters",
       .verb = "list",
       .summary = "Lists what came in and belongs to no known number or message.",
       .details = "The payload is shown from its beginning; --json has all of it (base64).",
       .options = WithPaging({{.name = "kind", .value = "KIND", .help = "only this kind"},
                              {.name = "state",
                               .value = "STATE",
                               .help = "OPEN, RETRYING, APPLIED or DROPPED (default: OPEN and "
                                       "RETRYING)"},
                              Unowned()}),
       .run = List},
      {.noun = "dead-letters",
       .verb = "get",
       .summary = "Shows one of them whole.",
       .positionals = {{.name = "ID", .help = "kabarctl dead-letters list", .field = "id"}},
       .options = {Unowned()},
       .run = Get},
      {.noun = "dead-letters",
       .verb = "retry",
       .summary = "Has its webhook applied once more, now that the cause is mended.",
       .details =
           "Then it is APPLIED, or OPEN again with the new reason: look with `get`. Messages\n"
           "that FAILED are no dead letters: `kabarctl campaigns retry-failed`.",
       .positionals = {{.name = "ID", .help = "kabarctl dead-letters list", .field = "id"}},
       .options = {Reason(false), Unowned()},
       .run = Retry},
      {.noun = "dead-letters",
       .verb = "drop",
       .summary = "Takes it off the list; it stays on record with who dropped it and why.",
       .positionals = {{.name = "ID", .help = "kabarctl dead-letters list", .field = "id"}},
       .options = {Reason(true), Unowned()},
       .run = Drop},
  };
}

}  // namespace kabar::kabarctl
