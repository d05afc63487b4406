// Segments.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr int kDefaultPreview = 10;
constexpr int kMaxPreview = 100;

absl::StatusOr<std::string> SegmentName(const std::string& name) {
  std::string out = base::CollapseSpaces(name);
  std::string fault = TextFault(out, kMaxShortText);
  if (out.empty()) fault = "is required";
  if (!fault.empty()) return base::InvalidField("segment.name", fault);
  return out;
}

struct SegmentMask {
  bool name = false;
  bool filter = false;
};

absl::StatusOr<SegmentMask> MaskOf(const v1::UpdateSegmentRequest& request) {
  SegmentMask mask;
  if (request.update_mask().paths().empty()) {
    mask.name = !request.segment().name().empty();
    mask.filter = !request.segment().filter().empty();
  }
  for (const std::string& path : request.update_mask().paths()) {
    if (path != "name" && path != "filter" && path != "*") {
      return base::InvalidField("update_mask", absl::StrCat("\"", path,
                                                            "\" cannot be updated; name \"name\", "
                                                            "\"filter\" or both"));
    }
    mask.name = mask.name || path != "filter";
    mask.filter = mask.filter || path != "name";
  }
  return mask;
}

}  // namespace

absl::StatusOr<SegmentFilter> Handler::FilterOfSegment(Store::Unit& unit,
                                                       const std::string& segment_id) {
  KABAR_ASSIGN_OR_RETURN(const Segment segment, unit.GetSegment(segment_id));
  absl::StatusOr<SegmentFilter> filter = language_.Check(segment.filter);
  if (filter.ok()) return filter;
  return base::Annotate(filter.status(), absl::StrCat("the filter of segment ", segment.id));
}

grpc::Status Handler::CreateSegment(grpc::ServerContext* context,
                                    const v1::CreateSegmentRequest* request,
                                    v1::Segment* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      Segment added;
      KABAR_ASSIGN_OR_RETURN(added.name, SegmentName(request->segment().name()));
      added.filter = request->segment().filter();
      KABAR_RETURN_IF_ERROR(CheckFilter(added.filter, "segment.filter").status());
      added.id = base::NewId("seg");
      added.created_at = Now();
      KABAR_RETURN_IF_ERROR(unit.InsertSegment(added));
      ToProto(added, response);
      return absl::OkStatus();
    };
    return Mutate(call, "CreateSegment", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::GetSegment(grpc::ServerContext* context, const v1::GetSegmentRequest* request,
                                 v1::Segment* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(
        call.outlet, "GetSegment", call.deadline, [&](Store::Unit& unit) -> absl::Status {
          KABAR_ASSIGN_OR_RETURN(const Segment found, unit.GetSegment(request->id()));
          ToProto(found, response);
          return absl::OkStatus();
        });
  });
}

grpc::Status Handler::ListSegments(grpc::ServerContext* context,
                                   const v1::ListSegmentsRequest* request,
                                   v1::ListSegmentsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        KABAR_ASSIGN_OR_RETURN(const std::string after,
                               LastOfPageToken("segments", request->page_token()));
        return store_.Read(
            call.outlet, "ListSegments", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(std::vector<Segment> found,
                                     unit.ListSegments(after, size + 1));
              response->Clear();
              const bool more = found.size() > static_cast<std::size_t>(size);
              if (more) found.pop_back();
              for (const Segment& one : found) ToProto(one, response->add_segments());
              if (more) {
                response->set_next_page_token(MakePageToken("segments", found.back().id));
              }
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::UpdateSegment(grpc::ServerContext* context,
                                    const v1::UpdateSegmentRequest* request,
                                    v1::Segment* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(const SegmentMask mask, MaskOf(*request));
      KABAR_ASSIGN_OR_RETURN(Segment changed, unit.GetSegment(request->segment().id()));
      if (mask.name) {
        KABAR_ASSIGN_OR_RETURN(changed.name, SegmentName(request->segment().name()));
      }
      if (mask.filter) {
        changed.filter = request->segment().filter();
        KABAR_RETURN_IF_ERROR(CheckFilter(changed.filter, "segment.filter").status());
      }
      KABAR_RETURN_IF_ERROR(unit.ReplaceSegment(changed));
      ToProto(changed, response);
      return absl::OkStatus();
    };
    return Mutate(call, "UpdateSegment", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::DeleteSegment(grpc::ServerContext* context,
                                    const v1::DeleteSegmentRequest* request,
                                    v1::DeleteSegmentResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    return Mutate(call, "DeleteSegment", request->request_id(), *request, response,
                  [&](Store::Unit& unit) { return unit.DeleteSegment(request->id()); });
  });
}

grpc::Status Handler::CountSegment(grpc::ServerContext* context,
                                   const v1::CountSegmentRequest* request,
                                   v1::CountSegmentResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(call.outlet, "CountSegment", call.deadline,
                       [&](Store::Unit& unit) -> absl::Status {
                         KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter,
                                                request->segment_id().empty()
                                                    ? CheckFilter(request->filter(), "filter")
                                                    : FilterOfSegment(unit, request->segment_id()));
                         KABAR_ASSIGN_OR_RETURN(const SegmentSize size, unit.CountSegment(filter));
                         response->set_contacts(size.contacts);
                         response->set_shipments(size.shipments);
                         response->set_contacts_with_shipments(size.contacts_with_shipments);
                         return absl::OkStatus();
                       });
  });
}

grpc::Status Handler::PreviewSegment(grpc::ServerContext* context,
                                     const v1::PreviewSegmentRequest* request,
                                     v1::PreviewSegmentResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPreview, kMaxPreview));
        return store_.Read(
            call.outlet, "PreviewSegment", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter,
                                     request->segment_id().empty()
                                         ? CheckFilter(request->filter(), "filter")
                                         : FilterOfSegment(unit, request->segment_id()));
              KABAR_ASSIGN_OR_RETURN(const std::vector<Contact> found,
                                     unit.ListContacts(filter, "", size));
              response->Clear();
              for (const Contact& one : found) ToProto(one, response->add_contacts());
              return absl::OkStatus();
            });
      });
}

}  // namespace kabar::contacts
