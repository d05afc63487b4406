// Turns customers' messages into answers: finds out whom one is from that answers no message of
// ours (contacts), reads what each says, and records it with its event in one transaction, each
// once.
//
// Thread safety: made, started and stopped by one thread; works in a thread of its own; Wake from
// any thread. Blocks: Stop until the batch at work is done. Errors: logged; everything is tried
// again.
#ifndef KABAR_SERVICES_TRIGGERS_ANSWER_LOOP_H_
#define KABAR_SERVICES_TRIGGERS_ANSWER_LOOP_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/base/clock.h"
#include "libs/events/consumer.h"
#include "services/triggers/answer.h"

namespace kabar::triggers {

class Peers;
class Store;

class AnswerLoop {
 public:
  struct Options {
    int batch = 200;
    absl::Duration lease = absl::Seconds(15);
    absl::Duration again = absl::Seconds(1);  // until what failed is tried again
    absl::Duration poll = absl::Milliseconds(500);
  };

  // All outlive the loop.
  AnswerLoop(Store& store, Peers& peers, base::Clock& clock, Options options)
      : store_(store), peers_(peers), clock_(clock), options_(options) {}
  ~AnswerLoop() { Stop(); }
  AnswerLoop(const AnswerLoop&) = delete;
  AnswerLoop& operator=(const AnswerLoop&) = delete;

  void Start();
  void Stop();
  void Wake() { wakeup_.Notify(); }

  // One batch; how many answers it took. For the loop and for tests.
  absl::StatusOr<int> RunOnce();

 private:
  void Run(std::stop_token stop);
  // Contact ids, "" where unknown.
  absl::StatusOr<std::vector<std::string>> FindContacts(absl::Span<const PendingAnswer> pending);
  absl::Status Settle(absl::Span<const PendingAnswer> pending);

  Store& store_;
  Peers& peers_;
  base::Clock& clock_;
  const Options options_;
  base::Wakeup wakeup_;
  std::jthread thread_;
};

// The sink, and after each batch that it has taken a word to the loop.
class WakingSink : public events::Sink {
 public:
  WakingSink(std::unique_ptr<events::Sink> sink, AnswerLoop& loop)
      : sink_(std::move(sink)), loop_(loop) {}

  absl::StatusOr<std::int64_t> Position(absl::Time deadline) override {
    return sink_->Position(deadline);
  }
  absl::Status Apply(absl::Span<const events::v1::NumberedBatch* const> batches,
                     absl::Time deadline) override {
    absl::Status applied = sink_->Apply(batches, deadline);
    if (applied.ok()) loop_.Wake();
    return applied;
  }

 private:
  const std::unique_ptr<events::Sink> sink_;
  AnswerLoop& loop_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_ANSWER_LOOP_H_
