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

// What every Figures of the process has published (figures.h).
std::shared_ptr<prometheus::Collectable> FiguresBoard();

// The registry, those figures and the process's own; they live as long as the process.
const std::vector<std::shared_ptr<prometheus::Collectable>>& AllCollectables();

}  // namespace kabar::metrics
