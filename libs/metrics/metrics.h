// The process's metrics: one registry, served as /metrics in Prometheus' text form.
//
//   metrics::Counter& sent = metrics::GetCounter("kabar_dispatcher_sent_total", "Messages taken by
//       the provider.", {{"sender", sender}});
//   sent.Increment();
//
// Get* find or make a series: keep the reference (it lives as long as the process) rather than
// asking again on a hot path. Names are kabar_<service>_<what>_<unit>; label keys never carry
// message, contact, campaign or run ids, phones or texts, because each value is a series for ever.
//
// Thread safety: everything from any thread. Blocks: Get* for a short lock; incrementing never.
// Errors: a name or label against the rules, or one name with two types, is a fault of the program
// and ends the process with a sentence on stderr; CheckName and CheckLabels say it without that.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace prometheus {
class Registry;
}

namespace kabar::metrics {

using Counter = prometheus::Counter;
using Gauge = prometheus::Gauge;
using Histogram = prometheus::Histogram;
using Labels = std::map<std::string, std::string>;

Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
// Every series of one name has the buckets of the first.
Histogram& GetHistogram(const std::string& name, const std::string& help,
                        const Labels& labels = {});
Histogram& GetHistogram(const std::string& name, const std::string& help, const Labels& labels,
                        const std::vector<double>& buckets);

// Seconds, 0.5 ms to 30 s, for what a person or a provider waits for.
const std::vector<double>& LatencyBuckets();
// Counts, 1 to 1,000, for batches.
const std::vector<double>& SizeBuckets();

absl::Status CheckName(absl::string_view name);
absl::Status CheckLabels(const Labels& labels);

// All series in Prometheus' text form, the process's own (kabar_process_*) included.
std::string RenderText();

}  // namespace kabar::metrics
