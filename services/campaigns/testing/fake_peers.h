// For tests: contacts, templates and dispatcher as a run sees them, on one in-process gRPC server,
// all in memory. Include only from tests; header only.
//
// Thread safety: the test thread sets the fields between steps; calls come on gRPC's threads.
#ifndef KABAR_SERVICES_CAMPAIGNS_TESTING_FAKE_PEERS_H_
#define KABAR_SERVICES_CAMPAIGNS_TESTING_FAKE_PEERS_H_

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"

namespace kabar::campaigns::testing {

inline absl::Status Away() {
  return base::Error(absl::StatusCode::kUnavailable, "AWAY", "connection refused");
}
inline absl::Status Gone(const std::string& what) {
  return base::Error(absl::StatusCode::kNotFound, "GONE", absl::StrCat("there is no such ", what));
}

class FakeContacts : public contacts::v1::ContactsService::Service {
 public:
  absl::Status fault;
  int audience = 0;   // members of every run
  int shipments = 0;  // that they are about; 0: as many
  // What a test makes of a member.
  std::function<void(contacts::v1::AudienceMember&)> shape;
  std::vector<contacts::v1::CreateAudienceRequest> created;
  int purpose = 0;                   // of the last ListAudience
  std::vector<std::string> deleted;  // the temporary audiences

  grpc::Status CreateAudience(grpc::ServerContext*,
                              const contacts::v1::CreateAudienceRequest* request,
                              contacts::v1::Audience* answer) override {
    created.push_back(*request);
    answer->set_size(audience);
    answer->set_shipments(shipments > 0 ? shipments : audience);
    return rpc::ToGrpc(fault);
  }
  grpc::Status DeleteAudience(grpc::ServerContext*,
                              const contacts::v1::DeleteAudienceRequest* request,
                              contacts::v1::DeleteAudienceResponse*) override {
    deleted.push_back(request->run_id());
    return rpc::ToGrpc(fault);
  }
  grpc::Status GetSegment(grpc::ServerContext*, const contacts::v1::GetSegmentRequest* request,
                          contacts::v1::Segment* answer) override {
    answer->set_id(request->id());
    return rpc::ToGrpc(fault);
  }
  grpc::Status ListAudience(grpc::ServerContext*, const contacts::v1::ListAudienceRequest* request,
                            contacts::v1::ListAudienceResponse* answer) override {
    if (!fault.ok()) return rpc::ToGrpc(fault);
    purpose = request->purpose();
    answer->add_fields("nama");
    const auto add = [&](std::int64_t i) {
      auto* member = answer->add_members();
      member->set_ordinal(i);
      member->set_contact_id(absl::StrCat("contact-", i));
      member->set_phone(absl::StrCat("+62812", 1000000 + i));
      member->add_values(absl::StrCat("Budi ", i));
      if (shape) shape(*member);
    };
    for (const std::int64_t i : request->ordinals()) add(i);
    if (!request->ordinals().empty()) return grpc::Status::OK;
    const std::int64_t first = request->after_ordinal() + 1;
    for (std::int64_t i = first; i < first + request->page_size() && i <= audience; ++i) add(i);
    answer->set_last_page(first + request->page_size() > audience);
    return grpc::Status::OK;
  }
};

class FakeTemplates : public templates::v1::TemplatesService::Service {
 public:
  absl::Status fault;
  std::string form;     // the provider template that the text names; empty: none
  std::string trouble;  // why the form must not be sent; empty: it may
  // Where one of its processes has not heard of a change yet: what that renders with.
  std::optional<std::string> rendered_trouble;
  std::vector<std::string> agreed;  // names of the provider templates that were accepted
  bool merges = false;              // it goes through {{#each parcels}}

  grpc::Status GetTemplate(grpc::ServerContext*, const templates::v1::GetTemplateRequest* request,
                           templates::v1::Template* answer) override {
    answer->set_id(request->id());
    answer->set_version(7);
    answer->add_variables("nama");
    answer->set_merges_parcels(merges);
    if (merges) answer->add_variables("no_resi");
    if (!form.empty()) {
      auto* provider = answer->add_provider_templates();
      provider->set_name(form);
      provider->set_language("id");
      provider->set_trouble(trouble);
      if (!trouble.empty()) provider->set_trouble_text("WhatsApp has a fault with it");
      provider->set_category("UTILITY");
    }
    return rpc::ToGrpc(fault);
  }
  grpc::Status AcceptProviderTemplate(grpc::ServerContext*,
                                      const templates::v1::AcceptProviderTemplateRequest* request,
                                      templates::v1::ProviderTemplate* answer) override {
    if (!fault.ok()) return rpc::ToGrpc(fault);
    agreed.push_back(request->name());
    trouble.clear();
    answer->set_name(request->name());
    return grpc::Status::OK;
  }
  grpc::Status RenderBatch(grpc::ServerContext*, const templates::v1::RenderBatchRequest* request,
                           templates::v1::RenderBatchResponse* answer) override {
    for (const auto& row : request->rows()) {
      auto* rendered = answer->add_rendered();
      if (row.values(0).empty()) {
        rendered->mutable_failure()->set_reason("MISSING_VARIABLE");
        rendered->mutable_failure()->set_variable("name");
        continue;
      }
      std::string text = absl::StrCat("Halo ", row.values(0));
      for (const auto& parcel : row.parcels()) absl::StrAppend(&text, " ", parcel.values(0));
      rendered->set_text(text);
      if (form.empty()) continue;
      rendered->mutable_provider_form()->set_name(form);
      rendered->mutable_provider_form()->set_language("id");
      rendered->mutable_provider_form()->set_trouble(rendered_trouble.value_or(trouble));
    }
    return rpc::ToGrpc(fault);
  }
};

class FakeDispatcher : public dispatcher::v1::DispatcherService::Service {
 public:
  absl::Status fault;                // of every call
  absl::Status plan_fault;           // of PlanQuota alone
  std::function<void()> on_enqueue;  // after a batch is in the ledger
  std::function<void()> on_finish;   // while FinishLane is under way
  absl::Status enqueue_answer;       // what the caller then gets
  dispatcher::v1::Lane lane;         // id empty: not created
  dispatcher::v1::Sender sender;
  dispatcher::v1::PlanQuotaResponse plan;
  dispatcher::v1::PlanQuotaRequest planned;             // the last one asked for
  std::vector<dispatcher::v1::OutgoingMessage> ledger;  // each id once
  std::vector<dispatcher::v1::StaleMessage> stale;      // until each is enqueued again

  FakeDispatcher() {
    sender.set_id("snd_1");
    sender.set_portfolio_id("pf");
    sender.set_state(dispatcher::v1::ACTIVE);
  }

  grpc::Status CreateLane(grpc::ServerContext*, const dispatcher::v1::CreateLaneRequest* request,
                          dispatcher::v1::Lane* answer) override {
    if (!fault.ok()) return rpc::ToGrpc(fault);
    if (lane.id().empty()) {
      lane = request->lane();
      lane.set_state(events::v1::RUNNING);
    }
    return Answer(answer);
  }
  grpc::Status GetLane(grpc::ServerContext*, const dispatcher::v1::GetLaneRequest*,
                       dispatcher::v1::Lane* answer) override {
    return Answer(answer);
  }
  grpc::Status PauseLane(grpc::ServerContext*, const dispatcher::v1::PauseLaneRequest* request,
                         dispatcher::v1::Lane* answer) override {
    lane.set_state_reason(request->reason());
    return Enter(events::v1::PAUSED, answer);
  }
  grpc::Status ResumeLane(grpc::ServerContext*, const dispatcher::v1::ResumeLaneRequest* request,
                          dispatcher::v1::Lane* answer) override {
    rendered_again = request->render_again();
    return Enter(events::v1::RUNNING, answer);
  }
  grpc::Status SetLaneRate(grpc::ServerContext*, const dispatcher::v1::SetLaneRateRequest* request,
                           dispatcher::v1::Lane* answer) override {
    if (fault.ok() && !lane.id().empty()) lane.set_rate(request->rate());
    return Answer(answer);
  }
  grpc::Status CancelLane(grpc::ServerContext*, const dispatcher::v1::CancelLaneRequest*,
                          dispatcher::v1::Lane* answer) override {
    return Enter(events::v1::CANCELLED_LANE, answer);
  }
  grpc::Status RetryFailed(grpc::ServerContext*, const dispatcher::v1::RetryFailedRequest*,
                           dispatcher::v1::RetryFailedResponse* answer) override {
    answer->set_retried(2);
    return rpc::ToGrpc(fault);
  }
  grpc::Status FinishLane(grpc::ServerContext*, const dispatcher::v1::FinishLaneRequest*,
                          dispatcher::v1::Lane* answer) override {
    if (fault.ok()) finished = true;
    if (on_finish) on_finish();
    return Answer(answer);
  }
  grpc::Status Enqueue(grpc::ServerContext*, const dispatcher::v1::EnqueueRequest* request,
                       dispatcher::v1::EnqueueResponse* answer) override {
    if (!fault.ok()) return rpc::ToGrpc(fault);
    for (const auto& message : request->messages()) {
      std::erase_if(stale, [&](const auto& old) { return old.id() == message.id(); });
      if (!ids_.insert(message.id()).second) continue;
      ledger.push_back(message);
      answer->set_added(answer->added() + 1);
    }
    answer->set_rate_per_s(80);
    if (on_enqueue) on_enqueue();
    return rpc::ToGrpc(enqueue_answer);
  }
  // By the two rules that tests need: who has opted out there, and what a closed window takes.
  grpc::Status ForeseeMessages(grpc::ServerContext*,
                               const dispatcher::v1::ForeseeMessagesRequest* request,
                               dispatcher::v1::ForeseeMessagesResponse* answer) override {
    for (const auto& message : request->messages()) {
      auto* told = answer->add_messages();
      told->set_window_open(windows.count(message.phone()) > 0);
      told->set_state(events::v1::SENT);
      const auto end = [&](events::v1::MessageState state, const std::string& reason) {
        told->set_state(state);
        told->set_reason(reason);
      };
      if (message.has_refusal()) {
        end(message.refusal().state(), message.refusal().reason());
      } else if (suppressed.count(message.phone()) > 0) {
        end(events::v1::SUPPRESSED, "OPTED_OUT");
      } else if (!told->window_open() && message.provider_form().name().empty()) {
        end(events::v1::FAILED, "WINDOW_CLOSED_NO_TEMPLATE");
      }
    }
    return rpc::ToGrpc(fault);
  }
  std::set<std::string> windows, suppressed;  // phones
  grpc::Status ListStaleMessages(grpc::ServerContext*,
                                 const dispatcher::v1::ListStaleMessagesRequest*,
                                 dispatcher::v1::ListStaleMessagesResponse* answer) override {
    for (const auto& old : stale) *answer->add_messages() = old;
    return rpc::ToGrpc(fault);
  }
  grpc::Status GetSender(grpc::ServerContext*, const dispatcher::v1::GetSenderRequest*,
                         dispatcher::v1::Sender* answer) override {
    *answer = sender;
    return rpc::ToGrpc(fault);
  }
  grpc::Status PlanQuota(grpc::ServerContext*, const dispatcher::v1::PlanQuotaRequest* request,
                         dispatcher::v1::PlanQuotaResponse* answer) override {
    planned = *request;
    *answer = plan;
    return rpc::ToGrpc(fault.ok() ? plan_fault : fault);
  }

  bool finished = false;
  bool rendered_again = false;  // the last resume asked for it

 private:
  grpc::Status Answer(dispatcher::v1::Lane* answer) {
    if (!fault.ok()) return rpc::ToGrpc(fault);
    if (lane.id().empty()) return rpc::ToGrpc(Gone("lane"));
    *answer = lane;
    answer->set_enqueued(static_cast<std::int64_t>(ledger.size()));
    return grpc::Status::OK;
  }
  grpc::Status Enter(events::v1::LaneState state, dispatcher::v1::Lane* answer) {
    if (fault.ok() && !lane.id().empty()) lane.set_state(state);
    return Answer(answer);
  }

  std::set<std::string> ids_;
};

}  // namespace kabar::campaigns::testing

#endif  // KABAR_SERVICES_CAMPAIGNS_TESTING_FAKE_PEERS_H_
