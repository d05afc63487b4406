// Segments.
#include <string>
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

FindSegments SegmentsOf(Store::Unit& unit) {
  return [&unit](const std::string& name_or_id) { return unit.FindSegments(name_or_id); };
}

absl::Status InUse(const Segment& user) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kFailedPrecondition, "SEGMENT_IN_USE",
                  absl::StrCat("segment \"", user.name,
                               "\" leads to one of this name or id and would no longer be right; "
                               "change its filter first")),
      "segment_id", user.id);
}

}  // namespace

absl::StatusOr<SegmentFilter> Handler::CheckFilter(Store::Unit& unit, const std::string& filter,
                                                   absl::string_view field, const Segment& self) {
  absl::StatusOr<SegmentFilter> checked = language_.Check(filter, SegmentsOf(unit), self);
  if (checked.ok()) return checked;
  absl::Status status = checked.status();
  if (base::GetReason(status) == "INVALID_FILTER") {
    base::AddFieldViolation(status, field, status.message());
  }
  return status;
}

absl::StatusOr<std::vector<Segment>> Handler::LockUsers(Store::Unit& unit) {
  unit.LockSegments();
  KABAR_ASSIGN_OR_RETURN(const std::vector<Segment> all, unit.ListSegmentsWithCalls());
  std::vector<Segment> right;
  for (const Segment& one : all) {
    if (language_.Check(one.filter, SegmentsOf(unit), one).ok()) right.push_back(one);
  }
  return right;
}

absl::Status Handler::CheckUsers(Store::Unit& unit, const std::vector<Segment>& users,
                                 const std::string& changed) {
  for (const Segment& user : users) {
    if (user.id == changed) continue;
    const absl::Status still = language_.Check(user.filter, SegmentsOf(unit), user).status();
    if (base::GetReason(still) == "INVALID_FILTER") return InUse(user);
    KABAR_RETURN_IF_ERROR(still);
  }
  return absl::OkStatus();
}

absl::StatusOr<SegmentFilter> Handler::FilterOfSegment(Store::Unit& unit,
                                                       const std::string& segment_id) {
  KABAR_ASSIGN_OR_RETURN(const Segment segment, unit.GetSegment(segment_id));
  absl::StatusOr<SegmentFilter> filter = language_.Check(segment.filter, SegmentsOf(unit), segment);
  if (filter.ok()) return filter;
  return base::Annotate(filter.status(), absl::StrCat("the filter of segment ", segment.id));
}

grpc::Status Handler::CreateSegment(grpc::ServerContext* context,
                                    const v1::CreateSegmentRequest* request,
                                    v1::Segment* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(const std::vector<Segment> users, LockUsers(unit));
      Segment added;
      KABAR_ASSIGN_OR_RETURN(added.name, SegmentName(request->segment().name()));
      added.filter = request->segment().filter();
      KABAR_RETURN_IF_ERROR(CheckFilter(unit, added.filter, "segment.filter").status());
      added.id = base::NewId("seg");
      added.created_at = Now();
      KABAR_RETURN_IF_ERROR(unit.InsertSegment(added));
      KABAR_RETURN_IF_ERROR(CheckUsers(unit, users, added.id));
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
      KABAR_ASSIGN_OR_RETURN(const std::vector<Segment> users, LockUsers(unit));
      KABAR_ASSIGN_OR_RETURN(Segment changed, unit.GetSegment(request->segment().id()));
      if (mask.name) {
        KABAR_ASSIGN_OR_RETURN(changed.name, SegmentName(request->segment().name()));
      }
      if (mask.filter) {
        changed.filter = request->segment().filter();
        KABAR_RETURN_IF_ERROR(
            CheckFilter(unit, changed.filter, "segment.filter", changed).status());
      }
      KABAR_RETURN_IF_ERROR(unit.ReplaceSegment(changed));
      KABAR_RETURN_IF_ERROR(CheckUsers(unit, users, changed.id));
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
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(const std::vector<Segment> users, LockUsers(unit));
      KABAR_RETURN_IF_ERROR(unit.DeleteSegment(request->id()));
      return CheckUsers(unit, users, request->id());
    };
    return Mutate(call, "DeleteSegment", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::CountSegment(grpc::ServerContext* context,
                                   const v1::CountSegmentRequest* request,
                                   v1::CountSegmentResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(
        call.outlet, "CountSegment", call.deadline, [&](Store::Unit& unit) -> absl::Status {
          KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter, FilterOf(unit, *request));
          KABAR_ASSIGN_OR_RETURN(const SegmentSize size,
                                 unit.CountSegment(filter, request->contacts_only()));
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
              KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter, FilterOf(unit, *request));
              KABAR_ASSIGN_OR_RETURN(const std::vector<Contact> found,
                                     unit.ListContacts(filter, "", size));
              response->Clear();
              for (const Contact& one : found) ToProto(one, response->add_contacts());
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::ExplainSegment(grpc::ServerContext* context,
                                     const v1::ExplainSegmentRequest* request,
                                     v1::ExplainSegmentResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPreview, kMaxPreview));
        return store_.Read(
            call.outlet, "ExplainSegment", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter, FilterOf(unit, *request));
              KABAR_ASSIGN_OR_RETURN(const SegmentExplanation found, unit.ExplainSegment(filter));
              KABAR_ASSIGN_OR_RETURN(const std::vector<Contact> sample,
                                     unit.ListContacts(filter, "", size));
              response->Clear();
              response->set_everyone(found.everyone);
              response->set_contacts(found.contacts);
              response->set_any_of(found.any_of);
              for (const SegmentExplanation::Clause& clause : found.clauses) {
                v1::SegmentClause* shown = response->add_clauses();
                shown->set_text(clause.text);
                shown->set_alone(clause.alone);
                shown->set_together(clause.together);
              }
              for (const Contact& one : sample) ToProto(one, response->add_sample());
              return absl::OkStatus();
            });
      });
}

}  // namespace kabar::contacts
