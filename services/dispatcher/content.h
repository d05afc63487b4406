// What a message says, in the form in which WhatsApp takes it: the free text with its header,
// footer and buttons, or the provider template with the same.
//
// Thread safety: pure functions. Nothing blocks. Errors: none; what breaks a limit of WhatsApp's is
// for whatsapp::ValidateMessage to say.
#pragma once

#include "libs/whatsapp/payload.h"
#include "services/dispatcher/message.h"

namespace kabar::dispatcher {

// A message that as free text could not have its header (a place), or would be too long for its
// medium or buttons, goes as provider template even where a free text might.
bool NeedsForm(const StartedMessage& message);

whatsapp::Content FreeContent(const StartedMessage& message);
whatsapp::Template FormContent(const StartedMessage& message);

}  // namespace kabar::dispatcher
