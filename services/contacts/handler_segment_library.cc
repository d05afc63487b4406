// The ready-made segments: shown, and installed into an outlet.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"
#include "services/contacts/segment_library.h"

namespace kabar::contacts {
namespace {

// Those of the library that are asked for, once each; all if none is.
absl::StatusOr<std::vector<LibrarySegment>> Wanted(
    const v1::InstallLibrarySegmentsRequest& request) {
  KABAR_ASSIGN_OR_RETURN(std::vector<LibrarySegment> library, SegmentLibrary());
  if (request.codes().empty()) return library;
  std::vector<LibrarySegment> wanted;
  for (const std::string& code : request.codes()) {
    const auto named = [&](const LibrarySegment& one) { return one.code == code; };
    const auto found = std::find_if(library.begin(), library.end(), named);
    if (found == library.end()) {
      return base::InvalidField(
          "codes", absl::StrCat("the library has no ", code, ": list it to see which there are"));
    }
    if (std::none_of(wanted.begin(), wanted.end(), named)) wanted.push_back(*found);
  }
  return wanted;
}

}  // namespace

grpc::Status Handler::ListLibrarySegments(grpc::ServerContext* context,
                                          const v1::ListLibrarySegmentsRequest*,
                                          v1::ListLibrarySegmentsResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const std::vector<LibrarySegment> library, SegmentLibrary());
    for (const LibrarySegment& one : library) {
      v1::LibrarySegment* shown = response->add_segments();
      shown->set_code(one.code);
      shown->set_name(one.name);
      shown->set_filter(one.filter);
    }
    return absl::OkStatus();
  });
}

grpc::Status Handler::InstallLibrarySegments(grpc::ServerContext* context,
                                             const v1::InstallLibrarySegmentsRequest* request,
                                             v1::InstallLibrarySegmentsResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(const std::vector<LibrarySegment> wanted, Wanted(*request));
      unit.LockSegments();
      for (const LibrarySegment& one : wanted) {
        KABAR_ASSIGN_OR_RETURN(const std::vector<Segment> there, unit.FindSegments(one.name));
        if (!there.empty()) {
          response->add_present(one.code);
          continue;
        }
        const Segment added{base::NewId("seg"), one.name, one.filter, Now()};
        KABAR_RETURN_IF_ERROR(CheckFilter(unit, added.filter, "codes").status());
        KABAR_RETURN_IF_ERROR(unit.InsertSegment(added));
        ToProto(added, response->add_installed());
      }
      return absl::OkStatus();
    };
    return Mutate(call, "InstallLibrarySegments", request->request_id(), *request, response, work);
  });
}

}  // namespace kabar::contacts
