// The personal-data law: everything on one person, and nothing any more.
#include <google/protobuf/util/json_util.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"

namespace kabar::contacts {
namespace {

constexpr int kPage = 500;
constexpr absl::Duration kPageTimeout = absl::Seconds(20);

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string out;
  if (!google::protobuf::util::MessageToJsonString(message, &out, options).ok()) return "null";
  return out;
}

// Never OK before the end: half a person must not look like all of him.
absl::Status Stopped() {
  return absl::UnavailableError("the export was stopped before its end; export again");
}

}  // namespace

// One JSON object, piece by piece: {"contact": ..., "shipments": [...], ...}.
class JsonStream {
 public:
  using Write = std::function<bool(const std::string& piece)>;
  explicit JsonStream(Write write) : write_(std::move(write)) {}

  void Field(const char* name, const std::string& json) {
    absl::StrAppend(&piece_, fields_++ == 0 ? "{" : ",", "\n\"", name, "\": ", json);
  }
  void BeginList(const char* name) {
    Field(name, "[");
    items_ = 0;
  }
  template <typename Proto, typename Value>
  void Add(const Value& value) {
    Proto proto;
    ToProto(value, &proto);
    absl::StrAppend(&piece_, items_++ == 0 ? "" : ",", "\n  ", Json(proto));
  }
  void EndList() { piece_ += "]"; }
  void End() { piece_ += "\n}\n"; }
  absl::Status Flush() {
    if (write_(std::exchange(piece_, ""))) return absl::OkStatus();
    return absl::CancelledError("the caller hung up");
  }

 private:
  Write write_;
  std::string piece_;
  int fields_ = 0;
  int items_ = 0;
};

grpc::Status Handler::ExportContact(grpc::ServerContext* context,
                                    const v1::ExportContactRequest* request,
                                    grpc::ServerWriter<v1::ExportContactResponse>* writer) {
  return rpc::ServeStream(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    JsonStream json([&](const std::string& piece) {
      v1::ExportContactResponse response;
      response.set_json(piece);
      return writer->Write(response);
    });
    return Export(call, *request, json);
  });
}

// Each page is a transaction of its own: a slow reader holds none open.
absl::Status Handler::Export(const rpc::Call& call, const v1::ExportContactRequest& request,
                             JsonStream& json) {
  const auto write = [&](Store::Work work) {
    return store_.Write(call.outlet, "ExportContact", absl::Now() + kPageTimeout, work);
  };
  const auto read = [&](Store::Work work) {
    return store_.Read(call.outlet, "ExportContact", absl::Now() + kPageTimeout, work);
  };
  v1::Contact contact;
  std::vector<Merge> merges;
  KABAR_RETURN_IF_ERROR(write([&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const Contact found, unit.GetContact(request.id()));
    KABAR_ASSIGN_OR_RETURN(const Activity activity, unit.GetActivity(found.id));
    KABAR_ASSIGN_OR_RETURN(const std::vector<Identity> known_by, unit.ListIdentities(found.id));
    KABAR_ASSIGN_OR_RETURN(merges, unit.ListMerges(found.id, 0, kPage));
    contact.Clear();
    ToProto(found, &contact);
    ToProto(activity, contact.mutable_activity());
    for (const Identity& one : known_by) ToProto(one, contact.add_identities());
    unit.Audit(audit::ActorOf(call), {.outlet = call.outlet,
                                      .action = "ExportContact",
                                      .target = absl::StrCat("contact/", found.id),
                                      .reason = request.reason()});
    return absl::OkStatus();
  }));
  json.Field("contact", Json(contact));
  json.BeginList("merges");
  for (const Merge& one : merges) json.Add<v1::ContactMerge>(one);
  json.EndList();

  json.BeginList("shipments");
  std::vector<Shipment> shipments;
  do {
    const std::string after = shipments.empty() ? "" : shipments.back().id;
    KABAR_RETURN_IF_ERROR(read([&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(shipments, unit.ListShipmentsOf(contact.id(), after, kPage));
      return absl::OkStatus();
    }));
    for (const Shipment& one : shipments) json.Add<v1::Shipment>(one);
    KABAR_RETURN_IF_ERROR(json.Flush());
    if (call.Cancelled()) return Stopped();
  } while (shipments.size() == kPage);
  json.EndList();

  json.BeginList("consents");
  std::vector<Consent> consents;
  do {
    const int64_t before = consents.empty() ? 0 : consents.back().number;
    KABAR_RETURN_IF_ERROR(read([&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(consents, unit.ListConsents(contact.id(), before, kPage));
      return absl::OkStatus();
    }));
    for (const Consent& one : consents) json.Add<v1::Consent>(one);
    KABAR_RETURN_IF_ERROR(json.Flush());
    if (call.Cancelled()) return Stopped();
  } while (consents.size() == kPage);
  json.EndList();

  json.BeginList("facts");
  std::vector<Fact> facts;
  do {
    const std::optional<Fact> last = facts.empty() ? std::nullopt : std::optional(facts.back());
    KABAR_RETURN_IF_ERROR(read([&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(facts, unit.ListFacts(contact.id(), last, kPage));
      return absl::OkStatus();
    }));
    for (const Fact& one : facts) json.Add<v1::Fact>(one);
    KABAR_RETURN_IF_ERROR(json.Flush());
    if (call.Cancelled()) return Stopped();
  } while (facts.size() == kPage);
  json.EndList();

  // What tracking APIs said of him that was not taken.
  std::vector<RefusedRow> refused;
  KABAR_RETURN_IF_ERROR(read([&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(refused, unit.ListRefusedRowsOf(contact.id()));
    return absl::OkStatus();
  }));
  json.BeginList("refused_rows");
  for (const RefusedRow& one : refused) json.Add<v1::ListRefusedRowsResponse::Row>(one);
  json.EndList();

  json.BeginList("timeline");
  std::vector<TimelineEntry> entries;
  std::optional<TimelinePlace> after;
  do {
    KABAR_RETURN_IF_ERROR(read([&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(entries, unit.ListTimeline(contact.id(), after, kPage));
      return absl::OkStatus();
    }));
    for (const TimelineEntry& one : entries) json.Add<v1::TimelineEntry>(one);
    KABAR_RETURN_IF_ERROR(json.Flush());
    if (call.Cancelled()) return Stopped();
    if (!entries.empty()) {
      after = TimelinePlace{entries.back().time, entries.back().kind, entries.back().id};
    }
  } while (entries.size() == kPage);
  json.EndList();
  json.End();
  return json.Flush();
}

grpc::Status Handler::EraseContact(grpc::ServerContext* context,
                                   const v1::EraseContactRequest* request,
                                   v1::EraseContactResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      if (request->id().empty()) return base::InvalidField("id", "is required");
      if (request->reason().empty()) {
        return base::InvalidField("reason", "is required: who asked for it, without names");
      }
      if (const std::string fault = TextFault(request->reason(), kMaxShortText); !fault.empty()) {
        return base::InvalidField("reason", fault);
      }
      KABAR_ASSIGN_OR_RETURN(const Erased erased, unit.EraseContact(request->id()));
      unit.Audit(audit::ActorOf(call, request->request_id()),
                 {.outlet = call.outlet,
                  .action = "EraseContact",
                  .target = absl::StrCat("contact/", erased.contact_id),
                  .reason = request->reason()});
      response->set_contacts(erased.contacts);
      response->set_shipments(erased.shipments);
      response->set_timeline_entries(erased.timeline);
      return absl::OkStatus();
    };
    return Mutate(call, "EraseContact", request->request_id(), *request, response, work);
  });
}

}  // namespace kabar::contacts
