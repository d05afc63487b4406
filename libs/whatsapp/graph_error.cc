#include "libs/whatsapp/graph_error.h"

#include <limits>

namespace kabar::whatsapp {

std::optional<GraphError> ReadGraphError(const JsonObject& root, int http_status) {
  JsonObject error;
  if (!Find(root, "error", &error)) return std::nullopt;
  constexpr std::int64_t kNone = -1;
  const std::int64_t code = Integer(error, "code", kNone);
  if (code < 0 || code > std::numeric_limits<int>::max()) return std::nullopt;
  GraphError out{.code = static_cast<int>(code),
                 .subcode = static_cast<int>(Integer(error, "error_subcode", 0)),
                 .type = TextOf(error, "type"),
                 .message = TextOf(error, "message"),
                 .trace_id = TextOf(error, "fbtrace_id"),
                 .http_status = http_status};
  JsonObject data;
  if (Find(error, "error_data", &data)) out.details = TextOf(data, "details");
  if (out.details.empty()) out.details = TextOf(error, "error_user_msg");
  return out;
}

}  // namespace kabar::whatsapp
