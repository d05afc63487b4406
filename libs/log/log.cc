#include "libs/log/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <memory>

#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/log/line.h"

namespace kabar::log {
namespace {

struct State {
  std::string service;
  std::atomic<Level> level{Level::kInfo};
  std::atomic<LineSink> sink{nullptr};
  std::shared_ptr<spdlog::logger> stderr_logger;

  State() {
    auto sink_to_stderr = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink_to_stderr->set_pattern("%v");
    stderr_logger = std::make_shared<spdlog::logger>("kabar", std::move(sink_to_stderr));
    stderr_logger->set_level(spdlog::level::trace);
    // A full disk or a closed pipe behind stderr must not bring the service down.
    stderr_logger->set_error_handler([](const std::string&) {});
  }
};

// Never destroyed: threads that outlive main may still log.
State& GetState() {
  static State* const state = new State;
  return *state;
}

std::vector<ScopeField>& ThreadScope() {
  thread_local std::vector<ScopeField> scope;
  return scope;
}

void WriteFields(Level level, absl::string_view message, const Field* fields, std::size_t count) {
  if (!Enabled(level)) return;
  State& state = GetState();
  std::string line =
      RenderLine(absl::Now(), level, state.service, message, ThreadScope(), fields, count);
  if (LineSink sink = state.sink.load()) {
    sink(line);
    return;
  }
  state.stderr_logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

void WriteThrottled(Level level, Throttle& throttle, absl::string_view message, FieldList fields) {
  if (!Enabled(level)) return;
  std::int64_t suppressed = 0;
  if (!throttle.Admit(base::SystemClock().BoottimeMicros(), &suppressed)) return;
  std::vector<Field> all(fields);
  if (suppressed > 0) all.emplace_back("suppressed", suppressed);
  WriteFields(level, message, all.data(), all.size());
}

}  // namespace

void Init(const Options& options) {
  GetState().service = options.service;
  SetLevel(options.level);
}

void SetLevel(Level level) { GetState().level.store(level, std::memory_order_relaxed); }

Level CurrentLevel() { return GetState().level.load(std::memory_order_relaxed); }

bool Enabled(Level level) { return level >= CurrentLevel(); }

void SetLineSink(LineSink sink) { GetState().sink.store(sink); }

void Debug(absl::string_view message, FieldList fields) {
  WriteFields(Level::kDebug, message, fields.begin(), fields.size());
}
void Info(absl::string_view message, FieldList fields) {
  WriteFields(Level::kInfo, message, fields.begin(), fields.size());
}
void Warn(absl::string_view message, FieldList fields) {
  WriteFields(Level::kWarn, message, fields.begin(), fields.size());
}
void Error(absl::string_view message, FieldList fields) {
  WriteFields(Level::kError, message, fields.begin(), fields.size());
}

void Write(Level level, absl::string_view message, const std::vector<Field>& fields) {
  WriteFields(level, message, fields.data(), fields.size());
}

bool Throttle::Admit(std::int64_t boottime_micros, std::int64_t* suppressed) {
  std::lock_guard lock(mutex_);
  if (started_ && boottime_micros < next_) {
    ++suppressed_;
    return false;
  }
  started_ = true;
  next_ = boottime_micros + absl::ToInt64Microseconds(interval_);
  *suppressed = suppressed_;
  suppressed_ = 0;
  return true;
}

void Info(Throttle& throttle, absl::string_view message, FieldList fields) {
  WriteThrottled(Level::kInfo, throttle, message, fields);
}
void Warn(Throttle& throttle, absl::string_view message, FieldList fields) {
  WriteThrottled(Level::kWarn, throttle, message, fields);
}
void Error(Throttle& throttle, absl::string_view message, FieldList fields) {
  WriteThrottled(Level::kError, throttle, message, fields);
}

Scope::Scope(FieldList fields) : previous_size_(ThreadScope().size()) {
  for (const Field& field : fields) {
    ThreadScope().push_back({std::string(field.key), RenderValue(field)});
  }
}

Scope::~Scope() { ThreadScope().resize(previous_size_); }

}  // namespace kabar::log
