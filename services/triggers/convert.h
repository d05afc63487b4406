// Between the domain and kabar.triggers.v1.
//
// Thread safety: free functions. Blocks: never. Errors: none; what a number means that this version
// does not know the domain refuses.
#ifndef KABAR_SERVICES_TRIGGERS_CONVERT_H_
#define KABAR_SERVICES_TRIGGERS_CONVERT_H_

#include "absl/time/time.h"
#include "kabar/triggers/v1/triggers.pb.h"
#include "services/triggers/answer.h"
#include "services/triggers/automation.h"
#include "services/triggers/business_event.h"
#include "services/triggers/step.h"

namespace kabar::triggers {

// Microseconds, as the database keeps them.
void Set(absl::Time time, google::protobuf::Timestamp* proto);

void ToProto(const BusinessEvent& from, v1::BusinessEvent* to);
BusinessEvent FromProto(const v1::BusinessEvent& from);
Automation FromProto(const v1::Automation& from);

void ToProto(const Automation& from, v1::Automation* to);
void ToProto(const DueStep& from, v1::DueStep* to);
void ToProto(const CustomerAnswer& from, v1::CustomerAnswer* to);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_CONVERT_H_
