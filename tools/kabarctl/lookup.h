// Templates and segments as people name them: by code, by name, or by id.
//
// Thread safety: as Session. Blocks: a call or a few. Errors: NOT_FOUND or FAILED_PRECONDITION
// (SEGMENT_NAME_AMBIGUOUS) naming what was typed; those of the calls.
#ifndef KABAR_TOOLS_KABARCTL_LOOKUP_H_
#define KABAR_TOOLS_KABARCTL_LOOKUP_H_

#include <string>

#include "absl/status/statusor.h"

namespace kabar::templates::v1 {
class Template;
}
namespace kabar::contacts::v1 {
class Segment;
}

namespace kabar::kabarctl {

class Session;

// `version` 0: the newest.
absl::StatusOr<templates::v1::Template> FindTemplate(Session& session,
                                                     const std::string& code_or_id,
                                                     int version = 0);
absl::StatusOr<contacts::v1::Segment> FindSegment(Session& session, const std::string& name_or_id);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_LOOKUP_H_
