// Decides, request by request, which fault the scenario plays and how long an answer takes.
//
// A rule's draw depends on seed, rule, recipient and the how-manieth request for that recipient
// this is; so the same messages meet the same faults in whatever order they come. (A reset at
// connect, before any recipient is known, is drawn by the connection's number.)
// Not thread-safe (the loop's thread owns it), never blocks, no errors.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/scenario.h"

namespace kabar::cloudsim {

struct FaultContext {
  absl::string_view number;
  absl::string_view recipient;
  absl::string_view callback;
  absl::string_view message_kind;
  uint32_t attempt = 1;  // the recipient's how-manieth request on this number
  bool reused = false;
  int64_t now_us = 0;
};

class Faults {
 public:
  explicit Faults(uint64_t seed) : seed_(seed) {}

  // Counts and phases begin anew.
  void Load(std::vector<FaultRule> rules, const Latency& latency, int64_t now_us);

  // The rule to play, or null. Counts the request.
  const FaultRule* Decide(const FaultContext& context);

  bool ResetsConnection(uint64_t connection_id, int64_t now_us);

  int64_t LatencyUs(absl::string_view recipient, uint32_t attempt) const;
  bool has_latency() const { return latency_.kind != Latency::Kind::kNone; }

 private:
  struct Rule {
    FaultRule rule;
    int64_t played = 0;
  };
  bool InPhase(const Rule& rule, int64_t now_us) const;
  bool Matches(const Rule& rule, const FaultContext& context) const;
  bool Drawn(size_t index, double probability, uint64_t key, uint64_t attempt) const;

  const uint64_t seed_;
  std::vector<Rule> rules_;
  Latency latency_;
  int64_t loaded_us_ = 0;
  int64_t requests_ = 0;
};

}  // namespace kabar::cloudsim
