// How the peers are called: their stubs, the caller's key, deadlines. Internal to Peers.
//
// Thread safety: safe for concurrent use. Blocks: each call, at most until its timeout. Errors: the
// peer's, with its name (PeerOf).
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/status.h"
#include "services/campaigns/peers.h"

namespace kabar::campaigns {

inline constexpr absl::Duration kCallTimeout = absl::Seconds(10);
inline constexpr char kPeerOfFailure[] = "peer";  // key in a failure's details

inline void Set(absl::Time time, google::protobuf::Timestamp* proto) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  proto->set_seconds(micros / 1000000);
  proto->set_nanos(static_cast<std::int32_t>(micros % 1000000) * 1000);
}

inline absl::Time Get(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

inline std::string PurposeName(const Campaign& c) {
  return contacts::v1::ConsentPurpose_Name(static_cast<contacts::v1::ConsentPurpose>(c.purpose));
}

template <typename Stub>
constexpr absl::string_view NameOf() {
  if constexpr (std::is_same_v<Stub, contacts::v1::ContactsService::Stub>) return "contacts";
  if constexpr (std::is_same_v<Stub, templates::v1::TemplatesService::Stub>) return "templates";
  return "dispatcher";
}

struct Peers::State {
  State(const PeerAddresses& addresses, const std::string& service_key)
      : caller(service_key),
        contacts(contacts::v1::ContactsService::NewStub(rpc::MakeChannel(addresses.contacts))),
        templates(templates::v1::TemplatesService::NewStub(rpc::MakeChannel(addresses.templates))),
        dispatcher(
            dispatcher::v1::DispatcherService::NewStub(rpc::MakeChannel(addresses.dispatcher))) {}

  // stub.*method with deadline, key and outlet.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const std::string& outlet, const Request& request, Response* response,
                    absl::Duration timeout = kCallTimeout) {
    grpc::ClientContext context;
    // A peer that restarts is waited for: a person's call should not fail for a second of absence.
    caller.Prepare(context, {.outlet = outlet, .timeout = timeout, .wait_for_ready = true});
    absl::Status status = rpc::ToAbsl((stub.*method)(&context, request, response));
    return status.ok() ? status : base::WithMeta(std::move(status), kPeerOfFailure, NameOf<Stub>());
  }

  // The lane that is there already, if it is.
  absl::StatusOr<dispatcher::v1::Lane> CreateLane(const Campaign& c);

  // A page of the audience, and the messages that it becomes: what the run enqueues and what the
  // preflight judges.
  struct Batch {
    contacts::v1::ListAudienceResponse page;
    dispatcher::v1::EnqueueRequest enqueue;
    std::map<int, std::string> variables;  // by message: the one that its refusal is about
    // By message: why its provider template must not go (troubles.h).
    std::map<int, std::string> troubles;

    // The first trouble that nobody has accepted; empty: there is none.
    std::string Unaccepted(const Campaign& c) const;
  };
  // The members after the cursor; at most `count`.
  absl::StatusOr<Batch> RenderNext(const Campaign& c, const PinnedTemplate& pinned,
                                   std::int64_t count);
  absl::StatusOr<Batch> RenderMembers(const Campaign& c, const PinnedTemplate& pinned,
                                      const contacts::v1::ListAudienceRequest& members);
  absl::Status SetTexts(const Campaign& c, const PinnedTemplate& pinned, Batch& batch);
  absl::Status RefuseWithoutForm(const Campaign& c, Batch& batch);
  absl::StatusOr<dispatcher::v1::ForeseeMessagesResponse> Foresee(
      const Campaign& c, const dispatcher::v1::ForeseeMessagesRequest& messages);

  const rpc::Caller caller;
  const std::unique_ptr<contacts::v1::ContactsService::Stub> contacts;
  const std::unique_ptr<templates::v1::TemplatesService::Stub> templates;
  const std::unique_ptr<dispatcher::v1::DispatcherService::Stub> dispatcher;
};

}  // namespace kabar::campaigns
