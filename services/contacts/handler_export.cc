// Contacts and shipments as CSV, page by page. The columns bear the names that an import knows, so
// that a file that was exported can be changed and imported again.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "libs/base/csv.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"

namespace kabar::contacts {
namespace {

constexpr int kPage = 1000;
constexpr absl::Duration kPageTimeout = absl::Seconds(30);

std::string Text(const std::string& value) { return base::GuardFormula(value); }

std::string YesNo(bool value) { return value ? "ya" : "tidak"; }

// Of the contact's texts those that an import takes, in the order in which people read them.
constexpr absl::string_view kTextColumns[] = {
    "name",     "address",   "subdistrict",  "district",       "city",
    "province", "postcode",  "service_type", "preferred_time", "language",
    "style",    "time_zone", "notes"};

std::vector<std::string> ContactHeader(const std::vector<std::string>& attributes) {
  std::vector<std::string> out = {"phone", "bsuid"};
  for (const absl::string_view name : kTextColumns) out.emplace_back(name);
  out.insert(out.end(), {"vip", "satisfaction", "tags"});
  for (const std::string& name : attributes) out.push_back(absl::StrCat("attributes.", name));
  return out;
}

std::vector<std::string> ContactCells(const Contact& contact,
                                      const std::vector<std::string>& attributes) {
  std::vector<std::string> out = {Text(contact.phone), Text(contact.bsuid)};
  for (const absl::string_view name : kTextColumns) {
    for (const ContactText& text : ContactTexts()) {
      if (text.name == name) out.push_back(Text(contact.*text.member));
    }
  }
  out.push_back(YesNo(contact.vip));
  out.push_back(contact.satisfaction == 0 ? "" : absl::StrCat(contact.satisfaction));
  out.push_back(Text(absl::StrJoin(contact.tags, ", ")));
  for (const std::string& name : attributes) {
    const auto found = contact.attributes.find(name);
    out.push_back(found == contact.attributes.end() ? "" : Text(found->second));
  }
  return out;
}

std::vector<std::string> ShipmentCells(const Shipment& s, const Contact& contact,
                                       absl::TimeZone zone) {
  return {Text(contact.phone),
          Text(contact.name),
          Text(s.tracking_number),
          Text(s.status),
          Text(s.location),
          Text(s.estimate),
          Text(s.driver_name),
          Text(s.driver_phone),
          Text(s.destination_address),
          absl::StrCat(s.cod_amount),
          YesNo(s.cod_paid),
          Text(s.delay_reason),
          Text(s.new_estimate),
          Text(s.service_type),
          absl::FormatTime("%Y-%m-%d %H:%M", s.updated_at, zone)};
}

const std::vector<std::string>& ShipmentHeader() {
  static const auto* const kHeader =
      new std::vector<std::string>{"phone",        "name",         "tracking_number",
                                   "status",       "location",     "estimate",
                                   "driver_name",  "driver_phone", "destination_address",
                                   "cod_amount",   "cod_paid",     "delay_reason",
                                   "new_estimate", "service_type", "updated_at"};
  return *kHeader;
}

// Never OK before the end: half a file must not look like a whole one.
absl::Status Stopped() {
  return absl::UnavailableError("the export was stopped before its end; export again");
}

template <typename Response>
absl::Status Send(grpc::ServerWriter<Response>* writer, const std::string& csv) {
  Response response;
  response.set_csv(csv);
  if (writer->Write(response)) return absl::OkStatus();
  return absl::CancelledError("the caller hung up");
}

}  // namespace

absl::StatusOr<SegmentFilter> Handler::BeginExport(const rpc::Call& call, const char* action,
                                                   const std::string& filter,
                                                   const std::string& reason) {
  if (const std::string fault = TextFault(reason, kMaxShortText); !fault.empty()) {
    return base::InvalidField("reason", fault);
  }
  absl::StatusOr<SegmentFilter> checked = absl::UnknownError("not checked");
  KABAR_RETURN_IF_ERROR(store_.Write(
      call.outlet, action, absl::Now() + kPageTimeout, [&](Store::Unit& unit) -> absl::Status {
        checked = CheckFilter(unit, filter, "filter");
        if (!checked.ok()) return checked.status();
        unit.Audit(
            audit::ActorOf(call),
            {.outlet = call.outlet, .action = action, .target = "contacts", .reason = reason});
        return absl::OkStatus();
      }));
  return checked;
}

// Each page is a transaction of its own: a slow reader holds none open.
grpc::Status Handler::ExportContacts(grpc::ServerContext* context,
                                     const v1::ExportContactsRequest* request,
                                     grpc::ServerWriter<v1::ExportContactsResponse>* writer) {
  return rpc::ServeStream(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        const std::vector<std::string> attributes(request->attributes().begin(),
                                                  request->attributes().end());
        if (attributes.size() > kMaxAttributes) {
          return base::InvalidField("attributes", absl::StrCat("at most ", kMaxAttributes));
        }
        KABAR_ASSIGN_OR_RETURN(
            const SegmentFilter filter,
            BeginExport(call, "ExportContacts", request->filter(), request->reason()));
        std::string csv = base::CsvLine(ContactHeader(attributes), ',');
        std::vector<Contact> page;
        do {
          const std::string after = page.empty() ? "" : page.back().id;
          KABAR_RETURN_IF_ERROR(
              store_.Read(call.outlet, "ExportContacts", absl::Now() + kPageTimeout,
                          [&](Store::Unit& unit) -> absl::Status {
                            KABAR_ASSIGN_OR_RETURN(page, unit.ListContacts(filter, after, kPage));
                            return absl::OkStatus();
                          }));
          for (const Contact& one : page) csv += base::CsvLine(ContactCells(one, attributes), ',');
          KABAR_RETURN_IF_ERROR(Send(writer, csv));
          csv.clear();
          if (call.Cancelled()) return Stopped();
        } while (page.size() == kPage);
        return absl::OkStatus();
      });
}

grpc::Status Handler::ExportShipments(grpc::ServerContext* context,
                                      const v1::ExportShipmentsRequest* request,
                                      grpc::ServerWriter<v1::ExportShipmentsResponse>* writer) {
  return rpc::ServeStream(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(
            const SegmentFilter filter,
            BeginExport(call, "ExportShipments", request->filter(), request->reason()));
        std::string csv = base::CsvLine(ShipmentHeader(), ',');
        std::vector<Shipment> page;
        do {
          const std::string after = page.empty() ? "" : page.back().id;
          std::map<std::string, Contact> owners;
          KABAR_RETURN_IF_ERROR(
              store_.Read(call.outlet, "ExportShipments", absl::Now() + kPageTimeout,
                          [&](Store::Unit& unit) -> absl::Status {
                            KABAR_ASSIGN_OR_RETURN(page, unit.ListShipments(filter, after, kPage));
                            std::set<std::string> ids;
                            for (const Shipment& one : page) ids.insert(one.contact_id);
                            KABAR_ASSIGN_OR_RETURN(const std::vector<Contact> found,
                                                   unit.GetContacts({ids.begin(), ids.end()}));
                            owners.clear();
                            for (const Contact& one : found) owners.emplace(one.id, one);
                            return absl::OkStatus();
                          }));
          for (const Shipment& one : page) {
            csv += base::CsvLine(ShipmentCells(one, owners[one.contact_id], zone_), ',');
          }
          KABAR_RETURN_IF_ERROR(Send(writer, csv));
          csv.clear();
          if (call.Cancelled()) return Stopped();
        } while (page.size() == kPage);
        return absl::OkStatus();
      });
}

}  // namespace kabar::contacts
