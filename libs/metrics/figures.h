// Gauges that are known all at once and only by whoever looked: published as a whole, gone when
// their publisher is. (A gauge of metrics.h stays for the life of the process.) For what exactly
// one process of several may show, such as whoever holds a lock.
//
// Thread safety: safe for concurrent use. Blocks: for a short lock. Errors: a name or label against
// the rules of metrics.h ends the process with a sentence on stderr.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/metrics/metrics.h"

namespace kabar::metrics {

struct Figure {
  std::string name = {};
  std::string help = {};
  Labels labels = {};
  double value = 0;
  std::optional<absl::Time> since = {};  // instead of a value: the seconds since then, when asked
};

class Figures {
 public:
  Figures() = default;
  ~Figures();  // takes its figures away
  Figures(const Figures&) = delete;
  Figures& operator=(const Figures&) = delete;

  // In place of those published before: a series that is not among them is gone.
  void Publish(std::vector<Figure> figures);
};

}  // namespace kabar::metrics
