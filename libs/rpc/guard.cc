#include "libs/rpc/guard.h"

#include <grpcpp/server_context.h>

#include <exception>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/status.h"

namespace kabar::rpc {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr char kOutlet[] = "x-kabar-outlet";
constexpr char kRequestId[] = "x-kabar-request-id";

absl::string_view Metadata(const grpc::ServerContext& context, const char* name) {
  auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return {};
  return absl::string_view(found->second.data(), found->second.size());
}

// What a caller sent goes into our logs only if it looks like an id.
bool IsPlainId(absl::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  for (char c : id) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') {
      return false;
    }
  }
  return true;
}

absl::StatusOr<Identity> Authenticate(const grpc::ServerContext& context, const KeyFile& keys) {
  absl::string_view key = Metadata(context, kAuthorization);
  if (!absl::ConsumePrefix(&key, "Bearer ") || key.empty()) {
    return base::Error(absl::StatusCode::kUnauthenticated, "API_KEY_MISSING",
                       "no API key; send the metadata \"authorization: Bearer <key>\"");
  }
  std::optional<Identity> identity = keys.Find(key);
  if (!identity.has_value()) {
    return base::Error(absl::StatusCode::kUnauthenticated, "API_KEY_UNKNOWN",
                       "the API key is not in the key file");
  }
  return *std::move(identity);
}

absl::string_view AccessName(Access access) {
  switch (access) {
    case Access::kRead:
      return "VIEWER";
    case Access::kWrite:
      return "OPERATOR";
    case Access::kOwner:
      return "OWNER";
    case Access::kService:
      return "SERVICE";
  }
  return "";
}

// Which outlet the call is for, if the identity may make it at all.
absl::StatusOr<std::string> Authorize(const Identity& identity, Access access,
                                      absl::string_view named_outlet) {
  if (!Allows(identity.role, access)) {
    return base::WithMeta(base::Error(absl::StatusCode::kPermissionDenied, "ROLE_TOO_LOW",
                                      absl::StrCat("key \"", identity.key_name, "\" has role ",
                                                   RoleName(identity.role), "; this method needs ",
                                                   AccessName(access))),
                          "needed_role", AccessName(access));
  }
  // The outlet follows from the key; only a service key that belongs to none may name one.
  if (!identity.outlet.empty()) {
    if (!named_outlet.empty() && named_outlet != identity.outlet) {
      return base::Error(absl::StatusCode::kPermissionDenied, "OUTLET_NOT_YOURS",
                         absl::StrCat("key \"", identity.key_name,
                                      "\" does not belong to the outlet named in ", kOutlet));
    }
    return identity.outlet;
  }
  if (named_outlet.empty() && access != Access::kService) {
    return base::Error(
        absl::StatusCode::kInvalidArgument, "OUTLET_MISSING",
        absl::StrCat("a service key names the outlet it acts for in the metadata ", kOutlet));
  }
  return std::string(named_outlet);
}

// Places for calls at work. A caller waits for one no longer than its deadline, and only so many
// wait at once: a longer queue would only make everyone late.
class Places {
 public:
  Places(int free, int max_waiting) : max_waiting_(max_waiting), free_(free) {}

  bool Take(absl::Time deadline) {
    absl::MutexLock lock(&mutex_);
    if (free_ == 0) {
      if (waiting_ >= max_waiting_) return false;
      ++waiting_;
      auto has_place = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return free_ > 0; };
      const bool got = mutex_.AwaitWithDeadline(absl::Condition(&has_place), deadline);
      --waiting_;
      if (!got) return false;
    }
    --free_;
    return true;
  }

  void GiveBack() {
    absl::MutexLock lock(&mutex_);
    ++free_;
  }

 private:
  const int max_waiting_;
  absl::Mutex mutex_;
  int free_ ABSL_GUARDED_BY(mutex_);
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::Status Run(const Call& call, absl::FunctionRef<absl::Status(const Call&)> body) {
  try {
    return body(call);
  } catch (const std::exception& error) {
    log::Error("an exception reached the handler's edge", {{"what", error.what()}});
  } catch (...) {
    log::Error("an exception reached the handler's edge", {{"what", "not a std::exception"}});
  }
  return base::Error(
      absl::StatusCode::kInternal, "INTERNAL_ERROR",
      absl::StrCat("internal error; the log has it under request id ", call.request_id));
}

// Faults of ours are told in full; a refusal's message may quote the request, so that only its
// reason is logged.
void LogEnd(const char* method, bool quiet, const absl::Status& status, absl::Duration took) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      if (quiet) {
        log::Debug("rpc", {{"method", method}, {"took", took}});
      } else {
        log::Info("rpc", {{"method", method}, {"took", took}});
      }
      return;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnavailable:
      log::Error("rpc failed", {{"method", method}, {"took", took}, {"error", status}});
      return;
    default:
      log::Warn("rpc refused", {{"method", method},
                                {"took", took},
                                {"code", absl::StatusCodeToString(status.code())},
                                {"reason", base::GetReason(status)}});
  }
}

}  // namespace

bool Call::Cancelled() const {
  return stop.stop_requested() || absl::Now() >= deadline ||
         (context != nullptr && context->IsCancelled());
}

struct Guard::State {
  State(Options guard_options, const KeyFile& key_file)
      : options(std::move(guard_options)),
        keys(key_file),
        calls(options.max_calls, options.max_waiting),
        streams(options.max_streams, 0) {}

  absl::Status Admit(const grpc::ServerContext& context, Access access, Call& call) const {
    KABAR_ASSIGN_OR_RETURN(Identity identity, Authenticate(context, keys));
    KABAR_ASSIGN_OR_RETURN(call.outlet, Authorize(identity, access, Metadata(context, kOutlet)));
    call.role = identity.role;
    call.key_name = std::move(identity.key_name);
    if (call.deadline <= absl::Now()) {
      return base::Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                         "the deadline had passed when the call arrived");
    }
    return absl::OkStatus();
  }

  void Observe(const char* method, const absl::Status& status, absl::Duration took) const {
    metrics::GetHistogram(absl::StrCat("kabar_", options.service, "_rpc_duration_seconds"),
                          "How long calls took, waiting for a place included.",
                          {{"method", method}, {"code", absl::StatusCodeToString(status.code())}},
                          metrics::LatencyBuckets())
        .Observe(absl::ToDoubleSeconds(took));
  }

  Options options;
  const KeyFile& keys;
  Places calls;
  Places streams;
  std::stop_source stop;
};

Guard::Guard(Options options, const KeyFile& keys)
    : state_(std::make_unique<State>(std::move(options), keys)) {}
Guard::~Guard() = default;

void Guard::StopStreams() { state_->stop.request_stop(); }

grpc::Status Guard::Handle(grpc::ServerContext* context, Access access, bool stream,
                           absl::FunctionRef<absl::Status(const Call&)> body, const char* method) {
  const absl::Time start = absl::Now();
  Call call;
  call.context = context;
  call.stop = state_->stop.get_token();
  const absl::string_view sent_id = Metadata(*context, kRequestId);
  call.request_id = IsPlainId(sent_id) ? std::string(sent_id) : base::NewId("req");
  context->AddTrailingMetadata(kRequestId, call.request_id);
  const auto deadline = context->deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    call.deadline = absl::FromChrono(deadline);
  } else if (!stream) {
    call.deadline = start + state_->options.default_timeout;
  }

  absl::Status status = state_->Admit(*context, access, call);
  log::Scope scope(
      {{"request_id", call.request_id}, {"outlet", call.outlet}, {"caller", call.key_name}});
  if (status.ok()) status = Work(call, stream, body, method);
  const absl::Duration took = absl::Now() - start;
  state_->Observe(method, status, took);
  LogEnd(method, access == Access::kRead || access == Access::kService, status, took);
  return ToGrpc(status);
}

absl::Status Guard::Work(const Call& call, bool stream,
                         absl::FunctionRef<absl::Status(const Call&)> body, const char* method) {
  if (stream && call.stop.stop_requested()) {
    return base::Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                       "the server is shutting down; connect again");
  }
  Places& places = stream ? state_->streams : state_->calls;
  if (!places.Take(call.deadline)) {
    return base::Error(
        absl::StatusCode::kResourceExhausted, "SERVER_BUSY",
        absl::StrCat("all ", stream ? state_->options.max_streams : state_->options.max_calls,
                     " places of kabar-", state_->options.service,
                     " are taken; try again with backoff"));
  }
  metrics::Gauge* open = nullptr;
  if (stream) {
    open = &metrics::GetGauge(absl::StrCat("kabar_", state_->options.service, "_rpc_streams"),
                              "Open streams.", {{"method", method}});
    open->Increment();
  }
  absl::Status status = Run(call, body);
  if (open != nullptr) open->Decrement();
  places.GiveBack();
  return status;
}

grpc::Status Serve(grpc::ServerContext* context, Guard& guard, Access access,
                   absl::FunctionRef<absl::Status(const Call&)> body, const char* method) {
  return guard.Handle(context, access, /*stream=*/false, body, method);
}

grpc::Status ServeStream(grpc::ServerContext* context, Guard& guard, Access access,
                         absl::FunctionRef<absl::Status(const Call&)> body, const char* method) {
  return guard.Handle(context, access, /*stream=*/true, body, method);
}

}  // namespace kabar::rpc
