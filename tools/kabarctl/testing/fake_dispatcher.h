// For kabarctl's tests: the contract of dispatcher, played.
//
// Thread safety: guarded by the world's mutex. Blocks: never. Errors: what a test puts into
// `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_DISPATCHER_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_DISPATCHER_H_

#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "libs/rpc/guard.h"
#include "tools/kabarctl/testing/fake_world.h"

namespace kabar::kabarctl::testing {

class FakeDispatcher : public dispatcher::v1::DispatcherService::Service {
 public:
  FakeDispatcher(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status CreateSender(grpc::ServerContext* context,
                            const dispatcher::v1::CreateSenderRequest* request,
                            dispatcher::v1::Sender* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kOwner, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.sender = *request;
      *response = request->sender();  // a service that forgets to take the token out
      response->set_id("snd_1");
      return absl::OkStatus();
    });
  }

  grpc::Status PauseSending(grpc::ServerContext* context,
                            const dispatcher::v1::PauseSendingRequest* request,
                            dispatcher::v1::Sending* response) override {
    return Sending(context, *request, response, "pause");
  }
  grpc::Status ResumeSending(grpc::ServerContext* context,
                             const dispatcher::v1::ResumeSendingRequest* request,
                             dispatcher::v1::Sending* response) override {
    return Sending(context, *request, response, "resume");
  }
  // Each look finds one message less in flight.
  grpc::Status GetSending(grpc::ServerContext* context,
                          const dispatcher::v1::GetSendingRequest* request,
                          dispatcher::v1::Sending* response) override {
    {
      const std::lock_guard lock(world_.mutex);
      if (world_.sending.in_flight() > 0) {
        world_.sending.set_in_flight(world_.sending.in_flight() - 1);
      }
      world_.sending.set_drained(world_.sending.in_flight() == 0);
    }
    return Sending(context, *request, response, "get");
  }
  grpc::Status ListLanes(grpc::ServerContext* context,
                         const dispatcher::v1::ListLanesRequest* request,
                         dispatcher::v1::ListLanesResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      for (const auto& lane : world_.lanes) {
        if (request->state() != events::v1::LANE_STATE_UNSPECIFIED &&
            request->state() != lane.state()) {
          continue;
        }
        *response->add_lanes() = lane;
      }
      return absl::OkStatus();
    });
  }
  grpc::Status ResumeLane(grpc::ServerContext* context,
                          const dispatcher::v1::ResumeLaneRequest* request,
                          dispatcher::v1::Lane* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      for (auto& lane : world_.lanes) {
        if (lane.id() != request->id()) continue;
        lane.set_state(events::v1::RUNNING);
        *response = lane;
      }
      return absl::OkStatus();
    });
  }
  grpc::Status DropDeadLetter(grpc::ServerContext* context,
                              const dispatcher::v1::DropDeadLetterRequest* request,
                              dispatcher::v1::DeadLetter* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      response->set_id(request->id());
      response->set_state(dispatcher::v1::DeadLetter::DROPPED);
      response->set_handled_reason(request->reason());
      return absl::OkStatus();
    });
  }

  grpc::Status ResolveUnknown(grpc::ServerContext* context,
                              const dispatcher::v1::ResolveUnknownRequest* request,
                              dispatcher::v1::ResolveUnknownResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.decisions.push_back(*request);
      if (world_.decided.empty()) return absl::OkStatus();
      *response = world_.decided.front();
      world_.decided.erase(world_.decided.begin());
      return absl::OkStatus();
    });
  }

  grpc::Status RecountLane(grpc::ServerContext* context,
                           const dispatcher::v1::RecountLaneRequest* request,
                           dispatcher::v1::RecountLaneResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.recounted.push_back(*request);
      const auto answer = world_.recounts.at(0);
      if (world_.recounts.size() > 1) world_.recounts.erase(world_.recounts.begin());
      KABAR_ASSIGN_OR_RETURN(*response, answer);
      return absl::OkStatus();
    });
  }

 private:
  template <typename Request>
  grpc::Status Sending(grpc::ServerContext* context, const Request& request,
                       dispatcher::v1::Sending* response, const std::string& verb) {
    const bool all = request.target().scope() == dispatcher::v1::SendingTarget::ALL;
    const auto access = all ? rpc::Access::kService : rpc::Access::kWrite;
    return rpc::Serve(
        context, guard_, access,
        [&](const rpc::Call&) -> absl::Status {
          const std::lock_guard lock(world_.mutex);
          world_.told.push_back(absl::StrCat(verb, " ", request.target().ShortDebugString()));
          *response = world_.sending;
          *response->mutable_target() = request.target();
          return absl::OkStatus();
        },
        verb.c_str());
  }

  World& world_;
  rpc::Guard& guard_;
};

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_DISPATCHER_H_
