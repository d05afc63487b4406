#include "libs/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/metrics/process_metrics.h"
#include "libs/metrics/registry.h"

namespace kabar::metrics {
namespace {

constexpr absl::string_view kForbiddenWords[] = {
    "message", "contact", "campaign", "run",       "shipment", "subject", "request",
    "phone",   "wamid",   "bsuid",    "recipient", "text",     "token",   "secret"};

bool IsLower(char c) { return absl::ascii_islower(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

[[noreturn]] void Die(absl::string_view name, absl::string_view fault) {
  std::string sentence = absl::StrCat("kabar: metric ", name, ": ", fault, "\n");
  std::fputs(sentence.c_str(), stderr);
  std::abort();
}

void CheckOrDie(const std::string& name, const Labels& labels) {
  if (absl::Status status = CheckName(name); !status.ok()) Die(name, status.message());
  if (absl::Status status = CheckLabels(labels); !status.ok()) Die(name, status.message());
}

// prometheus-cpp throws where one name is used for two types.
template <typename Builder, typename... Extra>
auto& GetSeries(Builder builder, const std::string& name, const std::string& help,
                const Labels& labels, const Extra&... extra) {
  CheckOrDie(name, labels);
  try {
    return builder.Name(name).Help(help).Register(*ProcessRegistry()).Add(labels, extra...);
  } catch (const std::exception& fault) {
    Die(name, fault.what());
  }
}

}  // namespace

const std::shared_ptr<prometheus::Registry>& ProcessRegistry() {
  static auto* const registry = new auto(std::make_shared<prometheus::Registry>());
  return *registry;
}

const std::vector<std::shared_ptr<prometheus::Collectable>>& AllCollectables() {
  static auto* const collectables = new std::vector<std::shared_ptr<prometheus::Collectable>>{
      ProcessRegistry(), FiguresBoard(), std::make_shared<ProcessMetrics>()};
  return *collectables;
}

absl::Status CheckName(absl::string_view name) {
  std::vector<absl::string_view> words = absl::StrSplit(name, '_');
  bool good = words.size() >= 3 && words[0] == "kabar";
  for (std::size_t i = 1; i < words.size(); ++i) {
    good = good && !words[i].empty();
    // The service's name is letters only; what follows may have digits (p99, 24h).
    for (char c : words[i]) good = good && (IsLower(c) || (i > 1 && IsDigit(c)));
  }
  if (good) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "INVALID_METRIC_NAME",
                     absl::StrCat("\"", name,
                                  "\" is no metric name; expected kabar_<service>_<what>_<unit> in "
                                  "lower case"));
}

absl::Status CheckLabels(const Labels& labels) {
  for (const auto& [key, value] : labels) {
    for (absl::string_view word : absl::StrSplit(absl::AsciiStrToLower(key), '_')) {
      for (absl::string_view forbidden : kForbiddenWords) {
        if (word != forbidden) continue;
        return base::Error(
            absl::StatusCode::kInvalidArgument, "INVALID_METRIC_LABEL",
            absl::StrCat("label \"", key, "\": \"", forbidden,
                         "\" in a label would make a series for each one, or show personal data; "
                         "log it instead"));
      }
    }
  }
  return absl::OkStatus();
}

Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels) {
  return GetSeries(prometheus::BuildCounter(), name, help, labels);
}

Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels) {
  return GetSeries(prometheus::BuildGauge(), name, help, labels);
}

Histogram& GetHistogram(const std::string& name, const std::string& help, const Labels& labels) {
  return GetHistogram(name, help, labels, LatencyBuckets());
}

Histogram& GetHistogram(const std::string& name, const std::string& help, const Labels& labels,
                        const std::vector<double>& buckets) {
  return GetSeries(prometheus::BuildHistogram(), name, help, labels, buckets);
}

const std::vector<double>& LatencyBuckets() {
  static const auto* const buckets = new std::vector<double>{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  return *buckets;
}

const std::vector<double>& SizeBuckets() {
  static const auto* const buckets =
      new std::vector<double>{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
  return *buckets;
}

std::string RenderText() {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& collectable : AllCollectables()) {
    std::vector<prometheus::MetricFamily> some = collectable->Collect();
    families.insert(families.end(), std::make_move_iterator(some.begin()),
                    std::make_move_iterator(some.end()));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace kabar::metrics
