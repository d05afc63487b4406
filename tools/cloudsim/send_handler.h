// POST /{version}/{phone_number_id}/messages: checks, limits, faults, acceptance.
//
// The hot path. Not thread-safe (the loop's thread), never blocks, no errors: whatever happens is
// an answer to the caller (or, on purpose, none) and an entry of the record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/http_loop.h"
#include "tools/cloudsim/messages.h"
#include "tools/cloudsim/world.h"

namespace kabar::cloudsim {

class SendHandler {
 public:
  explicit SendHandler(World* world) : world_(world) {}

  void Handle(const RequestInfo& info, const HttpRequest& request, absl::string_view number_id);

 private:
  // What is known of the request under way.
  struct Send {
    const RequestInfo* info = nullptr;
    PhoneNumber* number = nullptr;
    uint32_t recipient = Recipients::kNobody;
    PairState* pair = nullptr;
    const Template* used_template = nullptr;
    Medium* medium = nullptr;  // an uploaded one
    int32_t template_index = -1;
    bool window_open = false;
    FaultKind fault = FaultKind::kNone;
    int late_error = 0;  // accepted, to fail by webhook
  };

  bool Authorise(const HttpRequest& request, absl::string_view number_id, GraphError* error);
  bool ResolveRecipient(GraphError* error);
  // False: the request has been dealt with.
  bool PlayFault();
  bool CheckMedium(GraphError* error);
  bool CheckTemplate(GraphError* error);
  bool CheckCustomer(GraphError* error);
  bool CheckLimits(GraphError* error);
  // False: the refusal stands; true: it will be told by webhook instead.
  bool TellLater(const GraphError& error);

  void Accept();
  void PlanWebhooks(Fate* fate);
  void EnqueueWebhooks(const Fate& fate, const std::string& message_id);
  void CollectButtons(FateInput* input) const;
  Surroundings CollectSurroundings() const;
  void Answer(uint64_t entry, const std::string& message_id);
  void Refuse(const GraphError& error, int status_override = 0);
  void RecordRefusal(int code);
  void Respond(int status, absl::string_view body, uint64_t token);

  World* const world_;
  MessageReader reader_;
  Outgoing message_;
  Send send_;
  std::string header_;
  std::string body_;      // expanded template
  std::string response_;  // reused
  std::string json_;      // reused
  std::vector<WebhookEvent> events_;
};

// The token in an Authorization field; empty when there is none.
absl::string_view BearerToken(absl::string_view authorization);

}  // namespace kabar::cloudsim
