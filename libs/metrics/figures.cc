#include "libs/metrics/figures.h"

#include <prometheus/collectable.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"
#include "libs/metrics/registry.h"

namespace kabar::metrics {
namespace {

// What all publishers of the process show now.
class Board : public prometheus::Collectable {
 public:
  void Put(const void* publisher, std::vector<Figure> figures) {
    std::lock_guard lock(mutex_);
    shown_[publisher] = std::move(figures);
  }
  void Remove(const void* publisher) {
    std::lock_guard lock(mutex_);
    shown_.erase(publisher);
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::map<std::string, prometheus::MetricFamily> families;
    std::lock_guard lock(mutex_);
    for (const auto& [publisher, figures] : shown_) {
      for (const Figure& figure : figures) {
        prometheus::MetricFamily& family = families[figure.name];
        family.name = figure.name;
        family.help = figure.help;
        family.type = prometheus::MetricType::Gauge;
        prometheus::ClientMetric metric;
        for (const auto& [key, value] : figure.labels) metric.label.push_back({key, value});
        metric.gauge.value =
            figure.since ? absl::ToDoubleSeconds(absl::Now() - *figure.since) : figure.value;
        family.metric.push_back(std::move(metric));
      }
    }
    std::vector<prometheus::MetricFamily> list;
    for (auto& [name, family] : families) list.push_back(std::move(family));
    return list;
  }

 private:
  mutable std::mutex mutex_;
  std::map<const void*, std::vector<Figure>> shown_;
};

const std::shared_ptr<Board>& TheBoard() {
  static auto* const board = new auto(std::make_shared<Board>());
  return *board;
}

void CheckOrDie(const Figure& figure) {
  absl::Status fault = CheckName(figure.name);
  if (fault.ok()) fault = CheckLabels(figure.labels);
  if (fault.ok()) return;
  std::fprintf(stderr, "kabar: metric %s: %s\n", figure.name.c_str(),
               std::string(fault.message()).c_str());
  std::abort();
}

}  // namespace

std::shared_ptr<prometheus::Collectable> FiguresBoard() { return TheBoard(); }

Figures::~Figures() { TheBoard()->Remove(this); }

void Figures::Publish(std::vector<Figure> figures) {
  for (const Figure& figure : figures) CheckOrDie(figure);
  TheBoard()->Put(this, std::move(figures));
}

}  // namespace kabar::metrics
