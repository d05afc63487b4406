// gRPC kabar.analytics.v1.AnalyticsService.
//
// Thread safety: safe for concurrent use. Blocks: as the store, until the call's deadline; the
// stream until the caller is gone. Errors: those of libs/rpc/guard.h and of store.h.
#ifndef KABAR_SERVICES_ANALYTICS_HANDLER_H_
#define KABAR_SERVICES_ANALYTICS_HANDLER_H_

#include "kabar/analytics/v1/analytics.grpc.pb.h"
#include "services/analytics/store.h"

namespace kabar::base {
class Clock;
}
namespace kabar::rpc {
class Guard;
}

namespace kabar::analytics {

class Handler : public v1::AnalyticsService::Service {
 public:
  // All outlive the handler.
  Handler(Store& store, base::Clock& clock, rpc::Guard& guard)
      : store_(store), clock_(clock), guard_(guard) {}

  grpc::Status GetCampaignStats(grpc::ServerContext* context,
                                const v1::GetCampaignStatsRequest* request,
                                v1::CampaignStats* response) override;
  grpc::Status WatchCampaignStats(grpc::ServerContext* context,
                                  const v1::WatchCampaignStatsRequest* request,
                                  grpc::ServerWriter<v1::CampaignStats>* writer) override;

 private:
  Store& store_;
  base::Clock& clock_;
  rpc::Guard& guard_;
};

}  // namespace kabar::analytics

#endif  // KABAR_SERVICES_ANALYTICS_HANDLER_H_
