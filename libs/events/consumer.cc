#include "libs/events/consumer.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.grpc.pb.h"
#include "libs/base/backoff.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/status.h"

namespace kabar::events {

struct Consumer::State {
  State(Options o, std::shared_ptr<grpc::Channel> channel, Prepare p, Sink& s)
      : options(std::move(o)),
        prepare(std::move(p)),
        sink(s),
        stub(v1::EventsService::NewStub(channel)),
        position_gauge(metrics::GetGauge("kabar_events_position_number",
                                         "The last event number applied.",
                                         {{"source", options.source}})),
        failures(metrics::GetCounter("kabar_events_consumer_failures_total",
                                     "Streams and batches that failed.",
                                     {{"source", options.source}})) {}

  void Run(const std::stop_token& stop);
  absl::Status FollowOnce(const std::stop_token& stop, bool& progress);
  absl::Status ApplyAll(const v1::ReadEventsResponse& response, const std::stop_token& stop);
  void SetPosition(int64_t number) {
    position = number;
    position_gauge.Set(static_cast<double>(number));
  }

  const Options options;
  const Prepare prepare;
  Sink& sink;
  const std::unique_ptr<v1::EventsService::Stub> stub;
  metrics::Gauge& position_gauge;
  metrics::Counter& failures;
  std::atomic<int64_t> position = 0;

  std::mutex mutex;
  std::condition_variable_any changed;  // notified by nothing but stops: pauses wait on it
  std::jthread thread;
};

namespace {

// Cancels a call when a read takes too long, or when the consumer stops: a half-open stream would
// else be read from for ever.
class Watch {
 public:
  Watch(grpc::ClientContext& context, absl::Duration silence, std::stop_token stop)
      : context_(context),
        silence_(silence),
        stop_callback_(std::move(stop), [this] { context_.TryCancel(); }),
        thread_([this](const std::stop_token& done) { Run(done); }) {}

  bool silent() const { return silent_; }

  // Around a read.
  void Begin() {
    const std::lock_guard lock(mutex_);
    deadline_ = absl::Now() + silence_;
    changed_.notify_all();
  }
  void End() {
    const std::lock_guard lock(mutex_);
    deadline_ = absl::InfiniteFuture();
  }

 private:
  void Run(const std::stop_token& done) {
    std::unique_lock lock(mutex_);
    while (!done.stop_requested()) {
      const absl::Time until = std::min(deadline_, absl::Now() + absl::Hours(1));
      changed_.wait_until(lock, done, absl::ToChronoTime(until), [&] { return deadline_ < until; });
      if (done.stop_requested() || absl::Now() < deadline_) continue;
      silent_ = true;
      context_.TryCancel();
      return;
    }
  }

  grpc::ClientContext& context_;
  const absl::Duration silence_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  absl::Time deadline_ = absl::InfiniteFuture();
  std::atomic<bool> silent_ = false;
  std::stop_callback<std::function<void()>> stop_callback_;
  std::jthread thread_;
};

}  // namespace

absl::Status Consumer::State::ApplyAll(const v1::ReadEventsResponse& response,
                                       const std::stop_token& stop) {
  std::vector<const v1::NumberedBatch*> batches;
  int64_t expected = position + 1;
  if (options.from_oldest && position == 0 && response.batches_size() > 0) {
    expected = response.batches(0).number();
  }
  for (const v1::NumberedBatch& batch : response.batches()) {
    if (batch.number() != expected) {
      return base::Error(absl::StatusCode::kDataLoss, "EVENTS_GAP",
                         absl::StrCat(options.source, " sent event number ", batch.number(),
                                      " where ", expected, " follows"));
    }
    batches.push_back(&batch);
    ++expected;
  }
  const auto size = static_cast<size_t>(std::max(1, options.max_batches));
  for (size_t i = 0; i < batches.size() && !stop.stop_requested(); i += size) {
    const auto part = absl::MakeConstSpan(batches).subspan(i, size);
    KABAR_RETURN_IF_ERROR(sink.Apply(part, absl::Now() + options.apply_timeout));
    SetPosition(part.back()->number());
  }
  return absl::OkStatus();
}

// One stream, from the stored position to its end. `progress`: the server answered.
absl::Status Consumer::State::FollowOnce(const std::stop_token& stop, bool& progress) {
  KABAR_ASSIGN_OR_RETURN(const int64_t stored, sink.Position(absl::Now() + options.apply_timeout));
  SetPosition(stored);
  grpc::ClientContext context;
  prepare(context);
  v1::ReadEventsRequest request;
  request.set_consumer(options.consumer);
  request.set_from_number(options.from_oldest && stored == 0 ? 0 : stored + 1);
  Watch watch(context, options.silence, stop);
  watch.Begin();
  const std::unique_ptr<grpc::ClientReader<v1::ReadEventsResponse>> reader =
      stub->ReadEvents(&context, request);
  v1::ReadEventsResponse response;
  absl::Status applied;
  while (applied.ok() && reader->Read(&response)) {
    watch.End();
    progress = true;
    applied = ApplyAll(response, stop);
    if (stop.stop_requested()) break;
    watch.Begin();
  }
  if (!applied.ok() || stop.stop_requested()) context.TryCancel();
  const absl::Status finished = rpc::ToAbsl(reader->Finish());
  if (!applied.ok()) return applied;
  if (!watch.silent()) return finished;
  return base::Error(absl::StatusCode::kUnavailable, "EVENTS_SILENT",
                     absl::StrCat(options.source, " gave no sign of life for ",
                                  absl::FormatDuration(options.silence)));
}

void Consumer::State::Run(const std::stop_token& stop) {
  base::Backoff backoff({.initial = options.min_backoff, .max = options.max_backoff});
  while (!stop.stop_requested()) {
    bool progress = false;
    const absl::Status status = FollowOnce(stop, progress);
    if (stop.stop_requested()) return;
    if (status.ok() && progress) {
      backoff.Reset();
      continue;  // the server ends streams now and then, to hear the position
    }
    if (!status.ok()) {
      failures.Increment();
      static log::Throttle throttle(absl::Seconds(5));
      log::Warn(throttle, "events are not being read; retrying",
                {{"source", options.source}, {"position", position.load()}, {"error", status}});
    }
    // A stream that worked for a while and then broke is tried again soon.
    if (progress) backoff.Reset();
    std::unique_lock lock(mutex);
    changed.wait_for(lock, stop, absl::ToChronoMicroseconds(backoff.Next()), [] { return false; });
  }
}

Consumer::Consumer(Options options, std::shared_ptr<grpc::Channel> channel, Prepare prepare,
                   Sink& sink)
    : state_(std::make_unique<State>(std::move(options), std::move(channel), std::move(prepare),
                                     sink)) {}

Consumer::~Consumer() { Stop(); }

void Consumer::Start() {
  state_->thread = std::jthread([this](const std::stop_token& stop) { state_->Run(stop); });
}

void Consumer::Stop() {
  if (!state_->thread.joinable()) return;
  state_->thread.request_stop();
  state_->thread.join();
}

int64_t Consumer::position() const { return state_->position; }

}  // namespace kabar::events
