// For kabarctl's tests: the contract of campaigns, played.
//
// Thread safety: guarded by the world's mutex. Blocks: never. Errors: what a test puts into
// `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_CAMPAIGNS_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_CAMPAIGNS_H_

#include <mutex>

#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "tools/kabarctl/testing/fake_world.h"

namespace kabar::kabarctl::testing {

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

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_CAMPAIGNS_H_
