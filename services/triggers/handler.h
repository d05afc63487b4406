// gRPC kabar.triggers.v1.TriggersService: checks requests, calls domain and store, answers.
//
// Thread safety: safe for concurrent use. Blocks: as the store, until the call's deadline; creating
// and changing an automation also asks templates and dispatcher. Errors: those of
// libs/rpc/guard.h, of store.h, UNAVAILABLE when a service that must be asked is away, and
// INVALID_ARGUMENT with field violations.
#ifndef KABAR_SERVICES_TRIGGERS_HANDLER_H_
#define KABAR_SERVICES_TRIGGERS_HANDLER_H_

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "kabar/triggers/v1/triggers.grpc.pb.h"
#include "services/triggers/store.h"

namespace kabar::base {
class Clock;
}
namespace kabar::rpc {
class Guard;
struct Call;
}  // namespace kabar::rpc

namespace kabar::triggers {

class Peers;

class Handler : public v1::TriggersService::Service {
 public:
  // All outlive the handler. `planned` is called after steps were planned.
  Handler(Store& store, Peers& peers, base::Clock& clock, rpc::Guard& guard,
          std::function<void()> planned)
      : store_(store), peers_(peers), clock_(clock), guard_(guard), planned_(std::move(planned)) {}

  grpc::Status PublishEvent(grpc::ServerContext* context, const v1::PublishEventRequest* request,
                            v1::PublishEventResponse* response) override;
  grpc::Status CreateAutomation(grpc::ServerContext* context,
                                const v1::CreateAutomationRequest* request,
                                v1::Automation* response) override;
  grpc::Status GetAutomation(grpc::ServerContext* context, const v1::GetAutomationRequest* request,
                             v1::Automation* response) override;
  grpc::Status ListAutomations(grpc::ServerContext* context,
                               const v1::ListAutomationsRequest* request,
                               v1::ListAutomationsResponse* response) override;
  grpc::Status UpdateAutomation(grpc::ServerContext* context,
                                const v1::UpdateAutomationRequest* request,
                                v1::Automation* response) override;
  grpc::Status DeleteAutomation(grpc::ServerContext* context,
                                const v1::DeleteAutomationRequest* request,
                                v1::DeleteAutomationResponse* response) override;
  grpc::Status ListTriggerVariables(grpc::ServerContext* context,
                                    const v1::ListTriggerVariablesRequest* request,
                                    v1::ListTriggerVariablesResponse* response) override;
  grpc::Status ListDueSteps(grpc::ServerContext* context, const v1::ListDueStepsRequest* request,
                            v1::ListDueStepsResponse* response) override;
  grpc::Status ListAnswers(grpc::ServerContext* context, const v1::ListAnswersRequest* request,
                           v1::ListAnswersResponse* response) override;
  grpc::Status ExportPersonalData(
      grpc::ServerContext* context, const v1::ExportPersonalDataRequest* request,
      grpc::ServerWriter<v1::ExportPersonalDataResponse>* writer) override;

 private:
  // Work in one transaction, at most once per request id.
  template <typename Request, typename Response>
  absl::Status Mutate(const rpc::Call& call, absl::string_view method, const Request& request,
                      Response* response, absl::FunctionRef<absl::Status(Store::Unit&)> work);
  absl::Time Now() const;
  // What templates remembers of an automation that is not there, and of one whose change failed.
  // Failures are logged.
  void DropUse(const std::string& outlet, const std::string& automation_id);
  void PutStoredUse(const std::string& outlet, const std::string& automation_id);

  Store& store_;
  Peers& peers_;
  base::Clock& clock_;
  rpc::Guard& guard_;
  const std::function<void()> planned_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_HANDLER_H_
