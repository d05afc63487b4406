// What the simulated WhatsApp consists of: tokens, business accounts, numbers, templates, limits,
// the webhook and special customers. Read from a JSON file (README.md describes it) or flags.
//
// Plain data. ParseSetup() is thread-safe and never blocks; it refuses the whole document with the
// path of the first wrong field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

struct NumberSetup {
  std::string id;
  std::string display_phone_number;
  std::string verified_name;
  std::string quality_rating = "GREEN";
  int throughput = 80;  // messages a second
};

struct TemplateSetup {
  std::string id;  // empty: derived from account, name and language
  std::string name;
  std::string language;
  std::string category = "UTILITY";
  std::string status = "APPROVED";
  std::string parameter_format = "POSITIONAL";
  std::string components_json;  // the array, as Meta writes it
};

struct AccountSetup {
  std::string id;
  std::string name;
  std::string portfolio;  // accounts of one portfolio share its messaging limit; empty: its own
  std::vector<NumberSetup> numbers;
  std::vector<TemplateSetup> templates;
};

struct TokenSetup {
  std::string token;
  std::vector<std::string> accounts;  // empty: all
};

struct WebhookSetup {
  std::string url;  // empty: no webhooks
  std::string app_secret;
  std::string verify_token;
  bool verify = false;  // perform the GET handshake at start
  int connections = 8;
  int timeout_ms = 10000;
  int retry_first_ms = 1000;
  int retry_max_ms = 60000;
  int64_t retry_for_s = 7 * 24 * 3600;
};

struct LimitSetup {
  double pair_interval_s = 6;
  int pair_burst = 1;  // 45 as in life; 1 so that tests judge the caller
  double window_hours = 24;
  bool enforce_window = true;
  bool throughput_counts_inbound = true;
  int64_t messaging_limit = 0;  // unique recipients of a portfolio in 24 h outside windows; 0: none
  int messaging_limit_code = 131048;
  double time_scale = 1;  // multiplies the pair and throughput windows
  int template_review_ms = 0;
};

struct CustomerSetup {
  std::string phone;
  std::string user_id;  // empty: derived from the phone
  std::string name;
  std::string username;
  bool on_whatsapp = true;
  bool hides_phone = false;  // webhooks carry the user id alone
  bool window_open = false;  // has just written to every number
};

struct Setup {
  std::vector<TokenSetup> tokens;
  std::vector<AccountSetup> accounts;
  WebhookSetup webhook;
  LimitSetup limits;
  std::vector<CustomerSetup> customers;
};

// Fields that the document does not name keep the value they have in `base`; lists are replaced.
absl::StatusOr<Setup> ParseSetup(absl::string_view json, Setup base = {});

// One account, one number, one token and the templates of a first try, for starting without a file.
Setup DefaultSetup();

}  // namespace kabar::cloudsim
