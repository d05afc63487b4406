#include "libs/metrics/process_metrics.h"

#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace kabar::metrics {
namespace {

prometheus::MetricFamily Figure(const char* name, const char* help, prometheus::MetricType type,
                                double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  family.metric.push_back(std::move(metric));
  return family;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Resident pages stand second in /proc/self/statm.
bool ResidentBytes(double* bytes) {
  std::ifstream statm("/proc/self/statm");
  long long total = 0;
  long long resident = 0;
  if (!(statm >> total >> resident)) return false;
  *bytes = static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return true;
}

bool OpenFiles(double* count) {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return false;
  *count = -1;  // less the one that reading the folder takes
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (error) return false;
    *count += 1;
  }
  return true;
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    families.push_back(Figure("kabar_process_cpu_seconds_total",
                              "Processor time used by the process.", MetricType::Counter,
                              Seconds(usage.ru_utime) + Seconds(usage.ru_stime)));
    families.push_back(Figure("kabar_process_rss_peak_bytes",
                              "Largest resident memory of the process so far.", MetricType::Gauge,
                              static_cast<double>(usage.ru_maxrss) * 1024));
  }
  double value = 0;
  if (ResidentBytes(&value)) {
    families.push_back(Figure("kabar_process_rss_bytes", "Resident memory of the process.",
                              MetricType::Gauge, value));
  }
  if (OpenFiles(&value)) {
    families.push_back(Figure("kabar_process_open_fds", "Open file descriptors of the process.",
                              MetricType::Gauge, value));
  }
  return families;
}

}  // namespace kabar::metrics
