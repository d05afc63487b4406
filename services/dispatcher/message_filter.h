// Which messages an export wants, and how far it has come.
//
// Thread safety: values. Nothing blocks, nothing fails.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "services/dispatcher/message.h"

namespace kabar::dispatcher {

// What is empty is not asked for.
struct MessageFilter {
  absl::Time from = absl::InfinitePast();  // created at or after
  absl::Time to = absl::InfiniteFuture();  // and before
  std::string run_id = {};                 // or a lane's
  MessageState state = MessageState::kNone;
  std::string contact_id = {};
  std::string phone = {};
  std::string bsuid = {};
};

// Behind which message an export goes on.
struct MessagePlace {
  std::string day = {};  // "2026-11-21"
  std::string lane_id = {};
  std::int64_t seq = 0;
  bool end = false;
};

}  // namespace kabar::dispatcher
