// For kabarctl's tests: the services' contracts played in this process on one free port, and
// kabarctl run against them with words in, exit code and texts out.
//
// Thread safety: the fakes are guarded by one mutex. Blocks: as the calls do. Errors: what a test
// puts into `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_SERVICES_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_SERVICES_H_

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/analytics/v1/analytics.grpc.pb.h"
#include "kabar/audit/v1/audit.grpc.pb.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/eventually.h"
#include "tools/kabarctl/program.h"

namespace kabar::kabarctl::testing {

// What the fakes saw and what they answer.
struct World {
  std::vector<dispatcher::v1::Lane> lanes;
  dispatcher::v1::Sending sending;                     // what every call about pauses answers
  std::vector<std::string> told;                       // those calls
  std::vector<audit::v1::ListAuditLogResponse> audit;  // of the services, as they are asked
  audit::v1::ListAuditLogRequest audit_asked;
  std::mutex mutex;
  absl::Status refuse;  // of every call, if not OK

  contacts::v1::ImportOptions import_options;
  std::string imported;
  std::size_t largest_piece = 0;
  int pieces = 0;
  int breaks = 0;  // so many imports break off at their end
  std::vector<std::string> import_request_ids;
  contacts::v1::ImportContactsResponse import_report;

  std::vector<contacts::v1::Segment> segments;
  std::optional<contacts::v1::Segment> segment_by_id;  // what GetSegment finds
  contacts::v1::ExplainSegmentRequest explained;
  contacts::v1::ExplainSegmentResponse explanation;
  contacts::v1::InstallLibrarySegmentsRequest installed;
  contacts::v1::InstallLibrarySegmentsResponse installation;
  contacts::v1::RecordFactRequest fact;
  contacts::v1::ListFactsResponse facts;
  contacts::v1::UpdateMarketingSuppressionsRequest switched;
  contacts::v1::MarketingSuppressions suppressions;
  std::map<std::string, templates::v1::Template> templates_by_code;
  templates::v1::DiffTemplateVersionsResponse diff;
  campaigns::v1::CreateCampaignRequest created;
  campaigns::v1::ResumeCampaignRequest resumed;
  int lost_answers = 0;                         // so many CreateCampaign work and say nothing
  std::vector<std::string> create_request_ids;  // of every attempt
  // What GetCampaign answers, one after the other; the last one again and again.
  std::vector<campaigns::v1::Campaign> campaign_states;
  campaigns::v1::PlanCampaignResponse plan;
  std::vector<campaigns::v1::PreflightCampaignResponse> preflight;  // the stream
  campaigns::v1::PreflightCampaignRequest preflight_asked;
  // How WatchCampaignStats ends at once, one call after the other, before it streams.
  std::vector<absl::Status> stream_faults;
  // What it then streams before it waits for its end.
  std::vector<analytics::v1::CampaignStats> stream;
  std::optional<analytics::v1::CampaignStats> stats;  // of GetCampaignStats
  templates::v1::ListLibraryTemplatesResponse library;
  dispatcher::v1::CreateSenderRequest sender;
  std::vector<dispatcher::v1::ResolveUnknownRequest> decisions;
  std::vector<dispatcher::v1::ResolveUnknownResponse> decided;  // answers, one after the other
  // Of RecountLane, one after the other; the last one again and again.
  std::vector<absl::StatusOr<dispatcher::v1::RecountLaneResponse>> recounts;
  std::vector<dispatcher::v1::RecountLaneRequest> recounted;
};

class FakeContacts : public contacts::v1::ContactsService::Service {
 public:
  FakeContacts(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status ImportContacts(grpc::ServerContext* context,
                              grpc::ServerReader<contacts::v1::ImportContactsRequest>* reader,
                              contacts::v1::ImportContactsResponse* response) override {
    return rpc::ServeStream(
        context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
          contacts::v1::ImportContactsRequest part;
          while (reader->Read(&part)) {
            const std::lock_guard lock(world_.mutex);
            KABAR_RETURN_IF_ERROR(world_.refuse);
            if (part.has_options()) {
              world_.import_options = part.options();
              world_.import_request_ids.push_back(part.options().request_id());
              continue;
            }
            ++world_.pieces;
            world_.largest_piece = std::max(world_.largest_piece, part.data().size());
            world_.imported += part.data();
          }
          const std::lock_guard lock(world_.mutex);
          if (world_.breaks-- > 0) return absl::UnavailableError("gone");
          *response = world_.import_report;
          return absl::OkStatus();
        });
  }

  grpc::Status GetSegment(grpc::ServerContext* context, const contacts::v1::GetSegmentRequest*,
                          contacts::v1::Segment* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      if (!world_.segment_by_id) {
        return base::Error(absl::StatusCode::kNotFound, "SEGMENT_NOT_FOUND", "no such segment");
      }
      *response = *world_.segment_by_id;
      return absl::OkStatus();
    });
  }

  grpc::Status ExplainSegment(grpc::ServerContext* context,
                              const contacts::v1::ExplainSegmentRequest* request,
                              contacts::v1::ExplainSegmentResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.explained = *request;
      *response = world_.explanation;
      return absl::OkStatus();
    });
  }

  // As it was told: the world's own word is newer where it has one.
  grpc::Status RecordFact(grpc::ServerContext* context,
                          const contacts::v1::RecordFactRequest* request,
                          contacts::v1::Fact* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      KABAR_RETURN_IF_ERROR(world_.refuse);
      world_.fact = *request;
      *response = world_.facts.facts().empty() ? request->fact() : world_.facts.facts(0);
      return absl::OkStatus();
    });
  }
  grpc::Status ListFacts(grpc::ServerContext* context, const contacts::v1::ListFactsRequest*,
                         contacts::v1::ListFactsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      *response = world_.facts;
      return absl::OkStatus();
    });
  }
  grpc::Status GetMarketingSuppressions(grpc::ServerContext* context,
                                        const contacts::v1::GetMarketingSuppressionsRequest*,
                                        contacts::v1::MarketingSuppressions* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      *response = world_.suppressions;
      return absl::OkStatus();
    });
  }
  grpc::Status UpdateMarketingSuppressions(
      grpc::ServerContext* context, const contacts::v1::UpdateMarketingSuppressionsRequest* request,
      contacts::v1::MarketingSuppressions* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.switched = *request;
      *response->mutable_switched_off() = request->switched_off();
      return absl::OkStatus();
    });
  }

  grpc::Status InstallLibrarySegments(
      grpc::ServerContext* context, const contacts::v1::InstallLibrarySegmentsRequest* request,
      contacts::v1::InstallLibrarySegmentsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.installed = *request;
      *response = world_.installation;
      return absl::OkStatus();
    });
  }

  // Two a page, so that lists need several.
  grpc::Status ListSegments(grpc::ServerContext* context,
                            const contacts::v1::ListSegmentsRequest* request,
                            contacts::v1::ListSegmentsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      KABAR_RETURN_IF_ERROR(world_.refuse);
      std::size_t from = request->page_token().empty() ? 0 : std::stoul(request->page_token());
      const std::size_t end =
          std::min<std::size_t>(from + std::min(2, request->page_size()), world_.segments.size());
      for (; from < end; ++from) *response->add_segments() = world_.segments[from];
      if (end < world_.segments.size()) response->set_next_page_token(std::to_string(end));
      return absl::OkStatus();
    });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

class FakeTemplates : public templates::v1::TemplatesService::Service {
 public:
  FakeTemplates(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status GetTemplate(grpc::ServerContext* context,
                           const templates::v1::GetTemplateRequest* request,
                           templates::v1::Template* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      const auto found = world_.templates_by_code.find(request->code());
      if (found == world_.templates_by_code.end()) {
        return base::Error(absl::StatusCode::kNotFound, "TEMPLATE_NOT_FOUND",
                           "there is no template \"" + request->code() + "\"");
      }
      *response = found->second;
      return absl::OkStatus();
    });
  }

  grpc::Status DiffTemplateVersions(
      grpc::ServerContext* context, const templates::v1::DiffTemplateVersionsRequest* request,
      templates::v1::DiffTemplateVersionsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) {
      const std::lock_guard lock(world_.mutex);
      *response = world_.diff;
      response->set_from_version(request->from_version());
      response->set_to_version(request->to_version());
      return absl::OkStatus();
    });
  }

  grpc::Status ListLibraryTemplates(
      grpc::ServerContext* context, const templates::v1::ListLibraryTemplatesRequest*,
      templates::v1::ListLibraryTemplatesResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      *response = world_.library;
      return absl::OkStatus();
    });
  }

  grpc::Status InstallLibraryTemplates(
      grpc::ServerContext* context, const templates::v1::InstallLibraryTemplatesRequest*,
      templates::v1::InstallLibraryTemplatesResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      for (const auto& one : world_.library.templates()) {
        response->add_installed()->set_code(one.code());
      }
      return absl::OkStatus();
    });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

class FakeCampaigns : public campaigns::v1::CampaignsService::Service {
 public:
  FakeCampaigns(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status CreateCampaign(grpc::ServerContext* context,
                              const campaigns::v1::CreateCampaignRequest* request,
                              campaigns::v1::Campaign* response) override {
    {
      const std::lock_guard lock(world_.mutex);
      world_.create_request_ids.push_back(request->request_id());
      if (world_.lost_answers > 0) {
        --world_.lost_answers;
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");  // as the wire says it
      }
    }
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      KABAR_RETURN_IF_ERROR(world_.refuse);
      world_.created = *request;
      *response = request->campaign();
      response->set_id("cmp_made");
      response->set_state(campaigns::v1::DRAFT);
      return absl::OkStatus();
    });
  }

  grpc::Status ListCampaigns(grpc::ServerContext* context,
                             const campaigns::v1::ListCampaignsRequest*,
                             campaigns::v1::ListCampaignsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) {
      const std::lock_guard lock(world_.mutex);
      for (const auto& campaign : world_.campaign_states) *response->add_campaigns() = campaign;
      return absl::OkStatus();
    });
  }
  grpc::Status GetCampaign(grpc::ServerContext* context,
                           const campaigns::v1::GetCampaignRequest* request,
                           campaigns::v1::Campaign* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      if (world_.campaign_states.empty()) {
        return base::Error(absl::StatusCode::kNotFound, "CAMPAIGN_NOT_FOUND",
                           "there is no campaign " + request->id());
      }
      *response = world_.campaign_states.front();
      if (world_.campaign_states.size() > 1) {
        world_.campaign_states.erase(world_.campaign_states.begin());
      }
      return absl::OkStatus();
    });
  }
  grpc::Status PlanCampaign(grpc::ServerContext* context, const campaigns::v1::PlanCampaignRequest*,
                            campaigns::v1::PlanCampaignResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      *response = world_.plan;
      return absl::OkStatus();
    });
  }
  grpc::Status PreflightCampaign(
      grpc::ServerContext* context, const campaigns::v1::PreflightCampaignRequest* request,
      grpc::ServerWriter<campaigns::v1::PreflightCampaignResponse>* writer) override {
    return rpc::ServeStream(context, guard_, rpc::Access::kRead,
                            [&](const rpc::Call&) -> absl::Status {
                              const std::lock_guard lock(world_.mutex);
                              KABAR_RETURN_IF_ERROR(world_.refuse);
                              world_.preflight_asked = *request;
                              for (const auto& part : world_.preflight) writer->Write(part);
                              return absl::OkStatus();
                            });
  }
  grpc::Status ResumeCampaign(grpc::ServerContext* context,
                              const campaigns::v1::ResumeCampaignRequest* request,
                              campaigns::v1::Campaign* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      world_.resumed = *request;
      response->set_id(request->id());
      response->set_state(campaigns::v1::RUNNING);
      return absl::OkStatus();
    });
  }
  grpc::Status StartCampaign(grpc::ServerContext* context,
                             const campaigns::v1::StartCampaignRequest* request,
                             campaigns::v1::Campaign* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      response->set_id(request->id());
      response->set_state(campaigns::v1::RUNNING);
      return absl::OkStatus();
    });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

class FakeAnalytics : public analytics::v1::AnalyticsService::Service {
 public:
  FakeAnalytics(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status GetCampaignStats(grpc::ServerContext* context,
                                const analytics::v1::GetCampaignStatsRequest*,
                                analytics::v1::CampaignStats* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      if (!world_.stats) {
        return base::WithMeta(
            base::Error(absl::StatusCode::kNotFound, "RUN_NOT_FOUND", "no such run yet"),
            "event_number_dispatcher", "12");
      }
      *response = *world_.stats;
      return absl::OkStatus();
    });
  }

  grpc::Status WatchCampaignStats(
      grpc::ServerContext* context, const analytics::v1::WatchCampaignStatsRequest*,
      grpc::ServerWriter<analytics::v1::CampaignStats>* writer) override {
    return rpc::ServeStream(context, guard_, rpc::Access::kRead,
                            [&](const rpc::Call& call) -> absl::Status {
                              std::vector<analytics::v1::CampaignStats> stream;
                              {
                                const std::lock_guard lock(world_.mutex);
                                if (!world_.stream_faults.empty()) {
                                  const absl::Status fault = world_.stream_faults.front();
                                  world_.stream_faults.erase(world_.stream_faults.begin());
                                  return fault;
                                }
                                std::swap(stream, world_.stream);
                              }
                              for (const auto& stats : stream) writer->Write(stats);
                              // As the real one: silent until something changes or the caller goes.
                              kabar::testing::Eventually([&] { return call.Cancelled(); });
                              return absl::OkStatus();
                            });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

class FakeAudit : public audit::v1::AuditService::Service {
 public:
  FakeAudit(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status ListAuditLog(grpc::ServerContext* context,
                            const audit::v1::ListAuditLogRequest* request,
                            audit::v1::ListAuditLogResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.audit_asked = *request;
      if (!world_.audit.empty()) {
        *response = world_.audit.front();
        world_.audit.erase(world_.audit.begin());
      }
      return absl::OkStatus();
    });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

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

struct Outcome {
  int code = -1;
  std::string out;
  std::string error;
};

// All fakes on one server.
class Services {
 public:
  World world;

  // As the owner of toko-a, unless `key` says otherwise.
  Outcome Run(const std::vector<std::string>& words, const std::string& input = "",
              const std::string& key = "owner-a") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream error;
    Outcome outcome;
    outcome.code =
        kabarctl::Run(words,
                      [&](const std::string& name) -> std::optional<std::string> {
                        if (name == "KABAR_API_KEY") {
                          return key.empty() ? std::nullopt : std::optional<std::string>(key);
                        }
                        return server_.address();
                      },
                      {.in = &in, .out = &out, .error = &error});
    outcome.out = out.str();
    outcome.error = error.str();
    return outcome;
  }

  std::string address() const { return server_.address(); }

 private:
  rpc::Guard guard_{{.service = "kabarctltest"}, rpc::testing::TestKeys()};
  FakeContacts contacts_{world, guard_};
  FakeTemplates templates_{world, guard_};
  FakeCampaigns campaigns_{world, guard_};
  FakeAnalytics analytics_{world, guard_};
  FakeDispatcher dispatcher_{world, guard_};
  FakeAudit audit_{world, guard_};
  rpc::testing::LocalServer server_{
      guard_, {&contacts_, &templates_, &campaigns_, &analytics_, &dispatcher_, &audit_}};
};

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_SERVICES_H_
