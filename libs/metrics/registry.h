// What /metrics shows, for this library's own files.
//
// Thread safety: any thread. Blocks: no. Errors: none.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <memory>
#include <vector>

namespace kabar::metrics {

const std::shared_ptr<prometheus::Registry>& ProcessRegistry();

// The registry and the process's own figures; they live as long as the process.
const std::vector<std::shared_ptr<prometheus::Collectable>>& AllCollectables();

}  // namespace kabar::metrics
