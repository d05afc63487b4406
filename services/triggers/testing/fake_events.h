// A stream of events as triggers reads it: real gRPC, plain memory.
//
// Thread safety: safe for concurrent use. Blocks: ReadEvents until the caller is gone. Errors:
// none.
#ifndef KABAR_SERVICES_TRIGGERS_TESTING_FAKE_EVENTS_H_
#define KABAR_SERVICES_TRIGGERS_TESTING_FAKE_EVENTS_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kabar/events/v1/events.grpc.pb.h"
#include "libs/rpc/guard.h"

namespace kabar::triggers::testing {

// The dispatcher's events: what a test appends, to every reader from any number on.
class FakeEvents : public events::v1::EventsService::Service {
 public:
  explicit FakeEvents(rpc::Guard& guard) : guard_(guard) {}

  void Append(events::v1::EventBatch batch) {
    const std::lock_guard lock(mutex_);
    batches_.push_back(std::move(batch));
    changed_.notify_all();
  }

  grpc::Status ReadEvents(grpc::ServerContext* context,
                          const events::v1::ReadEventsRequest* request,
                          grpc::ServerWriter<events::v1::ReadEventsResponse>* writer) override {
    return rpc::ServeStream(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
      std::int64_t next = request->from_number();
      std::unique_lock lock(mutex_);
      while (!call.Cancelled()) {
        events::v1::ReadEventsResponse response;
        for (; next <= static_cast<std::int64_t>(batches_.size()); ++next) {
          auto* numbered = response.add_batches();
          numbered->set_number(next);
          *numbered->mutable_batch() = batches_[static_cast<std::size_t>(next) - 1];
        }
        if (response.batches_size() > 0 && !writer->Write(response)) break;
        // Cancellation is asked for, not told.
        changed_.wait_for(lock, std::chrono::milliseconds(50));
      }
      return absl::OkStatus();
    });
  }

 private:
  rpc::Guard& guard_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<events::v1::EventBatch> batches_;
};

}  // namespace kabar::triggers::testing

#endif  // KABAR_SERVICES_TRIGGERS_TESTING_FAKE_EVENTS_H_
