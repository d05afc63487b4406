// HTTP responses as bytes, head and body.
//
// Thread-safe (no state), never blocks, no errors.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

// A response with the usual head. `content_type` empty: JSON as the Graph API labels it.
std::string HttpResponse(int status, absl::string_view body, absl::string_view content_type = "",
                         bool close = false);
void AppendHttpResponse(int status, absl::string_view body, std::string* out);

}  // namespace kabar::cloudsim
