// Logs: one JSON object a line on stderr.
//
//   log::Init({.service = "contacts"});
//   log::Scope scope({{"request_id", id}});        // on every line of this thread until it ends
//   log::Info("campaign started", {{"campaign", id}, {"asked", 2000}});
//   static log::Throttle throttle(absl::Seconds(10));
//   log::Warn(throttle, "redis unreachable", {{"error", status}});
//
// {"ts":"2026-11-21T01:02:03.000004Z","level":"info","service":"contacts","msg":"campaign started",
//  "request_id":"...","campaign":"...","asked":2000}
//
// No personal data and no secrets: the value of a field whose key has the word token, secret,
// phone, text, key, password, body, name, address or recipient in it (words are parted by _ . or -)
// is written as "[redacted]", unless the key ends in id, count, bytes, file or path. Messages are
// constants; what varies goes into fields.
//
// Thread safety: everything but Init may be called from any thread; a Scope stays on its thread.
// Blocks: for the write to stderr. Errors: none; a line that cannot be written is lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// debug, info, warn, error; false for anything else.
bool ParseLevel(absl::string_view text, Level* level);

// What a field may hold. Text given as a view must outlive the call that logs it. Plain members
// instead of std::variant: inlined, GCC 12 takes the variant for uninitialised memory.
class Value {
 public:
  Value(bool value) : kind_(Kind::kBool), signed_(value ? 1 : 0) {}
  template <typename T,
            std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Value(T value) {
    if constexpr (std::is_signed_v<T>) {
      kind_ = Kind::kSigned;
      signed_ = value;
    } else {
      kind_ = Kind::kUnsigned;
      unsigned_ = value;
    }
  }
  Value(double value) : kind_(Kind::kReal), real_(value) {}
  Value(const char* value) : view_(value) {}
  Value(absl::string_view value) : view_(value) {}
  Value(const std::string& value) : view_(value) {}
  Value(absl::Duration value);       // "1.5s"
  Value(absl::Time value);           // RFC 3339, UTC
  Value(const absl::Status& value);  // "UNAVAILABLE: message [REASON]"

 private:
  friend std::string FormatValue(const Value& value);

  enum class Kind { kBool, kSigned, kUnsigned, kReal, kView, kOwned };

  Kind kind_ = Kind::kView;
  std::int64_t signed_ = 0;
  std::uint64_t unsigned_ = 0;
  double real_ = 0;
  absl::string_view view_;
  std::string owned_;
};

struct Field {
  Field(absl::string_view field_key, Value field_value)
      : key(field_key), value(std::move(field_value)) {}

  absl::string_view key;
  Value value;
};

using FieldList = std::initializer_list<Field>;

struct Options {
  std::string service;
  Level level = Level::kInfo;
};

// Once, before other threads start. Lines written before it bear an empty service name.
void Init(const Options& options);
void SetLevel(Level level);
bool Enabled(Level level);

void Debug(absl::string_view message, FieldList fields = {});
void Info(absl::string_view message, FieldList fields = {});
void Warn(absl::string_view message, FieldList fields = {});
void Error(absl::string_view message, FieldList fields = {});

// For fields that are known only at run time, such as config::Parser::Values().
void Write(Level level, absl::string_view message, const std::vector<Field>& fields);

// Lets one line pass per interval and counts the rest; the next line that passes says how many
// were left out ("suppressed"). Make it static beside the call.
class Throttle {
 public:
  explicit Throttle(absl::Duration interval) : interval_(interval) {}

  // True if a line may pass at `boottime_micros`; then `suppressed` tells how many did not.
  bool Admit(std::int64_t boottime_micros, std::int64_t* suppressed);

 private:
  const absl::Duration interval_;
  std::mutex mutex_;
  bool started_ = false;
  std::int64_t next_ = 0;
  std::int64_t suppressed_ = 0;
};

void Info(Throttle& throttle, absl::string_view message, FieldList fields = {});
void Warn(Throttle& throttle, absl::string_view message, FieldList fields = {});
void Error(Throttle& throttle, absl::string_view message, FieldList fields = {});

// Fields on every line of this thread while the scope lives. Inner scopes and a line's own fields
// win over outer ones of the same key.
class Scope {
 public:
  explicit Scope(FieldList fields);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::size_t previous_size_;
};

// True if a field of this key is written as "[redacted]".
bool IsRedactedKey(absl::string_view key);

}  // namespace kabar::log
