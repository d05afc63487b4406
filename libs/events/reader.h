// The reading end on the server's side: ReadEvents out of the outbox, and the trimming of rows that
// every consumer has passed.
//
// A handler needs three lines:
//   return rpc::ServeStream(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
//     return reader_.Stream(*request, call.stop, [&] { return call.Cancelled(); },
//                           [&](const auto& response) { return writer->Write(response); });
//   });
//
// A request says who reads and from which number; everything below is committed by that consumer,
// which is written to event_consumers. A stream ends by itself (OK) after `max_stream`, so that the
// consumer comes back with its new position, and when the database was lost for a moment. Trim
// deletes only below the slowest position, and only when every consumer in `required` has
// registered.
//
// Thread safety: safe for concurrent use. Blocks: Stream until the caller is gone, the stop, or
// max_stream. Errors: INVALID_ARGUMENT (no name, from_number < 1, or beyond what was ever
// numbered + 1), OUT_OF_RANGE (from_number was trimmed), those of pg::Transact.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::events::v1 {
class ReadEventsRequest;
class ReadEventsResponse;
}  // namespace kabar::events::v1
namespace kabar::pg {
class Pool;
}

namespace kabar::events {

struct WireBatch;

class Reader {
 public:
  struct Options {
    std::vector<std::string> required =
        {};                       // consumers that must have registered before any trimming
    int max_batches = 200;        // per response
    int64_t max_bytes = 1 << 20;  // per response, unless one batch alone is larger
    absl::Duration sign_of_life = absl::Seconds(3);
    absl::Duration max_stream = absl::Minutes(1);
    absl::Duration poll = absl::Seconds(1);  // looks for news by itself, should a NOTIFY be lost
    absl::Duration trim_every = absl::Seconds(30);
    int max_trim_rows = 5000;  // per statement
  };

  // `pool`'s schema holds the outbox. The pool outlives the reader.
  Reader(pg::Pool& pool, Options options);
  ~Reader();  // stops
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Starts and stops the trimming thread; streaming needs neither.
  void Start();
  void Stop();

  // `write` returns false when the caller is gone. What it gets is for the wire: its batches are
  // serialised already and seen by whoever parses it.
  absl::Status Stream(const v1::ReadEventsRequest& request, std::stop_token stop,
                      absl::FunctionRef<bool()> cancelled,
                      absl::FunctionRef<bool(const v1::ReadEventsResponse&)> write);

  // Batches from_number, from_number + 1, ... that are there now; perhaps none.
  absl::Status Read(int64_t from_number, absl::Time deadline, v1::ReadEventsResponse* response);

  // Deletes up to max_trim_rows rows that every consumer has committed; how many.
  absl::StatusOr<int64_t> Trim(absl::Time deadline);

  // A consumer that will never come back no longer holds rows.
  absl::Status Deregister(absl::string_view consumer, absl::Time deadline);

 private:
  absl::Status ReadPage(int64_t from_number, absl::Time deadline, std::vector<WireBatch>* page);
  // The same, out of memory where another stream has just read it. `seen`: only newer news can
  // bring more; 0 when there is more already.
  absl::Status ReadShared(int64_t from_number, absl::Time deadline, std::vector<WireBatch>* page,
                          uint64_t* seen);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::events
