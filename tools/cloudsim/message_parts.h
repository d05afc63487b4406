// The parts of a message body by kind, read from the parsed document and checked.
//
// Internal to messages.h (it includes simdjson, which is large); only the message_*.cc and
// messages.cc include it. Not thread-safe, never blocks. Errors: the Graph error to answer.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/graph_errors.h"
#include "tools/cloudsim/messages.h"

namespace kabar::cloudsim {

using JsonArray = simdjson::dom::array;
using JsonElement = simdjson::dom::element;
using JsonObject = simdjson::dom::object;

// Each sets the error and returns false.
bool Refuse(GraphError* error, int code, std::string details);
bool Missing(GraphError* error, absl::string_view field);
bool Invalid(GraphError* error, absl::string_view field, absl::string_view what);

inline absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// False: absent or of another type.
bool GetText(const JsonObject& from, std::string_view name, absl::string_view* text);
bool GetObject(const JsonObject& from, std::string_view name, JsonObject* value);

// Both coordinates are there and on earth.
bool HasPlace(const JsonObject& part);

bool TooLong(absl::string_view text, size_t limit);

// A required, non-empty text of at most `limit` characters.
bool RequireText(const JsonObject& from, std::string_view name, absl::string_view path,
                 size_t limit, absl::string_view* text, GraphError* error);

bool ReadText(const JsonObject& part, Outgoing* message, GraphError* error);
bool ReadMedia(const JsonObject& part, absl::string_view kind, Outgoing* message,
               GraphError* error);
bool ReadLocation(const JsonObject& part, Outgoing* message, GraphError* error);
bool ReadContacts(const JsonArray& cards, Outgoing* message, GraphError* error);
bool ReadReaction(const JsonObject& part, Outgoing* message, GraphError* error);
bool ReadInteractive(const JsonObject& part, Outgoing* message, GraphError* error);
bool ReadTemplate(const JsonObject& part, Outgoing* message, GraphError* error);

inline constexpr size_t kMaxText = 4096;
inline constexpr size_t kMaxCaption = 1024;
inline constexpr size_t kMaxInteractiveBody = 1024;
inline constexpr size_t kMaxCallback = 512;
inline constexpr size_t kMaxReplyButtons = 3;
inline constexpr size_t kMaxRows = 10;

}  // namespace kabar::cloudsim
