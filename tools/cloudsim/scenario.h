// What the simulated WhatsApp does besides working: latency, faults, statuses, customers.
//
// Plain data, read from JSON (README.md describes it) at start or through POST /_sim/scenario.
// ParseScenario() is thread-safe and never blocks; it refuses a document whole, with the path of
// the first wrong field.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

enum class FaultKind : uint8_t {
  kNone,
  // Before the message is accepted.
  kError,          // a Graph error by code
  kHttp,           // an HTTP status without a Graph error, e.g. a 5xx phase
  kTimeoutBefore,  // never answers, never accepts
  kCloseBefore,
  kResetBefore,
  kResetOnConnect,  // the new connection is reset before anything is read
  // After the message was accepted: the caller cannot know.
  kTimeoutAfter,     // accepts, never answers
  kCloseAfter,       // accepts, closes instead of answering
  kBadGatewayAfter,  // accepts, answers 502
  kResetAfter,       // accepts, resets
};
inline constexpr int kFaultKinds = static_cast<int>(FaultKind::kResetAfter) + 1;

absl::string_view FaultName(FaultKind kind);
inline bool IsAfterAccept(FaultKind kind) { return kind >= FaultKind::kTimeoutAfter; }

struct FaultRule {
  FaultKind kind = FaultKind::kNone;
  int code = 0;      // kError
  int status = 0;    // kHttp; kError: replaces the code's own
  std::string body;  // kHttp
  double probability = 1;
  std::set<std::string> recipients;  // empty: any
  std::set<std::string> numbers;     // phone number ids; empty: any
  std::set<std::string> message_kinds;
  std::string callback_prefix;
  int first_attempts = 0;    // only the first N requests for a recipient; 0: all
  bool only_reused = false;  // only on a connection that has answered before
  std::pair<double, double> phase_s = {0, 1e18};  // seconds since the scenario came into force
  std::pair<int64_t, int64_t> requests = {0, INT64_MAX};  // [from, to) by count since then
  int64_t max_times = INT64_MAX;
};

struct Latency {
  enum class Kind : uint8_t { kNone, kFixed, kUniform, kExponential, kLogNormal };
  Kind kind = Kind::kNone;
  double ms = 0;  // fixed: the value; exponential: the mean; log-normal: the median
  double min_ms = 0;
  double max_ms = 0;  // uniform: the bound; others: a cut, 0 none
  double sigma = 0.5;
};

struct StatusPlan {
  bool enabled = true;
  std::pair<double, double> sent_ms = {50, 200};
  std::pair<double, double> delivered_ms = {200, 1500};
  std::pair<double, double> read_ms = {1000, 20000};
  double delivered = 0.97;  // of those not failed
  double read = 0.7;        // of those delivered
  double failed = 0;
  std::vector<int> failed_codes = {131026};
  double read_at_once = 0;  // of those read: `delivered` is never sent
  double duplicate = 0;     // of all statuses: delivered twice
  double missing = 0;       // of all statuses: never delivered
  double late = 0;
  std::pair<double, double> late_ms = {5000, 30000};
  double reorder = 0;  // of pairs of neighbours: swapped
  int batch = 1;       // statuses of one number in one POST, at most
};

struct CustomerPlan {
  double answer = 0;  // of messages delivered
  double yes = 0.6;   // shares of answers; the rest is "other"
  double no = 0.3;
  double stop = 0;
  double text_form = 1;  // weights of the three forms; a form the message has no button for: text
  double button_form = 1;
  double interactive_form = 1;
  double context = 0.9;  // of typed answers; a button always carries it
  std::pair<double, double> delay_ms = {2000, 30000};  // after delivery
  int max_answers = 1;                                 // a customer, to one number
  std::vector<std::string> yes_texts = {"YA", "Ya", "ya"};
  std::vector<std::string> no_texts = {"TIDAK", "Tidak", "tidak"};
  std::vector<std::string> other_texts = {"Kapan sampai ya kak?", "Terima kasih", "Sebentar"};
  std::vector<std::string> stop_texts = {"STOP", "BERHENTI"};
};

struct Scenario {
  Latency latency;
  std::vector<FaultRule> faults;  // the first that matches is played
  StatusPlan statuses;
  CustomerPlan customers;
  // Refusals told in life by a `failed` status after a 200: these codes are told that way.
  std::set<int> late_errors;
};

absl::StatusOr<Scenario> ParseScenario(absl::string_view json);

}  // namespace kabar::cloudsim
