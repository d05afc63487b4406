#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/triggers/v1/triggers.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/time_option.h"

namespace kabar::kabarctl {
namespace {

using triggers::v1::TriggersService;

absl::StatusOr<int> Publish(Session& session, const Arguments& arguments) {
  if (arguments.Has("contact") == arguments.Has("phone")) {
    return UsageError("say whom it is about: either --contact ID or --phone PHONE");
  }
  triggers::v1::PublishEventRequest request;
  triggers::v1::BusinessEvent* event = request.mutable_event();
  KABAR_ASSIGN_OR_RETURN(const auto type, EnumOption<triggers::v1::EventType>(arguments, "type"));
  KABAR_ASSIGN_OR_RETURN(const auto variables, arguments.Pairs("var"));
  KABAR_RETURN_IF_ERROR(TimeOption(arguments, event->mutable_time()));
  event->set_type(type);
  event->set_id(arguments.Has("id") ? arguments.Get("id") : base::NewId("evt"));
  event->set_contact_id(arguments.Get("contact"));
  event->set_phone(arguments.Get("phone"));
  event->set_name(arguments.Get("name"));
  event->set_order_id(arguments.Get("order"));
  KABAR_ASSIGN_OR_RETURN(const int64_t amount, arguments.Integer("amount", 0));
  event->set_amount(amount);
  event->mutable_variables()->insert(variables.begin(), variables.end());
  Api<TriggersService> api(session, Area::kTriggers);
  KABAR_ASSIGN_OR_RETURN(const triggers::v1::PublishEventResponse response,
                         api.Call(&TriggersService::Stub::PublishEvent, request));
  if (session.json()) {
    session.out() << Json(response);
  } else if (response.duplicate()) {
    session.out() << "event " << OneLine(event->id()) << " was published before; nothing changed\n";
  } else {
    session.out() << "event " << OneLine(event->id()) << " published, "
                  << Count(response.steps(), "message") << " planned\n";
  }
  return kExitOk;
}

}  // namespace

Commands EventCommands() {
  return {
      {.noun = "events",
       .verb = "publish",
       .summary = "Publishes a business event; automations answer it with messages.",
       .options =
           {{.name = "type",
             .value = "TYPE",
             .help = EnumNames(triggers::v1::EventType_descriptor()),
             .field = "event.type",
             .required = true},
            {.name = "id",
             .value = "ID",
             .help = "your own id of it; the same again changes nothing (default: a new one)",
             .field = "event.id"},
            {.name = "contact",
             .value = "ID",
             .help = "the contact it is about",
             .field = "event.contact_id"},
            {.name = "phone",
             .value = "PHONE",
             .help = "or his phone; a new contact if it is unknown",
             .field = "event.phone"},
            {.name = "name", .value = "NAME", .help = "of a new contact", .field = "event.name"},
            {.name = "order",
             .value = "ID",
             .help = "the order's number: it is kept with the contact (default: the documentnumber "
                     "where it is the sales code)",
             .field = "event.order_id"},
            {.name = "amount",
             .value = "RUPIAH",
             .help = "what the order is worth",
             .field = "event.amount"},
            {.name = "var",
             .value = "NAME=VALUE",
             .help = "a variable of the message, e.g. productname=Sepatu",
             .field = "event.variables",
             .repeated = true},
            {.name = "time",
             .value = "TIME",
             .help = "when it happened: 2026-11-22T08:00:00+07:00 or \"2026-11-22 08:00 WIB\" "
                     "(default: now)",
             .field = "event.time"}},
       .run = Publish},
  };
}

}  // namespace kabar::kabarctl
