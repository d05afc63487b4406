// The reading end on the client's side: one thread that follows a source's events and hands them,
// in order and each once, to the service.
//
//   events::Consumer consumer({.source = "dispatcher", .consumer = "analytics"},
//                             rpc::MakeChannel(config.dispatcher_address),
//                             [&](grpc::ClientContext& context) { caller.Prepare(context, ...); },
//                             store);
//
// The sink keeps its position in the transaction of its effects (position.h). After every failure
// the position is loaded anew and the stream opened from there, so a batch is neither skipped nor
// applied twice, whatever died in between. A stream without a sign of life for `silence` is cut.
//
// Thread safety: Start and Stop from one thread. Blocks: Stop until the batch at work is done.
// Errors: logged (without payload), retried with backoff; a sink that refuses a batch stops the
// consumer at that batch, visibly (lag), until it accepts it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc
namespace kabar::events::v1 {
class NumberedBatch;
}
namespace kabar::pg {
class Pool;
class Transaction;
}  // namespace kabar::pg

namespace kabar::events {

// Where the events go: a service's store.
class Sink {
 public:
  virtual ~Sink() = default;
  // The last number applied; 0 at first.
  virtual absl::StatusOr<int64_t> Position(absl::Time deadline) = 0;
  // Consecutive batches. All their effects and the new position, or nothing.
  virtual absl::Status Apply(absl::Span<const v1::NumberedBatch* const> batches,
                             absl::Time deadline) = 0;
};

// A sink out of one function that writes the effects; position and transaction are taken care of.
using ApplyFunction =
    std::function<absl::Status(pg::Transaction&, absl::Span<const v1::NumberedBatch* const>)>;
std::unique_ptr<Sink> MakePgSink(pg::Pool& pool, std::string source, ApplyFunction apply,
                                 bool from_oldest = false);

class Consumer {
 public:
  struct Options {
    std::string source;         // "dispatcher": for logs and metrics
    std::string consumer = "";  // "analytics": the name it registers under
    // At first from the oldest event that the source has left, not from the first of all: for a
    // consumer that was added when others had read some already. The sink must do the same.
    bool from_oldest = false;
    int max_batches = 100;  // handed to the sink at once when behind
    absl::Duration apply_timeout = absl::Seconds(30);
    absl::Duration silence = absl::Seconds(10);
    absl::Duration min_backoff = absl::Milliseconds(50);
    absl::Duration max_backoff = absl::Seconds(5);
  };
  using Prepare = std::function<void(grpc::ClientContext&)>;  // adds credentials; no deadline

  // `sink` outlives the consumer.
  Consumer(Options options, std::shared_ptr<grpc::Channel> channel, Prepare prepare, Sink& sink);
  ~Consumer();  // stops
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  void Start();
  void Stop();

  // The last number applied, as far as this process knows.
  int64_t position() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::events
