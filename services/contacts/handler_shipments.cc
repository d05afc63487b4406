// Shipments.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;

}  // namespace

grpc::Status Handler::UpsertShipment(grpc::ServerContext* context,
                                     const v1::UpsertShipmentRequest* request,
                                     v1::Shipment* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      Shipment wanted = FromProto(request->shipment());
      KABAR_RETURN_IF_ERROR(NormalizeShipment("shipment.", wanted));
      KABAR_ASSIGN_OR_RETURN(const Shipment saved, unit.UpsertShipment(wanted));
      ToProto(saved, response);
      return absl::OkStatus();
    };
    return Mutate(call, "UpsertShipment", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::GetShipment(grpc::ServerContext* context,
                                  const v1::GetShipmentRequest* request, v1::Shipment* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        std::string fault;
        const std::string number = NormalizeTrackingNumber(request->tracking_number(), &fault);
        if (request->id().empty() && number.empty()) {
          return base::InvalidField("id", "is required, or a tracking_number");
        }
        return store_.Read(
            call.outlet, "GetShipment", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(const Shipment found, request->id().empty()
                                                               ? unit.FindShipment(number)
                                                               : unit.GetShipment(request->id()));
              response->Clear();
              ToProto(found, response);
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::ListShipments(grpc::ServerContext* context,
                                    const v1::ListShipmentsRequest* request,
                                    v1::ListShipmentsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        const std::string list = absl::StrCat("shipments ", request->filter());
        KABAR_ASSIGN_OR_RETURN(const std::string after,
                               LastOfPageToken(list, request->page_token()));
        return store_.Read(call.outlet, "ListShipments", call.deadline,
                           [&](Store::Unit& unit) -> absl::Status {
                             KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter,
                                                    CheckFilter(unit, request->filter(), "filter"));
                             KABAR_ASSIGN_OR_RETURN(std::vector<Shipment> found,
                                                    unit.ListShipments(filter, after, size + 1));
                             response->Clear();
                             const bool more = found.size() > static_cast<std::size_t>(size);
                             if (more) found.pop_back();
                             for (const Shipment& one : found)
                               ToProto(one, response->add_shipments());
                             if (more) {
                               response->set_next_page_token(MakePageToken(list, found.back().id));
                             }
                             return absl::OkStatus();
                           });
      });
}

}  // namespace kabar::contacts
