// The Graph API errors the simulator speaks: HTTP status, title and JSON shape by code.
//
// One table for refusals in a response and for `failed` statuses in a webhook. HTTP statuses and
// titles as on Meta's page "Error codes" (May 2026).
// Thread-safe (constant data), never blocks, no errors.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

struct GraphErrorClass {
  int code = 0;
  int http_status = 400;
  const char* title = "";
  const char* details = "";  // used when the refusal brings none of its own
};

// A refusal. `code` 0 with no details means none (code 0 itself is AuthException, never refused by
// rule but playable by a fault, which names it through `played`).
struct GraphError {
  int code = 0;
  int subcode = 0;
  std::string details;
  std::string message;  // replaces "(#code) title" where Meta words it differently
};

// The class of a code; an unknown code gets HTTP 400 and a neutral title.
const GraphErrorClass& FindGraphError(int code);

// Appends the whole response body: {"error":{...}}. `trace` seeds the fbtrace_id.
void AppendErrorBody(const GraphError& error, uint64_t trace, std::string* out);

}  // namespace kabar::cloudsim
