#include "services/analytics/handler.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/analytics/convert.h"

namespace kabar::analytics {
namespace {

constexpr absl::Duration kReadTimeout = absl::Seconds(5);
constexpr int kDefaultIntervalMs = 500;
constexpr int kMinIntervalMs = 100;

absl::Status CheckRunId(const std::string& run_id) {
  if (!run_id.empty()) return absl::OkStatus();
  return base::InvalidField("run_id", "is empty; take it from Campaign.run_id");
}

// What changes with time alone is no change: the rate and what follows from it, and the numbers.
std::string WithoutClock(v1::CampaignStats stats) {
  stats.clear_event_numbers();
  stats.clear_eta_seconds();
  std::string bytes;
  for (const auto& [reason, count] : std::map<std::string, std::int64_t>(
           stats.failed_by_reason().begin(), stats.failed_by_reason().end())) {
    bytes += reason + "=" + std::to_string(count) + ";";
  }
  stats.clear_failed_by_reason();
  return bytes + stats.SerializeAsString();
}

}  // namespace

grpc::Status Handler::GetCampaignStats(grpc::ServerContext* context,
                                       const v1::GetCampaignStatsRequest* request,
                                       v1::CampaignStats* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead,
                    [&](const rpc::Call& call) -> absl::Status {
                      KABAR_RETURN_IF_ERROR(CheckRunId(request->run_id()));
                      KABAR_ASSIGN_OR_RETURN(
                          const LaneFigures figures,
                          store_.Read(call.outlet, request->run_id(), clock_.Now(), call.deadline));
                      ToProto(request->run_id(), figures, response);
                      return absl::OkStatus();
                    });
}

grpc::Status Handler::WatchCampaignStats(grpc::ServerContext* context,
                                         const v1::WatchCampaignStatsRequest* request,
                                         grpc::ServerWriter<v1::CampaignStats>* writer) {
  return rpc::ServeStream(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(CheckRunId(request->run_id()));
        const int asked = request->interval_ms() == 0 ? kDefaultIntervalMs : request->interval_ms();
        const absl::Duration interval = absl::Milliseconds(std::max(asked, kMinIntervalMs));
        std::string last;
        while (!call.Cancelled()) {
          KABAR_ASSIGN_OR_RETURN(const LaneFigures figures,
                                 store_.Read(call.outlet, request->run_id(), clock_.Now(),
                                             clock_.Now() + kReadTimeout));
          v1::CampaignStats stats;
          ToProto(request->run_id(), figures, &stats);
          std::string now = WithoutClock(stats);
          if (now != last && !writer->Write(stats)) break;
          last = std::move(now);
          if (!clock_.SleepFor(interval, call.stop)) break;
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::analytics
