#include "services/triggers/trigger_variables.h"

#include "libs/fields/fields.h"

namespace kabar::triggers {
namespace {

using enum EventType;

constexpr char kName[] = "the customer's name";
constexpr char kProduct[] = "what was ordered";
constexpr char kUser[] = "who looks after the customer";
constexpr char kSalesCode[] = "sales code";
constexpr char kInvoice[] = "invoice";
constexpr char kAirwayBill[] = "airway bill";

constexpr TriggerVariable kTable[] = {
    {kContactCreated, "contactname", kName},
    {kContactCreated, "username", kUser},

    {kOrderCreated, "contactname", kName},
    {kOrderCreated, "productname", kProduct},
    {kOrderCreated, "documentnumber", kSalesCode},
    {kOrderCreated, "username", kUser},

    {kOrderPaid, "contactname", kName},
    {kOrderPaid, "productname", kProduct},
    {kOrderPaid, "documentnumber", kInvoice},
    {kOrderPaid, "username", kUser},

    {kOrderDelivery, "contactname", kName},
    {kOrderDelivery, "productname", kProduct},
    {kOrderDelivery, "documentnumber", kAirwayBill},
    {kOrderDelivery, "username", kUser},

    {kOrderFollowupDelivery, "contactname", kName},
    {kOrderFollowupDelivery, "productname", kProduct},
    {kOrderFollowupDelivery, "documentnumber", kAirwayBill},
    {kOrderFollowupDelivery, "username", kUser},

    {kOrderReceived, "contactname", kName},
    {kOrderReceived, "productname", kProduct},
    {kOrderReceived, "documentnumber", kSalesCode},
    {kOrderReceived, "username", kUser},
};

}  // namespace

absl::Span<const TriggerVariable> TriggerVariables() { return kTable; }

const char* EventTypeName(EventType type) {
  switch (type) {
    case kUnspecified:
      return "EVENT_TYPE_UNSPECIFIED";
    case kContactCreated:
      return "CONTACT_CREATED";
    case kOrderCreated:
      return "ORDER_CREATED";
    case kOrderPaid:
      return "ORDER_PAID";
    case kOrderDelivery:
      return "ORDER_DELIVERY";
    case kOrderFollowupDelivery:
      return "ORDER_FOLLOWUP_DELIVERY";
    case kOrderReceived:
      return "ORDER_RECEIVED";
  }
  return "";
}

std::vector<std::string> VariablesOf(const Automation& automation) {
  std::vector<std::string> names;
  for (const TriggerVariable& one : kTable) {
    if (one.event_type == automation.event_type) names.emplace_back(one.name);
  }
  for (const fields::Field& field : fields::All()) {
    // Of the name every event has its own spelling above.
    if (field.owner == fields::Owner::kContact && field.name != "name" && !field.derived) {
      names.emplace_back(field.name);
    }
  }
  names.insert(names.end(), automation.extra_variables.begin(), automation.extra_variables.end());
  return names;
}

}  // namespace kabar::triggers
