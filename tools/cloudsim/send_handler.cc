#include "tools/cloudsim/send_handler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/http_response.h"
#include "tools/cloudsim/json_text.h"

namespace kabar::cloudsim {
namespace {

bool Fail(GraphError* error, int code, std::string details = "") {
  error->code = code;
  error->details = std::move(details);
  return false;
}

// In the record a fault that answers with a bare HTTP status, or not at all, has no Graph code.
int BareCode(int http_status) { return -std::max(1, http_status); }

}  // namespace

absl::string_view BearerToken(absl::string_view authorization) {
  if (authorization.size() < 7 || !absl::StartsWithIgnoreCase(authorization, "bearer ")) return {};
  return absl::StripAsciiWhitespace(authorization.substr(7));
}

void SendHandler::Handle(const RequestInfo& info, const HttpRequest& request,
                         absl::string_view number_id) {
  send_ = Send();
  send_.info = &info;
  GraphError error;
  if (!Authorise(request, number_id, &error)) {
    message_.callback = {};
    return Refuse(error);
  }
  if (!reader_.Read(request.body, &message_, &error)) {
    GraphError ignored;
    ResolveRecipient(&ignored);
    return Refuse(error);
  }
  if (!ResolveRecipient(&error)) return Refuse(error);
  const int full = world_->limits.TakeThroughput(send_.number->index,
                                                 send_.number->setup.throughput, info.arrival_us);
  if (full != 0) return Refuse({full, 0, "", ""});
  ++send_.pair->attempts;
  if (!PlayFault()) return;
  if (!CheckMedium(&error) || !CheckTemplate(&error)) return Refuse(error);
  if (!CheckLimits(&error) && !TellLater(error)) return Refuse(error);
  if (send_.late_error == 0 && !CheckCustomer(&error) && !TellLater(error)) return Refuse(error);
  Accept();
}

bool SendHandler::Authorise(const HttpRequest& request, absl::string_view number_id,
                            GraphError* error) {
  send_.number = world_->accounts.FindNumber(number_id);
  const auto* const rights = world_->accounts.FindToken(BearerToken(request.authorization));
  if (rights == nullptr) {
    error->code = 190;
    error->message = "Invalid OAuth access token - Cannot parse access token";
    return false;
  }
  if (send_.number == nullptr || !Accounts::Allowed(*rights, send_.number->account)) {
    error->code = 100;
    error->subcode = 33;
    error->message = absl::StrCat(
        "Unsupported post request. Object with ID '", number_id,
        "' does not exist, cannot be loaded due to missing permissions, or does not support this "
        "operation.");
    return false;
  }
  return true;
}

bool SendHandler::ResolveRecipient(GraphError* error) {
  if (!message_.user_id.empty()) {
    send_.recipient = world_->recipients.ByUserId(message_.user_id);
    if (send_.recipient == Recipients::kNobody) {
      return Fail(error, 131026, "No WhatsApp user has this business-scoped user ID.");
    }
  } else if (!message_.phone.empty()) {
    send_.recipient = world_->recipients.ByPhone(message_.phone);
  } else {
    return Fail(error, 100);
  }
  send_.pair = &world_->limits.Pair(send_.number->index, send_.recipient);
  return true;
}

bool SendHandler::PlayFault() {
  FaultContext context;
  context.number = send_.number->setup.id;
  context.recipient = world_->recipients.Phone(send_.recipient);
  context.callback = message_.callback;
  context.message_kind = KindName(message_.kind);
  context.attempt = send_.pair->attempts;
  context.reused = send_.info->request_on_connection > 1;
  context.now_us = send_.info->arrival_us;
  const FaultRule* const rule = world_->faults.Decide(context);
  if (rule == nullptr) return true;
  send_.fault = rule->kind;
  const ConnectionRef connection = send_.info->connection;
  switch (rule->kind) {
    case FaultKind::kError: {
      const GraphError error{rule->code, 0, "", ""};
      if (TellLater(error)) return true;
      Refuse(error, rule->status);
      return false;
    }
    case FaultKind::kHttp:
      RecordRefusal(BareCode(rule->status));
      Respond(rule->status, rule->body, 0);
      return false;
    case FaultKind::kTimeoutBefore:
      RecordRefusal(BareCode(0));
      world_->loop->Hang(connection);
      return false;
    case FaultKind::kCloseBefore:
      RecordRefusal(BareCode(0));
      world_->loop->Close(connection);
      return false;
    case FaultKind::kResetBefore:
      RecordRefusal(BareCode(0));
      world_->loop->Reset(connection);
      return false;
    default:
      return true;  // played after acceptance
  }
}

// Meta documents no code of its own for an id that is none; these words are what is seen.
bool SendHandler::CheckMedium(GraphError* error) {
  if (message_.media_id.empty()) return true;
  send_.medium = world_->media.Find(message_.media_id, send_.info->arrival_us);
  if (send_.medium != nullptr && send_.medium->number == send_.number->index) return true;
  *error = {100, 0, "",
            absl::StrCat("(#100) Param ", message_.media_kind,
                         "['id'] is not a valid whatsapp business account media attachment ID")};
  return false;
}

bool SendHandler::CheckTemplate(GraphError* error) {
  if (message_.kind != MessageKind::kTemplate) return true;
  uint32_t index = 0;
  const Template* const found = world_->accounts.FindTemplate(
      send_.number->account, message_.template_name, message_.template_language, &index);
  const bool pending =
      found != nullptr && found->setup.status == "PENDING" &&
      (found->approved_at_us == 0 || found->approved_at_us > send_.info->arrival_us);
  if (found == nullptr || pending || found->setup.status == "REJECTED" ||
      found->setup.status == "ARCHIVED") {
    return Fail(error, 132001,
                absl::StrCat("template name (", message_.template_name, ") does not exist in ",
                             message_.template_language));
  }
  if (found->setup.status == "PAUSED") return Fail(error, 132015);
  if (found->setup.status == "DISABLED") return Fail(error, 132016);
  send_.used_template = found;
  send_.template_index = static_cast<int32_t>(index);
  header_.clear();
  body_.clear();
  if (!ExpandTemplate(*found, message_.arguments, &header_, &body_, error)) return false;
  message_.body = body_;
  return true;
}

bool SendHandler::CheckLimits(GraphError* error) {
  const int64_t at_us = send_.info->arrival_us;
  send_.window_open = world_->limits.WindowOpen(*send_.pair, at_us);
  // Before the pair rate: whoever is refused free text may send the template at once.
  if (!send_.window_open && message_.kind != MessageKind::kTemplate) return Fail(error, 131047);
  const int too_fast = world_->limits.TakePair(send_.pair, at_us);
  if (too_fast != 0) return Fail(error, too_fast);
  if (send_.window_open) return true;
  const int full = world_->limits.TakePortfolio(
      world_->accounts.account(send_.number->account).portfolio, send_.recipient, at_us);
  if (full != 0) {
    return Fail(error, full,
                "The business portfolio has reached its messaging limit: unique customers outside "
                "customer service windows in a moving 24-hour period.");
  }
  return true;
}

bool SendHandler::CheckCustomer(GraphError* error) {
  const absl::string_view phone = world_->recipients.Phone(send_.recipient);
  if (phone == send_.number->facts->display_digits) return Fail(error, 131021);
  const CustomerSetup* const traits = world_->recipients.Traits(send_.recipient);
  // No country's numbers begin with 0: a national spelling reaches nobody.
  if (phone[0] == '0' || (traits != nullptr && !traits->on_whatsapp)) return Fail(error, 131026);
  return true;
}

bool SendHandler::TellLater(const GraphError& error) {
  if (world_->scenario.late_errors.count(error.code) == 0) return false;
  send_.late_error = error.code;
  return true;
}

void SendHandler::Accept() {
  Fate fate;
  const bool has_fate = world_->webhooks.configured();
  if (has_fate) PlanWebhooks(&fate);
  Accepted entry;
  entry.start_us = send_.info->arrival_us;
  entry.number = send_.number->index;
  entry.recipient = send_.recipient;
  entry.connection = static_cast<uint32_t>(send_.info->connection_id);
  entry.request_on_connection = send_.info->request_on_connection;
  entry.kind = message_.kind;
  entry.fault = IsAfterAccept(send_.fault) ? send_.fault : FaultKind::kNone;
  entry.plan = fate.told;
  entry.answer = fate.answer.kind;
  entry.by_user_id = !message_.user_id.empty();
  entry.template_index = send_.template_index;
  entry.callback = message_.callback;
  entry.body = message_.body;
  const Surroundings around = CollectSurroundings();
  const bool bare = around.header.empty() && around.footer.empty() && around.buttons_json.empty();
  const uint64_t number = world_->record.Accept(entry, bare ? nullptr : &around);
  ++send_.pair->accepted;
  if (send_.medium != nullptr) ++send_.medium->sends;
  const std::string message_id =
      world_->record.MessageId(number, world_->recipients.Phone(send_.recipient));
  if (world_->record.has_file() && !world_->record.summary_only()) {
    json_.clear();
    AppendRecordLine(*world_, number, &json_);
    json_.push_back('\n');
    world_->record.AppendToFile(json_);
  }
  if (has_fate) EnqueueWebhooks(fate, message_id);
  Answer(number, message_id);
}

void SendHandler::CollectButtons(FateInput* input) const {
  for (const ReplyButton& button : message_.buttons) {
    input->buttons.push_back({button.id, button.title});
  }
  if (message_.kind == MessageKind::kInteractive) {
    input->buttons_kind = message_.is_list ? FateInput::Buttons::kList : FateInput::Buttons::kReply;
  }
  if (send_.used_template == nullptr || !send_.used_template->has_quick_replies) return;
  input->buttons_kind = FateInput::Buttons::kTemplate;
  for (size_t i = 0; i < send_.used_template->buttons.size(); ++i) {
    const TemplateButton& button = send_.used_template->buttons[i];
    if (button.type != "QUICK_REPLY") continue;
    // Without a payload of its own a quick reply brings back its text.
    TapButton tap{button.text, button.text};
    for (const TemplateArguments::Button& given : message_.arguments.buttons) {
      if (static_cast<size_t>(given.index) == i && !given.parameters.empty() &&
          given.parameters[0].has_text) {
        tap.id = given.parameters[0].text;
      }
    }
    input->buttons.push_back(tap);
  }
}

Surroundings SendHandler::CollectSurroundings() const {
  Surroundings around;
  if (send_.used_template != nullptr) {
    around.header = header_;
    around.footer = send_.used_template->footer;
    if (send_.used_template->buttons.empty()) return around;
  } else if (message_.kind == MessageKind::kInteractive) {
    around.header = message_.header;
    around.footer = message_.footer;
  } else {
    return around;
  }
  FateInput input;
  CollectButtons(&input);
  if (input.buttons.empty()) return around;
  around.buttons_json = "[";
  for (const TapButton& button : input.buttons) {
    if (around.buttons_json.size() > 1) around.buttons_json.push_back(',');
    around.buttons_json.push_back('{');
    AppendJsonField("id", button.id, &around.buttons_json);
    around.buttons_json.push_back(',');
    AppendJsonField("title", button.title, &around.buttons_json);
    around.buttons_json.push_back('}');
  }
  around.buttons_json.push_back(']');
  return around;
}

void SendHandler::PlanWebhooks(Fate* fate) {
  FateInput input;
  input.seed = world_->seed;
  input.recipient = world_->recipients.Phone(send_.recipient);
  input.nth = send_.pair->accepted;
  input.accepted_us = send_.info->arrival_us;
  input.late_error = send_.late_error;
  input.may_answer =
      message_.kind != MessageKind::kReaction &&
      send_.pair->answers < static_cast<uint32_t>(world_->scenario.customers.max_answers);
  CollectButtons(&input);
  if (message_.is_link) input.buttons.clear();  // it opens an address and answers nothing
  PlanFate(input, world_->scenario.statuses, world_->scenario.customers, fate);
}

void SendHandler::EnqueueWebhooks(const Fate& fate, const std::string& message_id) {
  const CustomerSetup* const traits = world_->recipients.Traits(send_.recipient);
  auto facts = std::make_shared<MessageFacts>();
  facts->number = send_.number->facts;
  facts->id = message_id;
  facts->by_user_id = !message_.user_id.empty();
  // Whoever was addressed by phone is told about by phone, hidden or not.
  if (!facts->by_user_id || traits == nullptr || !traits->hides_phone) {
    facts->phone = std::string(world_->recipients.Phone(send_.recipient));
  }
  facts->user_id = world_->recipients.UserId(send_.recipient);
  facts->callback = std::string(message_.callback);
  facts->category = "service";
  if (send_.used_template != nullptr) {
    facts->category = absl::AsciiStrToLower(send_.used_template->setup.category);
    facts->billable = facts->category != "utility" || !send_.window_open;
  }
  bool priced = false;
  for (size_t i = 0; i < fate.status_count; ++i) {
    const PlannedStatus& planned = fate.statuses[i];
    WebhookEvent event;
    event.due_us = planned.told_us;
    event.duplicate = planned.duplicate;
    event.status.message = facts;
    event.status.kind = planned.kind;
    event.status.at_us = planned.at_us;
    event.status.code = planned.code;
    // Priced on `sent` and on the first sign of delivery.
    event.status.with_pricing =
        planned.kind == StatusKind::kSent || planned.kind == StatusKind::kDelivered || !priced;
    if (planned.kind == StatusKind::kDelivered) priced = true;
    events_.push_back(std::move(event));
  }
  world_->webhooks.Enqueue(&events_);
  if (fate.answer.kind == AnswerKind::kNone) return;
  ++send_.pair->answers;
  AnswerCounts& counts = world_->answers;
  switch (fate.answer.kind) {
    case AnswerKind::kYes:
      ++counts.yes;
      break;
    case AnswerKind::kNo:
      ++counts.no;
      break;
    case AnswerKind::kStop:
      ++counts.stop;
      break;
    default:
      ++counts.other;
  }
  InboundRequest inbound;
  inbound.number = send_.number->index;
  inbound.recipient = send_.recipient;
  inbound.type = fate.answer.type;
  inbound.content_json = fate.answer.content_json;
  inbound.context_id = fate.answer.with_context ? message_id : "";
  inbound.at_us = fate.answer.at_us;
  inbound.duplicate = fate.answer.duplicate;
  CustomerWrites(world_, inbound);
}

void SendHandler::Answer(uint64_t entry, const std::string& message_id) {
  const ConnectionRef connection = send_.info->connection;
  switch (send_.fault) {
    case FaultKind::kTimeoutAfter:
      return world_->loop->Hang(connection);
    case FaultKind::kCloseAfter:
      return world_->loop->Close(connection);
    case FaultKind::kResetAfter:
      return world_->loop->Reset(connection);
    case FaultKind::kBadGatewayAfter:
      world_->loop->Send(connection, HttpResponse(502, "<html><body>Bad Gateway</body></html>",
                                                  "text/html; charset=utf-8"));
      return;
    default:
      break;
  }
  json_.assign("{\"messaging_product\":\"whatsapp\",\"contacts\":[{");
  AppendJsonField("input", message_.input, &json_);
  json_.push_back(',');
  if (message_.user_id.empty()) {
    AppendJsonField("wa_id", message_.phone, &json_);
  } else {
    AppendJsonField("user_id", message_.user_id, &json_);
  }
  json_.append("}],\"messages\":[{\"id\":\"");
  json_.append(message_id);
  json_.append(message_.kind == MessageKind::kTemplate ? "\",\"message_status\":\"accepted\"}]}"
                                                       : "\"}]}");
  Respond(200, json_, entry + 1);
}

void SendHandler::RecordRefusal(int code) {
  Refused refused;
  refused.start_us = send_.info->arrival_us;
  refused.number = send_.number == nullptr ? UINT32_MAX : send_.number->index;
  refused.recipient = send_.recipient;
  refused.code = code;
  refused.fault = send_.fault;
  refused.callback = message_.callback;
  world_->record.Refuse(refused);
  if (!world_->record.has_file() || world_->record.summary_only()) return;
  json_.clear();
  AppendRefusedLine(*world_, refused, &json_);
  json_.push_back('\n');
  world_->record.AppendToFile(json_);
}

void SendHandler::Refuse(const GraphError& error, int status_override) {
  RecordRefusal(error.code);
  json_.clear();
  AppendErrorBody(error, world_->seed ^ ++world_->traces, &json_);
  const int status =
      status_override != 0 ? status_override : FindGraphError(error.code).http_status;
  Respond(status, json_, 0);
}

void SendHandler::Respond(int status, absl::string_view body, uint64_t token) {
  if (world_->faults.has_latency() && send_.pair != nullptr) {
    const int64_t latency_us =
        world_->faults.LatencyUs(world_->recipients.Phone(send_.recipient), send_.pair->attempts);
    if (latency_us > 0) {
      world_->loop->SendAt(send_.info->connection, send_.info->arrival_us + latency_us,
                           HttpResponse(status, body), token);
      return;
    }
  }
  response_.clear();
  AppendHttpResponse(status, body, &response_);
  if (world_->loop->Send(send_.info->connection, response_) && token != 0) {
    world_->record.MarkSeen(token - 1);
  }
}

}  // namespace kabar::cloudsim
