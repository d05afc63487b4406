#include "services/triggers/handler.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/guard.h"
#include "services/triggers/convert.h"
#include "services/triggers/mutate.h"
#include "services/triggers/paging.h"
#include "services/triggers/peers.h"
#include "services/triggers/trigger_variables.h"

namespace kabar::triggers {
namespace {

constexpr std::size_t kMaxIdBytes = 128;
// Larger numbers are refused by the domain; these would overflow on the way there.
constexpr std::int64_t kMaxDelaySeconds = 100 * 366 * 86400LL;
// Of looking again after a change that failed: the call's own time may be over.
constexpr absl::Duration kTidyTimeout = absl::Seconds(1);

absl::Status RequireId(const std::string& id, absl::string_view field, absl::string_view what) {
  if (id.empty()) return base::InvalidField(field, absl::StrCat("is required: the id of ", what));
  if (id.size() > kMaxIdBytes || id.find('\0') != std::string::npos) {
    return base::InvalidField(field, absl::StrCat("is no id of ", what));
  }
  return absl::OkStatus();
}

// A filter by id: any text that an id can be, or nothing.
absl::Status CheckFilter(const std::string& id, absl::string_view field) {
  return id.empty() ? absl::OkStatus() : RequireId(id, field, "what to list");
}

absl::Status CheckDelay(const v1::Automation& wanted) {
  if (wanted.delay_seconds() >= 0 && wanted.delay_seconds() <= kMaxDelaySeconds) {
    return absl::OkStatus();
  }
  return base::InvalidField("automation.delay_seconds",
                            "must be between 0 and 31622400 (366 days)");
}

// Without a mask: whatever is set. So to disable an automation the mask must say "enabled".
std::vector<std::string> PathsOf(const v1::UpdateAutomationRequest& request) {
  if (!request.update_mask().paths().empty()) {
    return {request.update_mask().paths().begin(), request.update_mask().paths().end()};
  }
  const v1::Automation& wanted = request.automation();
  std::vector<std::string> paths;
  if (!wanted.name().empty()) paths.push_back("name");
  if (wanted.event_type() != v1::EVENT_TYPE_UNSPECIFIED) paths.push_back("event_type");
  if (!wanted.template_id().empty()) paths.push_back("template_id");
  if (!wanted.sender_id().empty()) paths.push_back("sender_id");
  if (wanted.delay_seconds() != 0) paths.push_back("delay_seconds");
  if (wanted.enabled()) paths.push_back("enabled");
  if (wanted.extra_variables_size() > 0) paths.push_back("extra_variables");
  return paths;
}

absl::Status Merge(const v1::UpdateAutomationRequest& request, Automation* changed) {
  const Automation wanted = FromProto(request.automation());
  const std::vector<std::string> paths = PathsOf(request);
  if (paths.empty()) return base::InvalidField("update_mask", "names nothing to update");
  for (const std::string& path : paths) {
    if (path == "name") {
      changed->name = wanted.name;
    } else if (path == "event_type") {
      changed->event_type = wanted.event_type;
    } else if (path == "template_id") {
      changed->template_id = wanted.template_id;
    } else if (path == "sender_id") {
      changed->sender_id = wanted.sender_id;
    } else if (path == "delay_seconds") {
      changed->delay = wanted.delay;
    } else if (path == "enabled") {
      changed->enabled = wanted.enabled;
    } else if (path == "extra_variables") {
      changed->extra_variables = wanted.extra_variables;
    } else {
      return base::InvalidField(
          "update_mask", absl::StrCat("\"", path,
                                      "\" cannot be updated: name, event_type, template_id, "
                                      "sender_id, delay_seconds, enabled, extra_variables can"));
    }
  }
  return absl::OkStatus();
}

TemplateUse UseOf(const Automation& automation) {
  return {.automation_id = automation.id,
          .template_id = automation.template_id,
          .what = absl::StrCat("automation \"", automation.name, "\" of ",
                               EventTypeName(automation.event_type)),
          .variables = VariablesOf(automation)};
}

// What an automation names must exist. Other services are asked outside of the transaction:
// Require tells, inside, whether the answer is still missing; a repeated request never asks.
class ReferenceCheck {
 public:
  struct References {
    TemplateUse use = {};
    std::string sender_id = {};  // empty: checked before
    // Nothing is sent by it as it is, so a template that is gone or away does not stand in the way.
    bool template_may_fail = false;
    bool operator==(const References&) const = default;
  };

  // OK when `references` were checked and exist.
  absl::Status Require(References references) {
    if (checked_ && *checked_ == references) return absl::OkStatus();
    wanted_ = std::move(references);
    return absl::CancelledError("the references are not checked yet");
  }

  // Runs `mutate` until it has what it asks for: a change by another meanwhile may name others.
  absl::Status Run(Peers& peers, const std::string& outlet,
                   const std::function<absl::Status()>& mutate) {
    constexpr int kRounds = 4;
    absl::Status status;
    for (int round = 0; round < kRounds; ++round) {
      wanted_.reset();
      status = mutate();
      if (!wanted_) return status;
      KABAR_RETURN_IF_ERROR(Check(peers, outlet));
      checked_ = wanted_;
    }
    return base::Error(absl::StatusCode::kAborted, "AUTOMATION_CHANGING",
                       "the automation is being changed by others: try again");
  }

  // Templates may remember a use that was asked for here.
  bool may_have_put() const { return may_have_put_; }

 private:
  // The use comes last: what is refused before leaves none behind.
  absl::Status Check(Peers& peers, const std::string& outlet) {
    KABAR_RETURN_IF_ERROR(peers.CheckSender(outlet, wanted_->sender_id));
    const absl::Status put = peers.PutTemplateUse(outlet, wanted_->use);
    if (!absl::IsInvalidArgument(put)) may_have_put_ = true;
    return wanted_->template_may_fail ? absl::OkStatus() : put;
  }

  std::optional<References> checked_;
  std::optional<References> wanted_;
  bool may_have_put_ = false;
};

// A change that turns off, or one of what is off, that asks nothing new of the template.
bool TemplateMayFail(const Automation& before, const Automation& changed) {
  return !changed.enabled && changed.template_id == before.template_id &&
         VariablesOf(changed) == VariablesOf(before);
}

}  // namespace

void Handler::DropUse(const std::string& outlet, const std::string& automation_id) {
  const absl::Status dropped = peers_.DeleteTemplateUse(outlet, automation_id);
  if (dropped.ok()) return;
  log::Warn("templates still counts an automation that is gone",
            {{"outlet", outlet}, {"automation", automation_id}, {"error", dropped}});
}

void Handler::PutStoredUse(const std::string& outlet, const std::string& automation_id) {
  const absl::StatusOr<Automation> stored =
      store_.GetAutomation(outlet, automation_id, absl::Now() + kTidyTimeout);
  if (absl::IsNotFound(stored.status())) return DropUse(outlet, automation_id);
  const absl::Status put =
      stored.ok() ? peers_.PutTemplateUse(outlet, UseOf(*stored)) : stored.status();
  if (put.ok()) return;
  log::Warn("templates counts an automation as it was to become, not as it is",
            {{"outlet", outlet}, {"automation", automation_id}, {"error", put}});
}

// What PostgreSQL keeps is microseconds; an answer must equal what is read later.
absl::Time Handler::Now() const { return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())); }

grpc::Status Handler::PublishEvent(grpc::ServerContext* context,
                                   const v1::PublishEventRequest* request,
                                   v1::PublishEventResponse* response) {
  static metrics::Counter& fresh = metrics::GetCounter("kabar_triggers_events_total",
                                                       "Events published.", {{"duplicate", "no"}});
  static metrics::Counter& duplicate = metrics::GetCounter(
      "kabar_triggers_events_total", "Events published.", {{"duplicate", "yes"}});
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        const absl::Time now = Now();
        BusinessEvent event = FromProto(request->event());
        KABAR_RETURN_IF_ERROR(NormalizeEvent(&event, now));
        KABAR_ASSIGN_OR_RETURN(const Published published,
                               store_.Publish(call.outlet, event, now, call.deadline));
        response->set_duplicate(published.duplicate);
        response->set_steps(published.steps);
        (published.duplicate ? duplicate : fresh).Increment();
        if (!published.duplicate && published.steps > 0) planned_();
        return absl::OkStatus();
      });
}

grpc::Status Handler::CreateAutomation(grpc::ServerContext* context,
                                       const v1::CreateAutomationRequest* request,
                                       v1::Automation* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    ReferenceCheck check;
    const std::string id = base::NewId("aut");
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_RETURN_IF_ERROR(CheckDelay(request->automation()));
      Automation added = FromProto(request->automation());
      KABAR_RETURN_IF_ERROR(CheckAutomation(added));
      added.id = id;
      KABAR_RETURN_IF_ERROR(check.Require({UseOf(added), added.sender_id}));
      added.create_time = added.update_time = Now();
      KABAR_RETURN_IF_ERROR(unit.Insert(added));
      ToProto(added, response);
      return absl::OkStatus();
    };
    const absl::Status status = check.Run(peers_, call.outlet, [&] {
      return Mutate(call, "CreateAutomation", *request, response, work);
    });
    // Another answer than ours: the same request came twice at once, and the other one was first.
    const bool added = status.ok() && response->id() == id;
    // A COMMIT whose answer was lost may have added it.
    if (check.may_have_put() && !added &&
        !store_.GetAutomation(call.outlet, id, absl::Now() + kTidyTimeout).ok()) {
      DropUse(call.outlet, id);
    }
    return status;
  });
}

grpc::Status Handler::UpdateAutomation(grpc::ServerContext* context,
                                       const v1::UpdateAutomationRequest* request,
                                       v1::Automation* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    ReferenceCheck check;
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_RETURN_IF_ERROR(
          RequireId(request->automation().id(), "automation.id", "the automation"));
      KABAR_RETURN_IF_ERROR(CheckDelay(request->automation()));
      KABAR_ASSIGN_OR_RETURN(const Automation before, unit.Lock(request->automation().id()));
      Automation changed = before;
      KABAR_RETURN_IF_ERROR(Merge(*request, &changed));
      KABAR_RETURN_IF_ERROR(CheckAutomation(changed));
      // The use every time: templates may not have the one of before.
      KABAR_RETURN_IF_ERROR(check.Require(
          {UseOf(changed), changed.sender_id == before.sender_id ? "" : changed.sender_id,
           TemplateMayFail(before, changed)}));
      changed.update_time = Now();
      KABAR_RETURN_IF_ERROR(unit.Save(changed));
      ToProto(changed, response);
      return absl::OkStatus();
    };
    const absl::Status status = check.Run(peers_, call.outlet, [&] {
      return Mutate(call, "UpdateAutomation", *request, response, work);
    });
    if (check.may_have_put() && !status.ok()) PutStoredUse(call.outlet, request->automation().id());
    return status;
  });
}

grpc::Status Handler::DeleteAutomation(grpc::ServerContext* context,
                                       const v1::DeleteAutomationRequest* request,
                                       v1::DeleteAutomationResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(RequireId(request->id(), "id", "the automation"));
        const auto work = [&](Store::Unit& unit) -> absl::Status {
          KABAR_RETURN_IF_ERROR(unit.Lock(request->id()).status());
          return unit.Delete(request->id(), Now());
        };
        KABAR_RETURN_IF_ERROR(Mutate(call, "DeleteAutomation", *request, response, work));
        // Afterwards: deleting must work while templates is away.
        DropUse(call.outlet, request->id());
        return absl::OkStatus();
      });
}

grpc::Status Handler::GetAutomation(grpc::ServerContext* context,
                                    const v1::GetAutomationRequest* request,
                                    v1::Automation* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(RequireId(request->id(), "id", "the automation"));
        KABAR_ASSIGN_OR_RETURN(const Automation found,
                               store_.GetAutomation(call.outlet, request->id(), call.deadline));
        ToProto(found, response);
        return absl::OkStatus();
      });
}

grpc::Status Handler::ListAutomations(grpc::ServerContext* context,
                                      const v1::ListAutomationsRequest* request,
                                      v1::ListAutomationsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
        KABAR_ASSIGN_OR_RETURN(const PageStart after,
                               StartOfPage("automations", request->page_token()));
        KABAR_ASSIGN_OR_RETURN(const std::vector<Automation> found,
                               store_.ListAutomations(call.outlet, after, size + 1, call.deadline));
        for (const Automation& one : found) {
          if (response->automations_size() == size) {
            const Automation& shown = found[static_cast<std::size_t>(size) - 1];
            response->set_next_page_token(
                MakePageToken("automations", {shown.create_time, shown.id}));
            break;
          }
          ToProto(one, response->add_automations());
        }
        return absl::OkStatus();
      });
}

grpc::Status Handler::ListTriggerVariables(grpc::ServerContext* context,
                                           const v1::ListTriggerVariablesRequest*,
                                           v1::ListTriggerVariablesResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) {
    v1::TriggerVariables* trigger = nullptr;
    for (const TriggerVariable& one : TriggerVariables()) {
      const auto type = static_cast<v1::EventType>(one.event_type);
      if (trigger == nullptr || trigger->event_type() != type) {
        trigger = response->add_triggers();
        trigger->set_event_type(type);
      }
      v1::TriggerVariable* variable = trigger->add_variables();
      variable->set_name(one.name);
      variable->set_meaning(one.meaning);
    }
    return absl::OkStatus();
  });
}

grpc::Status Handler::ListDueSteps(grpc::ServerContext* context,
                                   const v1::ListDueStepsRequest* request,
                                   v1::ListDueStepsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(CheckFilter(request->event_id(), "event_id"));
        const std::string list = absl::StrCat("steps ", request->event_id());
        KABAR_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
        KABAR_ASSIGN_OR_RETURN(const PageStart after, StartOfPage(list, request->page_token()));
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<DueStep> found,
            store_.ListSteps(call.outlet, request->event_id(), after, size + 1, call.deadline));
        for (const DueStep& one : found) {
          if (response->steps_size() == size) {
            const DueStep& shown = found[static_cast<std::size_t>(size) - 1];
            response->set_next_page_token(MakePageToken(list, {shown.due_time, shown.id}));
            break;
          }
          ToProto(one, response->add_steps());
        }
        return absl::OkStatus();
      });
}

grpc::Status Handler::ListAnswers(grpc::ServerContext* context,
                                  const v1::ListAnswersRequest* request,
                                  v1::ListAnswersResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(CheckFilter(request->run_id(), "run_id"));
        const std::string list = absl::StrCat("answers ", request->run_id());
        KABAR_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
        KABAR_ASSIGN_OR_RETURN(const PageStart after, StartOfPage(list, request->page_token()));
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<CustomerAnswer> found,
            store_.ListAnswers(call.outlet, request->run_id(), after, size + 1, call.deadline));
        for (const CustomerAnswer& one : found) {
          if (response->answers_size() == size) {
            const CustomerAnswer& shown = found[static_cast<std::size_t>(size) - 1];
            response->set_next_page_token(MakePageToken(list, {shown.time, shown.inbound_id}));
            break;
          }
          ToProto(one, response->add_answers());
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::triggers
