#include "tools/kabarctl/lookup.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "tools/kabarctl/api.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;
using contacts::v1::Segment;
using templates::v1::Template;
using templates::v1::TemplatesService;

bool LooksLikeId(const std::string& text, absl::string_view prefix) {
  return absl::StartsWith(text, prefix) && base::IsBase32(text.substr(prefix.size()));
}

}  // namespace

absl::StatusOr<Template> FindTemplate(Session& session, const std::string& code_or_id,
                                      int version) {
  Api<TemplatesService> api(session, Area::kTemplates);
  templates::v1::GetTemplateRequest request;
  request.set_version(version);
  if (LooksLikeId(code_or_id, "tpl_")) {
    request.set_id(code_or_id);
    absl::StatusOr<Template> found = api.Call(&TemplatesService::Stub::GetTemplate, request);
    if (!absl::IsNotFound(found.status())) return found;
  }
  request.set_code(code_or_id);
  return api.Call(&TemplatesService::Stub::GetTemplate, request);
}

absl::StatusOr<Segment> FindSegment(Session& session, const std::string& name_or_id) {
  Api<ContactsService> api(session, Area::kContacts);
  if (LooksLikeId(name_or_id, "seg_")) {
    contacts::v1::GetSegmentRequest request;
    request.set_id(name_or_id);
    absl::StatusOr<Segment> found = api.Call(&ContactsService::Stub::GetSegment, request);
    if (!absl::IsNotFound(found.status())) return found;
  }
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListSegmentsResponse all,
                         api.List(&ContactsService::Stub::ListSegments, {}, {.limit = 0}));
  std::vector<const Segment*> named;
  for (const Segment& segment : all.segments()) {
    if (segment.name() == name_or_id) named.push_back(&segment);
  }
  if (named.empty()) {
    return base::Error(absl::StatusCode::kNotFound, "SEGMENT_NOT_FOUND",
                       absl::StrCat("there is no segment \"", name_or_id,
                                    "\"; kabarctl segments list shows those there are"));
  }
  if (named.size() > 1) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "SEGMENT_NAME_AMBIGUOUS",
                       absl::StrCat(named.size(), " segments are called \"", name_or_id,
                                    "\"; name the one by its id, e.g. ", named.front()->id()));
  }
  return *named.front();
}

}  // namespace kabar::kabarctl
