// Run audiences.
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/fields/fields.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kMaxMembers = 1000;
constexpr int kMaxFields = 100;
constexpr int64_t kMaxOrdinal = int64_t{1} << 60;

absl::StatusOr<AudienceQuery> QueryOf(const v1::ListAudienceRequest& request) {
  AudienceQuery query;
  query.run_id = request.run_id();
  query.after_ordinal = request.after_ordinal();
  if (query.after_ordinal < 0 || query.after_ordinal > kMaxOrdinal) {
    return base::InvalidField("after_ordinal", "must be 0, or the last ordinal of the page before");
  }
  KABAR_ASSIGN_OR_RETURN(query.limit, PageSize(request.page_size(), kMaxMembers, kMaxMembers));
  KABAR_ASSIGN_OR_RETURN(query.purpose, FromProto(request.purpose(), "purpose"));
  if (request.ordinals_size() > kMaxMembers) {
    return base::InvalidField("ordinals", absl::StrCat("at most ", kMaxMembers, " at once"));
  }
  if (request.ordinals_size() > 0) {
    query.ordinals.assign(request.ordinals().begin(), request.ordinals().end());
    query.after_ordinal = 0;
    query.limit = kMaxMembers;
  }
  if (request.fields_size() > kMaxFields) {
    return base::InvalidField("fields", absl::StrCat("at most ", kMaxFields, " at once"));
  }
  for (const std::string& field : request.fields()) {
    if (field.empty() || !TextFault(field, kMaxShortText).empty()) {
      return base::InvalidField("fields", "a name is empty or no text");
    }
    query.fields.push_back(field);
  }
  if (request.parcel_fields_size() > kMaxFields) {
    return base::InvalidField("parcel_fields", absl::StrCat("at most ", kMaxFields, " at once"));
  }
  for (const std::string& field : request.parcel_fields()) {
    const auto known = fields::Canonical(field);
    if (!known || known->owner != fields::Owner::kShipment) {
      return base::InvalidField("parcel_fields",
                                absl::StrCat("\"", field, "\" is no field of a shipment"));
    }
    query.parcel_fields.push_back(field);
  }
  return query;
}

void ToProto(const Audience& from, const std::string& run_id, v1::Audience* to) {
  to->set_run_id(run_id);
  to->set_size(from.size);
  to->set_shipments(from.shipments);
}

}  // namespace

// Idempotent by the run's id, so it needs no request id.
grpc::Status Handler::CreateAudience(grpc::ServerContext* context,
                                     const v1::CreateAudienceRequest* request,
                                     v1::Audience* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        if (request->run_id().empty()) return base::InvalidField("run_id", "is required");
        if (const std::string fault = TextFault(request->run_id(), kMaxShortText); !fault.empty()) {
          return base::InvalidField("run_id", fault);
        }
        KABAR_ASSIGN_OR_RETURN(const Subject subject, FromProto(request->subject(), "subject"));
        if (request->segment_id().empty() == request->filter().empty()) {
          return base::InvalidField(
              "segment_id",
              "is required, or a filter (not both); for everyone make a segment "
              "with an empty filter");
        }
        return store_.Write(
            call.outlet, "CreateAudience", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              // A run that has its audience keeps it, even if its segment is gone by now.
              absl::StatusOr<Audience> audience = unit.GetAudience(request->run_id());
              if (absl::IsNotFound(audience.status())) {
                KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter, FilterOf(unit, *request));
                audience =
                    unit.CreateAudience(request->run_id(), subject, filter, request->temporary());
              }
              if (!audience.ok()) return audience.status();
              ToProto(*audience, request->run_id(), response);
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::DeleteAudience(grpc::ServerContext* context,
                                     const v1::DeleteAudienceRequest* request,
                                     v1::DeleteAudienceResponse*) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    return store_.Write(call.outlet, "DeleteAudience", call.deadline,
                        [&](Store::Unit& unit) { return unit.DeleteAudience(request->run_id()); });
  });
}

grpc::Status Handler::ListAudience(grpc::ServerContext* context,
                                   const v1::ListAudienceRequest* request,
                                   v1::ListAudienceResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const AudienceQuery query, QueryOf(*request));
        return store_.Read(
            call.outlet, "ListAudience", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(const Audience audience, unit.GetAudience(query.run_id));
              KABAR_ASSIGN_OR_RETURN(const std::vector<AudienceMember> found,
                                     unit.ListAudience(query));
              response->Clear();
              *response->mutable_fields() = request->fields();
              for (const AudienceMember& one : found) ToProto(one, response->add_members());
              response->set_last_page(!query.ordinals.empty() || found.empty() ||
                                      found.back().ordinal >= audience.size);
              return absl::OkStatus();
            });
      });
}

}  // namespace kabar::contacts
