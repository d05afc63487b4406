// The control API under /_sim/ and /healthz: the record, figures, scenario, customers, reset.
//
// For tests and people, not for the suite's services. README.md lists the endpoints.
// Not thread-safe (the loop's thread). Blocks the loop while it answers: a page of the record costs
// about 2 us a line. Errors: {"error":"..."} with status 400 or 404.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/cloudsim/http_loop.h"
#include "tools/cloudsim/world.h"

namespace kabar::cloudsim {

class Control {
 public:
  explicit Control(World* world) : world_(world) {}

  void Handle(const RequestInfo& info, const HttpRequest& request);

 private:
  std::string Record(absl::string_view query) const;
  std::string RefusedLines(absl::string_view query) const;
  std::string Summary() const;
  std::string MaxInWindow(absl::string_view query) const;
  std::string UploadedMedia() const;
  std::string Quiet() const;
  absl::Status Scenario(absl::string_view body);
  absl::Status SetUp(absl::string_view body);
  absl::Status Inbound(absl::string_view body, std::string* reply);
  absl::Status Event(absl::string_view body);
  void Reset();

  World* const world_;
};

// The largest number of moments within any [t, t + window); `moments` gets sorted. `*at_us`: where.
int64_t MaxInWindow(std::vector<int64_t>* moments, int64_t window_us, int64_t* at_us);

}  // namespace kabar::cloudsim
