// Keeps the suppression table from contacts' consent changes, and notes whom they erased (the
// dispatcher's own copy: claims ask it, so it must be in the same database).
//
// Thread safety, blocking, errors: events::Sink.
#pragma once

#include <memory>

#include "libs/events/consumer.h"

namespace kabar::pg {
class Pool;
}

namespace kabar::dispatcher {

std::unique_ptr<events::Sink> MakeConsentSink(pg::Pool& pool);

}  // namespace kabar::dispatcher
