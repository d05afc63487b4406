// What WhatsApp does to a template by itself: pauses it, moves it to another category, rates it,
// has its parts changed; with the webhooks that tell of it.
//
// Not thread-safe (the loop's thread), never blocks. Errors: INVALID_ARGUMENT naming the field,
// NOT_FOUND.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

struct World;

// The body of POST /_sim/template.
absl::Status ChangeTemplate(World* world, absl::string_view body);

}  // namespace kabar::cloudsim
