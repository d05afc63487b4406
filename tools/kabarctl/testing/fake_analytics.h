// For kabarctl's tests: the contract of analytics, played.
//
// Thread safety: guarded by the world's mutex. Blocks: never. Errors: what a test puts into
// `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_ANALYTICS_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_ANALYTICS_H_

#include <mutex>
#include <vector>

#include "kabar/analytics/v1/analytics.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "libs/testing/eventually.h"
#include "tools/kabarctl/testing/fake_world.h"

namespace kabar::kabarctl::testing {

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

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_ANALYTICS_H_
