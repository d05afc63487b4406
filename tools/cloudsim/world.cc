#include "tools/cloudsim/world.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/json_text.h"

namespace kabar::cloudsim {
namespace {

void AppendCommon(const World& world, int64_t start_us, uint32_t number, uint32_t recipient,
                  absl::string_view callback, std::string* out) {
  out->append("\"time_us\":");
  AppendInt(start_us, out);
  if (number != UINT32_MAX) {
    out->push_back(',');
    AppendJsonField("phone_number_id", world.accounts.number(number).setup.id, out);
  }
  if (recipient != UINT32_MAX) {
    out->push_back(',');
    AppendJsonField("to", world.recipients.Phone(recipient), out);
  }
  out->push_back(',');
  AppendJsonField("callback", callback, out);
}

void AppendSurroundings(const Surroundings& around, std::string* out) {
  if (!around.header.empty()) {
    out->push_back(',');
    AppendJsonField("header", around.header, out);
  }
  if (!around.footer.empty()) {
    out->push_back(',');
    AppendJsonField("footer", around.footer, out);
  }
  if (!around.buttons_json.empty()) {
    out->append(",\"buttons\":");
    out->append(around.buttons_json);
  }
}

}  // namespace

std::string CustomerWrites(World* world, const InboundRequest& request) {
  PairState& pair = world->limits.Pair(request.number, request.recipient);
  world->limits.Inbound(request.number, &pair, request.at_us);
  const absl::string_view phone = world->recipients.Phone(request.recipient);
  const CustomerSetup* const traits = world->recipients.Traits(request.recipient);
  InboundMessage message;
  message.number = world->accounts.number(request.number).facts;
  message.id = world->record.InboundId(world->inbound_serial++, phone);
  message.user_id = world->recipients.UserId(request.recipient);
  if (traits == nullptr || !traits->hides_phone) message.phone = std::string(phone);
  message.name = request.name;
  if (traits != nullptr) {
    if (message.name.empty()) message.name = traits->name;
    message.username = traits->username;
  }
  if (message.name.empty()) {
    message.name = absl::StrCat("Pelanggan ", phone.substr(phone.size() - 4));
  }
  message.type = request.type;
  message.content_json = request.content_json;
  message.context_id = request.context_id;
  message.at_us = request.at_us;
  if (request.tell && world->webhooks.configured()) {
    std::vector<WebhookEvent> events(request.duplicate ? 2 : 1);
    events[0].due_us = request.at_us;
    events[0].body = InboundBody(message);
    if (request.duplicate) {
      events[1] = events[0];
      events[1].duplicate = true;
      events[1].due_us += kMicrosPerSecond;
    }
    world->webhooks.Enqueue(&events);
  }
  return message.id;
}

absl::Status ApplySetup(World* world, const Setup& setup) {
  for (const CustomerSetup& customer : setup.customers) {
    if (PhoneDigits(customer.phone).empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("set-up: customers: \"", customer.phone, "\" is not a phone number"));
    }
  }
  absl::Status status = world->webhooks.Configure(setup.webhook);
  if (!status.ok()) return status;
  status = world->accounts.Apply(setup);
  if (!status.ok()) return status;
  world->setup = setup;
  world->limits.Configure(setup.limits);
  for (const CustomerSetup& customer : setup.customers) {
    const uint32_t recipient = world->recipients.Describe(customer);
    if (!customer.window_open) continue;
    for (uint32_t number = 0; number < world->accounts.number_count(); ++number) {
      world->limits.OpenWindow(&world->limits.Pair(number, recipient), NowUs());
    }
  }
  return absl::OkStatus();
}

void ApplyScenario(World* world, Scenario scenario) {
  world->faults.Load(scenario.faults, scenario.latency, NowUs());
  world->webhooks.SetBatch(scenario.statuses.batch);
  world->scenario = std::move(scenario);
}

void AppendRecordLine(const World& world, uint64_t number, std::string* out) {
  const Accepted& entry = world.record.entry(number);
  out->append("{\"n\":");
  AppendInt(static_cast<int64_t>(number), out);
  out->push_back(',');
  AppendJsonField("id", world.record.MessageId(number, world.recipients.Phone(entry.recipient)),
                  out);
  out->push_back(',');
  AppendCommon(world, entry.start_us, entry.number, entry.recipient, entry.callback, out);
  out->push_back(',');
  AppendJsonField("kind", KindName(entry.kind), out);
  if (entry.template_index >= 0) {
    const Template& used = world.accounts.template_at(static_cast<uint32_t>(entry.template_index));
    out->push_back(',');
    AppendJsonField("template", used.setup.name, out);
    out->push_back(',');
    AppendJsonField("language", used.setup.language, out);
  }
  out->push_back(',');
  AppendJsonField("body", entry.body, out);
  if (const Surroundings* const around = world.record.around(number)) {
    AppendSurroundings(*around, out);
  }
  absl::StrAppend(out, ",\"connection\":", entry.connection,
                  ",\"request\":", entry.request_on_connection,
                  ",\"seen\":", entry.seen ? "true" : "false");
  if (entry.by_user_id) out->append(",\"by_user_id\":true");
  out->push_back(',');
  AppendJsonField("fault", FaultName(entry.fault), out);
  out->push_back(',');
  AppendJsonField("told", FinalStatusName(entry.plan), out);
  out->push_back(',');
  AppendJsonField("answer", AnswerName(entry.answer), out);
  out->push_back('}');
}

void AppendRefusedLine(const World& world, const Refused& refused, std::string* out) {
  absl::StrAppend(out, "{\"code\":", refused.code, ",");
  AppendCommon(world, refused.start_us, refused.number, refused.recipient, refused.callback, out);
  out->push_back(',');
  AppendJsonField("fault", FaultName(refused.fault), out);
  out->push_back('}');
}

}  // namespace kabar::cloudsim
