#include <string>

#include "absl/time/time.h"
#include "kabar/templates/v1/templates.pb.h"
#include "kabar/triggers/v1/triggers.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/lookup.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using triggers::v1::Automation;
using triggers::v1::TriggersService;

std::string DelayText(const Automation& automation) {
  return automation.delay_seconds() == 0
             ? "at once"
             : absl::FormatDuration(absl::Seconds(automation.delay_seconds()));
}

absl::StatusOr<int> Create(Session& session, const Arguments& arguments) {
  triggers::v1::CreateAutomationRequest request;
  Automation* automation = request.mutable_automation();
  KABAR_ASSIGN_OR_RETURN(const auto type, EnumOption<triggers::v1::EventType>(arguments, "event"));
  KABAR_ASSIGN_OR_RETURN(const absl::Duration delay,
                         arguments.Duration("delay", absl::ZeroDuration()));
  if (delay != absl::Floor(delay, absl::Seconds(1))) {
    return UsageError("--delay: must be whole seconds");
  }
  automation->set_name(arguments.Get("NAME"));
  automation->set_event_type(type);
  automation->set_sender_id(arguments.Get("sender"));
  automation->set_delay_seconds(absl::ToInt64Seconds(delay));
  automation->set_enabled(!arguments.Has("disabled"));
  for (const std::string& name : arguments.All("extra-variable")) {
    automation->add_extra_variables(name);
  }
  KABAR_ASSIGN_OR_RETURN(const templates::v1::Template found,
                         FindTemplate(session, arguments.Get("template")));
  automation->set_template_id(found.id());
  Api<TriggersService> api(session, Area::kTriggers);
  KABAR_ASSIGN_OR_RETURN(const Automation made,
                         api.Call(&TriggersService::Stub::CreateAutomation, request));
  if (session.json()) {
    session.out() << Json(made);
  } else {
    session.out() << "automation \"" << OneLine(made.name()) << "\" created: " << made.id() << ", "
                  << EventType_Name(made.event_type()) << " -> " << OneLine(found.code()) << ", "
                  << DelayText(made) << (made.enabled() ? "" : ", disabled") << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<TriggersService> api(session, Area::kTriggers);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const triggers::v1::ListAutomationsResponse response,
                         api.List(&TriggersService::Stub::ListAutomations, {}, paging));
  Table table(
      {{"ID"}, {"NAME"}, {"EVENT"}, {"TEMPLATE"}, {"SENDER"}, {"DELAY", true}, {"ENABLED"}});
  for (const Automation& automation : response.automations()) {
    table.Row({automation.id(), automation.name(), EventType_Name(automation.event_type()),
               automation.template_id(), automation.sender_id(), DelayText(automation),
               automation.enabled() ? "yes" : "no"});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

absl::StatusOr<int> Variables(Session& session, const Arguments&) {
  Api<TriggersService> api(session, Area::kTriggers);
  KABAR_ASSIGN_OR_RETURN(const triggers::v1::ListTriggerVariablesResponse response,
                         api.Call(&TriggersService::Stub::ListTriggerVariables,
                                  triggers::v1::ListTriggerVariablesRequest()));
  Table table({{"EVENT"}, {"VARIABLE"}, {"MEANING"}});
  for (const auto& trigger : response.triggers()) {
    for (const auto& variable : trigger.variables()) {
      table.Row({EventType_Name(trigger.event_type()), variable.name(), variable.meaning()});
    }
  }
  PrintList(session, response, table, "");
  return kExitOk;
}

}  // namespace

Commands AutomationCommands() {
  return {
      {.noun = "automations",
       .verb = "create",
       .summary = "Answers each event of a type with a message.",
       .positionals = {{"NAME", "how it is called", "automation.name"}},
       .options = {{.name = "event",
                    .value = "TYPE",
                    .help = EnumNames(triggers::v1::EventType_descriptor()),
                    .field = "automation.event_type",
                    .required = true},
                   {.name = "template",
                    .value = "CODE-or-ID",
                    .help = "what is sent",
                    .field = "automation.template_id",
                    .required = true},
                   {.name = "sender",
                    .value = "ID",
                    .help = "from which number",
                    .field = "automation.sender_id",
                    .required = true},
                   {.name = "delay",
                    .value = "TIME",
                    .help = "after the event: 15m, 24h (default: at once)",
                    .field = "automation.delay_seconds"},
                   {.name = "extra-variable",
                    .value = "NAME",
                    .help = "what your events bring along besides kabarctl automations variables",
                    .field = "automation.extra_variables",
                    .repeated = true},
                   {.name = "disabled", .help = "does nothing yet"}},
       .run = Create},
      {.noun = "automations",
       .verb = "list",
       .summary = "Lists the automations.",
       .options = WithPaging(),
       .run = List},
      {.noun = "automations",
       .verb = "variables",
       .summary = "Lists what the messages of each event can say.",
       .details = "The contact's fields stand beside them in every message.",
       .run = Variables},
  };
}

}  // namespace kabar::kabarctl
