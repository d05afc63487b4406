// Pauses above campaigns: of a lane, a number, the outlet, everything.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::DispatcherService;
using dispatcher::v1::Pause;
using dispatcher::v1::Sending;
using dispatcher::v1::SendingTarget;

constexpr absl::Duration kPoll = absl::Milliseconds(250);

absl::StatusOr<SendingTarget> ReadTarget(const Arguments& arguments) {
  SendingTarget target;
  int named = 0;
  const auto take = [&](const std::string& option, SendingTarget::Scope scope) {
    if (!arguments.Has(option)) return;
    ++named;
    target.set_scope(scope);
    target.set_id(arguments.Get(option));
  };
  take("lane", SendingTarget::LANE);
  take("sender", SendingTarget::SENDER);
  take("outlet", SendingTarget::OUTLET);
  take("all", SendingTarget::ALL);
  if (target.scope() == SendingTarget::OUTLET || target.scope() == SendingTarget::ALL) {
    target.clear_id();  // switches; the outlet is the key's
  }
  if (named == 1) return target;
  return UsageError("say one of --lane ID, --sender ID, --outlet, --all");
}

std::string Words(const SendingTarget& target) {
  switch (target.scope()) {
    case SendingTarget::LANE:
      return absl::StrCat("lane ", OneLine(target.id()));
    case SendingTarget::SENDER:
      return absl::StrCat("sender ", OneLine(target.id()));
    case SendingTarget::OUTLET:
      return absl::StrCat("outlet ", OneLine(target.id()));
    default:
      return "everything";
  }
}

void Print(Session& session, const Sending& sending) {
  if (session.json()) {
    session.out() << Json(sending);
    return;
  }
  if (sending.pauses().empty()) {
    session.out() << Words(sending.target()) << " is not paused; ";
  }
  for (const Pause& pause : sending.pauses()) {
    session.out() << Words(pause.target()) << " is paused by " << OneLine(pause.by()) << " since "
                  << FormatTime(pause.time()) << ": " << OneLine(pause.reason()) << "\n";
  }
  session.out() << Count(sending.in_flight(), "message") << " in flight"
                << (sending.drained() ? ": drained" : "") << "\n";
}

absl::StatusOr<Sending> PauseTarget(Session& session, const Arguments& arguments) {
  dispatcher::v1::PauseSendingRequest request;
  KABAR_ASSIGN_OR_RETURN(*request.mutable_target(), ReadTarget(arguments));
  request.set_reason(arguments.Get("reason"));
  Api<DispatcherService> api(session, Area::kDispatcher);
  return api.Call(&DispatcherService::Stub::PauseSending, request);
}

absl::StatusOr<int> PauseIt(Session& session, const Arguments& arguments) {
  KABAR_ASSIGN_OR_RETURN(const Sending sending, PauseTarget(session, arguments));
  Print(session, sending);
  return kExitOk;
}

absl::StatusOr<int> Resume(Session& session, const Arguments& arguments) {
  dispatcher::v1::ResumeSendingRequest request;
  KABAR_ASSIGN_OR_RETURN(*request.mutable_target(), ReadTarget(arguments));
  request.set_reason(arguments.Get("reason"));
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Sending sending,
                         api.Call(&DispatcherService::Stub::ResumeSending, request));
  Print(session, sending);
  return kExitOk;
}

absl::StatusOr<int> Drain(Session& session, const Arguments& arguments) {
  KABAR_ASSIGN_OR_RETURN(const absl::Duration patience,
                         arguments.Duration("wait", absl::Minutes(2)));
  KABAR_ASSIGN_OR_RETURN(Sending sending, PauseTarget(session, arguments));
  Api<DispatcherService> api(session, Area::kDispatcher);
  dispatcher::v1::GetSendingRequest look;
  KABAR_ASSIGN_OR_RETURN(*look.mutable_target(), ReadTarget(arguments));
  const absl::Time end = absl::Now() + patience;
  while (!sending.drained() && absl::Now() < end) {
    absl::SleepFor(kPoll);
    KABAR_ASSIGN_OR_RETURN(sending, api.Call(&DispatcherService::Stub::GetSending, look));
  }
  Print(session, sending);
  if (sending.drained()) return kExitOk;
  session.error() << "not drained within " << absl::FormatDuration(patience)
                  << "; the pause stays: kabarctl sending shows what is left, kabarctl resume "
                     "lifts it\n";
  return kExitRefused;
}

absl::StatusOr<int> Show(Session& session, const Arguments& arguments) {
  dispatcher::v1::GetSendingRequest request;
  KABAR_ASSIGN_OR_RETURN(*request.mutable_target(), ReadTarget(arguments));
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Sending sending,
                         api.Call(&DispatcherService::Stub::GetSending, request));
  Print(session, sending);
  return kExitOk;
}

std::vector<Option> TargetOptions(std::vector<Option> more) {
  std::vector<Option> options = {
      {.name = "lane",
       .value = "ID",
       .help = "one lane (of a campaign: its run's id)",
       .field = "target.id"},
      {.name = "sender", .value = "ID", .help = "one number (kabarctl senders list)"},
      {.name = "outlet", .help = "the key's outlet"},
      {.name = "all", .help = "everything; needs a SERVICE key that is bound to no outlet"},
  };
  for (Option& option : more) options.push_back(std::move(option));
  return options;
}

Option Reason(bool required) {
  return {.name = "reason",
          .value = "TEXT",
          .help = "for whoever wonders why nothing is sent; kept in the audit log",
          .field = "reason",
          .required = required};
}

}  // namespace

Commands SendingCommands() {
  return {
      {.noun = "pause",
       .verb = "",
       .summary = "Stops the sending of a lane, a number, the outlet or everything.",
       .details = "No request starts later than a second after the answer. Stays until `kabarctl\n"
                  "resume` of the same, whatever is restarted; resuming something else, or the\n"
                  "campaign, does not lift it.",
       .options = TargetOptions({Reason(true)}),
       .run = PauseIt},
      {.noun = "resume",
       .verb = "",
       .summary = "Lifts the pause of just that: other pauses stay.",
       .options = TargetOptions({Reason(false)}),
       .run = Resume},
      {.noun = "drain",
       .verb = "",
       .summary = "Pauses, and waits until nothing is in flight any more.",
       .details = "Exit code 1 if something still is after --wait; the pause stays either way.",
       .options = TargetOptions(
           {Reason(true),
            {.name = "wait", .value = "TIME", .help = "how long at most (default 2m)"}}),
       .run = Drain},
      {.noun = "sending",
       .verb = "",
       .summary = "Shows who paused what, and how many messages are in flight.",
       .options = TargetOptions({}),
       .run = Show},
  };
}

}  // namespace kabar::kabarctl
