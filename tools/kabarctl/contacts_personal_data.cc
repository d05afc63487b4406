#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/triggers/v1/triggers.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;
using dispatcher::v1::DispatcherService;
using triggers::v1::TriggersService;

// His own, and those that were merged into him.
std::set<std::string> IdsOf(const contacts::v1::Contact& contact) {
  std::set<std::string> ids = {contact.id()};
  for (const contacts::v1::ContactIdentity& known_by : contact.identities()) {
    if (!known_by.merged_from().empty()) ids.insert(known_by.merged_from());
  }
  return ids;
}

void Append(const google::protobuf::Message& one, std::string* json) {
  absl::StrAppend(json, json->empty() ? "" : ",", "\n  ", Json(one, /*pretty=*/false));
}

absl::StatusOr<std::string> OfContacts(Session& session, const std::string& id,
                                       const std::string& reason) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::ExportContactRequest request;
  request.set_id(id);
  request.set_reason(reason);
  std::string json;
  KABAR_RETURN_IF_ERROR(session.Attempt(Area::kContacts, [&](grpc::ClientContext& context) {
    json.clear();
    auto stream = api.stub().ExportContact(&context, request);
    contacts::v1::ExportContactResponse piece;
    while (stream->Read(&piece)) json += piece.json();
    return rpc::ToAbsl(stream->Finish());
  }));
  return json;
}

// What was written to him, by each address: the texts are the dispatcher's.
absl::StatusOr<std::string> OfDispatcher(Session& session, const contacts::v1::Contact& contact) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  const std::set<std::string> ids = IdsOf(contact);
  std::string json;
  std::set<std::string> seen;  // a message to a phone and a BSUID is found by both
  for (const contacts::v1::ContactIdentity& known_by : contact.identities()) {
    dispatcher::v1::ListMessagesRequest request;
    if (known_by.kind() == contacts::v1::ContactIdentity::PHONE) {
      request.set_phone(known_by.value());
    } else if (known_by.kind() == contacts::v1::ContactIdentity::BSUID) {
      request.set_bsuid(known_by.value());
    } else {
      continue;
    }
    KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListMessagesResponse response,
                           api.List(&DispatcherService::Stub::ListMessages, request, {.limit = 0}));
    for (const dispatcher::v1::Message& message : response.messages()) {
      // A number that he gave up is somebody else's since.
      if (known_by.has_former_since() && ids.count(message.contact_id()) == 0) continue;
      if (seen.insert(message.id()).second) Append(message, &json);
    }
  }
  return json;
}

struct OfTriggers {
  std::string events;   // that named him
  std::string answers;  // his
};

absl::StatusOr<OfTriggers> ReadTriggers(Session& session, const contacts::v1::Contact& contact) {
  triggers::v1::ExportPersonalDataRequest request;
  for (const std::string& id : IdsOf(contact)) request.add_contact_ids(id);
  for (const contacts::v1::ContactIdentity& known_by : contact.identities()) {
    if (known_by.has_former_since()) continue;
    if (known_by.kind() == contacts::v1::ContactIdentity::PHONE) {
      request.add_phones(known_by.value());
    } else if (known_by.kind() == contacts::v1::ContactIdentity::BSUID) {
      request.add_bsuids(known_by.value());
    }
  }
  Api<TriggersService> api(session, Area::kTriggers);
  OfTriggers found;
  KABAR_RETURN_IF_ERROR(session.Attempt(Area::kTriggers, [&](grpc::ClientContext& context) {
    found = {};
    const auto stream = api.stub().ExportPersonalData(&context, request);
    triggers::v1::ExportPersonalDataResponse part;
    while (stream->Read(&part)) {
      for (const auto& event : part.events()) Append(event, &found.events);
      for (const auto& answer : part.answers()) Append(answer, &found.answers);
    }
    return rpc::ToAbsl(stream->Finish());
  }));
  return found;
}

absl::StatusOr<int> PersonalData(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::GetContactRequest get;
  get.set_id(arguments.Get("ID"));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::Contact contact,
                         api.Call(&ContactsService::Stub::GetContact, get));
  KABAR_ASSIGN_OR_RETURN(const std::string messages, OfDispatcher(session, contact));
  KABAR_ASSIGN_OR_RETURN(const OfTriggers orders, ReadTriggers(session, contact));
  KABAR_ASSIGN_OR_RETURN(const std::string own,
                         OfContacts(session, contact.id(), arguments.Get("reason")));
  session.out() << "{\"contacts\": " << own << ",\n\"messages\": [" << messages
                << "],\n\"events\": [" << orders.events << "],\n\"answers\": [" << orders.answers
                << "]}\n";
  return kExitOk;
}

absl::StatusOr<int> Erase(Session& session, const Arguments& arguments) {
  Api<ContactsService> api(session, Area::kContacts);
  contacts::v1::EraseContactRequest request;
  request.set_id(arguments.Get("ID"));
  request.set_reason(arguments.Get("reason"));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::EraseContactResponse response,
                         api.Call(&ContactsService::Stub::EraseContact, request));
  if (session.json()) {
    session.out() << Json(response);
    return kExitOk;
  }
  session.out() << "erased with " << Count(response.shipments(), "shipment") << " and "
                << Count(response.timeline_entries(), "timeline entry")
                << "; texts elsewhere go within minutes, or when what is away is back\n";
  return kExitOk;
}

}  // namespace

Commands ContactPersonalDataCommands() {
  return {
      {.noun = "contacts",
       .verb = "personal-data",
       .summary = "Prints everything that is known of one person, as JSON.",
       .details =
           "Contact, addresses, parcels, consents, facts, merges, timeline, the texts of all\n"
           "messages, order events and answers. Personal data: keep it from others. Noted in the "
           "audit log.",
       .positionals = {{"ID", "the contact's id", "id"}},
       .options = {{.name = "reason",
                    .value = "TEXT",
                    .help = "for the audit log: who asked for it, without names",
                    .field = "reason"}},
       .run = PersonalData},
      {.noun = "contacts",
       .verb = "erase",
       .summary = "Erases one person everywhere. Cannot be undone.",
       .details = "Names, addresses, parcels, texts and answers go; counts of messages stay. What\n"
                  "he refused is kept as a hash of his address: no later file writes to him.",
       .positionals = {{"ID", "the contact's id", "id"}},
       .options = {{.name = "reason",
                    .value = "TEXT",
                    .help = "for the audit log: who asked for it, without names",
                    .field = "reason",
                    .required = true}},
       .run = Erase},
  };
}

}  // namespace kabar::kabarctl
