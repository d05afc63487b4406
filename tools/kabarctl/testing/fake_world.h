// For kabarctl's tests: what the fakes of the services saw and what they answer.
//
// Thread safety: guarded by the world's mutex. Blocks: never. Errors: what a test puts into
// `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_WORLD_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_WORLD_H_

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kabar/analytics/v1/analytics.grpc.pb.h"
#include "kabar/audit/v1/audit.grpc.pb.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"

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

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_WORLD_H_
