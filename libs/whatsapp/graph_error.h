// Private to libs/whatsapp: {"error":{...}} out of an answer that has been parsed.
//
// Thread safety: a free function. Nothing blocks. Errors: none, nullopt where there is no such
// part.
#ifndef KABAR_LIBS_WHATSAPP_GRAPH_ERROR_H_
#define KABAR_LIBS_WHATSAPP_GRAPH_ERROR_H_

#include <optional>

#include "libs/whatsapp/json_reader.h"
#include "libs/whatsapp/send_result.h"

namespace kabar::whatsapp {

std::optional<GraphError> ReadGraphError(const JsonObject& root, int http_status);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_GRAPH_ERROR_H_
