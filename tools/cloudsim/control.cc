#include "tools/cloudsim/control.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/http_response.h"
#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/json_text.h"
#include "tools/cloudsim/query.h"
#include "tools/cloudsim/template_changes.h"

namespace kabar::cloudsim {
namespace {

constexpr int64_t kDefaultLimit = 10000;
constexpr char kJsonLines[] = "application/x-ndjson; charset=utf-8";

// What of the record a query asks for.
struct Filter {
  explicit Filter(absl::string_view query, const World& world)
      : callback_prefix(QueryText(query, "callback_prefix")) {
    const std::string to = QueryText(query, "to");
    if (!to.empty()) {
      has_recipient = true;
      recipient = world.recipients.FindPhone(PhoneDigits(to));
    }
    const std::string id = QueryText(query, "phone_number_id");
    if (id.empty()) return;
    has_number = true;
    for (uint32_t i = 0; i < world.accounts.number_count(); ++i) {
      if (world.accounts.number(i).setup.id == id) number = i;
    }
  }
  bool Matches(uint32_t its_number, uint32_t its_recipient, absl::string_view callback) const {
    return (!has_number || its_number == number) &&
           (!has_recipient || its_recipient == recipient) &&
           absl::StartsWith(callback, callback_prefix);
  }

  const std::string callback_prefix;
  bool has_recipient = false;
  bool has_number = false;
  uint32_t recipient = Recipients::kNobody;
  uint32_t number = UINT32_MAX;
};

Json FaultCounts(const World& world) {
  Json counts = Json::object();
  for (int i = 1; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    if (world.record.fault_count(kind) > 0) {
      counts[std::string(FaultName(kind))] = world.record.fault_count(kind);
    }
  }
  return counts;
}

}  // namespace

int64_t MaxInWindow(std::vector<int64_t>* moments, int64_t window_us, int64_t* at_us) {
  std::sort(moments->begin(), moments->end());
  int64_t most = 0;
  for (size_t first = 0, last = 0; last < moments->size(); ++last) {
    while ((*moments)[last] - (*moments)[first] >= window_us) ++first;
    const auto count = static_cast<int64_t>(last - first + 1);
    if (count > most) {
      most = count;
      *at_us = (*moments)[first];
    }
  }
  return most;
}

void Control::Handle(const RequestInfo& info, const HttpRequest& request) {
  const bool get = request.method == "GET";
  const absl::string_view path = request.path;
  std::string body = "{\"ok\":true}";
  absl::string_view type;
  absl::Status status;
  if (path == "/healthz") {
    body = "ok\n";
    type = "text/plain";
  } else if (get && path == "/_sim/record") {
    body = Record(request.query);
    type = kJsonLines;
  } else if (get && path == "/_sim/refused") {
    body = RefusedLines(request.query);
    type = kJsonLines;
  } else if (get && path == "/_sim/summary") {
    body = Summary();
  } else if (get && path == "/_sim/max_in_window") {
    body = MaxInWindow(request.query);
  } else if (get && path == "/_sim/media") {
    body = UploadedMedia();
    type = kJsonLines;
  } else if (get && path == "/_sim/quiet") {
    body = Quiet();
  } else if (get) {
    status = absl::NotFoundError(absl::StrCat("no such page: ", path));
  } else if (path == "/_sim/scenario") {
    status = Scenario(request.body);
  } else if (path == "/_sim/setup") {
    status = SetUp(request.body);
  } else if (path == "/_sim/inbound") {
    status = Inbound(request.body, &body);
  } else if (path == "/_sim/event") {
    status = Event(request.body);
  } else if (path == "/_sim/template") {
    status = ChangeTemplate(world_, request.body);
  } else if (path == "/_sim/verify") {
    world_->webhooks.Verify(10 * kMicrosPerSecond);
  } else if (path == "/_sim/reset") {
    Reset();
  } else {
    status = absl::NotFoundError(absl::StrCat("no such page: ", path));
  }
  int http_status = 200;
  if (!status.ok()) {
    http_status = absl::IsNotFound(status) ? 404 : 400;
    body = "{";
    AppendJsonField("error", absl::string_view(status.message()), &body);
    body.push_back('}');
    type = "";
  }
  world_->loop->Send(info.connection, HttpResponse(http_status, body, type));
}

std::string Control::Record(absl::string_view query) const {
  const Filter filter(query, *world_);
  int64_t skip = QueryInt(query, "offset", 0);
  int64_t left = QueryInt(query, "limit", kDefaultLimit);
  std::string lines;
  if (world_->record.summary_only()) return lines;
  for (uint64_t n = world_->record.base(); n < world_->record.end() && left > 0; ++n) {
    const Accepted& entry = world_->record.entry(n);
    if (!filter.Matches(entry.number, entry.recipient, entry.callback)) continue;
    if (skip-- > 0) continue;
    --left;
    AppendRecordLine(*world_, n, &lines);
    lines.push_back('\n');
  }
  return lines;
}

std::string Control::RefusedLines(absl::string_view query) const {
  const Filter filter(query, *world_);
  int64_t skip = QueryInt(query, "offset", 0);
  int64_t left = QueryInt(query, "limit", kDefaultLimit);
  std::string lines;
  for (const Refused& refused : world_->record.refused()) {
    if (left <= 0) break;
    if (!filter.Matches(refused.number, refused.recipient, refused.callback)) continue;
    if (skip-- > 0) continue;
    --left;
    AppendRefusedLine(*world_, refused, &lines);
    lines.push_back('\n');
  }
  return lines;
}

std::string Control::Summary() const {
  world_->record.Digest();
  const cloudsim::Record& record = world_->record;
  const WebhookStats hooks = world_->webhooks.stats();
  Json refused = Json::object();
  uint64_t refused_total = 0;
  for (const auto& [code, count] : record.refused_by_code()) {
    // Without a Graph code: the HTTP status, or nothing at all.
    const std::string name = code >= 0    ? std::to_string(code)
                             : code == -1 ? "no_answer"
                                          : absl::StrCat("http_", -code);
    refused[name] = count;
    refused_total += count;
  }
  Json numbers = Json::object();
  for (uint32_t i = 0; i < world_->accounts.number_count(); ++i) {
    numbers[world_->accounts.number(i).setup.id] = {{"accepted", record.accepted_of(i)},
                                                    {"refused", record.refused_of(i)}};
  }
  Json statuses = Json::object();
  for (int i = 0; i < kStatusKinds; ++i) {
    statuses[std::string(StatusName(static_cast<StatusKind>(i)))] = hooks.statuses[i];
  }
  const AnswerCounts& answers = world_->answers;
  Json summary = {
      {"accepted", record.accepted()},
      {"distinct_messages", record.distinct_messages()},
      {"distinct_recipients", record.distinct_recipients()},
      {"content_hash", absl::StrCat(absl::Hex(record.content_hash(), absl::kZeroPad16))},
      {"requests", record.accepted() + refused_total},
      {"refused_total", refused_total},
      {"refused", std::move(refused)},
      {"faults", FaultCounts(*world_)},
      {"statuses", std::move(statuses)},
      {"answers",
       {{"yes", answers.yes},
        {"no", answers.no},
        {"other", answers.other},
        {"stop", answers.stop}}},
      {"numbers", std::move(numbers)},
      {"webhooks",
       {{"pending", hooks.pending},
        {"posts", hooks.posts},
        {"answered_200", hooks.answered_200},
        {"retries", hooks.retries},
        {"dropped", hooks.dropped},
        {"duplicates", hooks.duplicates},
        {"verified", hooks.verified},
        {"last_error", hooks.last_error}}}};
  return DumpJson(summary);
}

std::string Control::MaxInWindow(absl::string_view query) const {
  const int64_t window_us = std::max<int64_t>(1, QueryInt(query, "window_us", kMicrosPerSecond));
  const Filter filter(query, *world_);
  const bool accepted_only = QueryInt(query, "accepted", 0) != 0;
  const bool per_pair = QueryText(query, "per") == "pair";
  std::map<uint64_t, std::vector<int64_t>> groups;
  int64_t requests = 0;
  int64_t first_us = 0;
  int64_t last_us = 0;
  world_->record.ForEachStart([&](const Start& start) {
    if (accepted_only && !start.accepted) return;
    if (!filter.Matches(start.number, start.recipient, start.callback)) return;
    const uint64_t group =
        per_pair ? (static_cast<uint64_t>(start.number) << 32) | start.recipient : 0;
    groups[group].push_back(start.us);
    first_us = requests == 0 ? start.us : std::min(first_us, start.us);
    last_us = std::max(last_us, start.us);
    ++requests;
  });
  int64_t most = 0;
  int64_t at_us = 0;
  for (auto& [group, moments] : groups) {
    int64_t its_at_us = 0;
    const int64_t its_most = cloudsim::MaxInWindow(&moments, window_us, &its_at_us);
    if (its_most > most) {
      most = its_most;
      at_us = its_at_us;
    }
  }
  return absl::StrCat("{\"max\":", most, ",\"requests\":", requests, ",\"window_us\":", window_us,
                      ",\"at_us\":", at_us, ",\"first_us\":", first_us, ",\"last_us\":", last_us,
                      "}");
}

std::string Control::UploadedMedia() const {
  std::string lines;
  for (const auto& [id, medium] : world_->media.all()) {
    const Json line = {{"id", id},
                       {"phone_number_id", world_->accounts.number(medium.number).setup.id},
                       {"mime_type", medium.mime_type},
                       {"filename", medium.filename},
                       {"sha256", medium.sha256},
                       {"file_size", medium.bytes},
                       {"sends", medium.sends}};
    absl::StrAppend(&lines, DumpJson(line), "\n");
  }
  return lines;
}

std::string Control::Quiet() const {
  const uint64_t pending = world_->webhooks.stats().pending;
  const size_t late = world_->loop->late_responses();
  return absl::StrCat("{\"quiet\":", pending == 0 && late == 0 ? "true" : "false",
                      ",\"pending_webhooks\":", pending, ",\"late_responses\":", late, "}");
}

absl::Status Control::Scenario(absl::string_view body) {
  absl::StatusOr<cloudsim::Scenario> scenario = ParseScenario(body);
  if (!scenario.ok()) return scenario.status();
  ApplyScenario(world_, *std::move(scenario));
  return absl::OkStatus();
}

absl::Status Control::SetUp(absl::string_view body) {
  const absl::StatusOr<Setup> setup = ParseSetup(body, world_->setup);
  if (!setup.ok()) return setup.status();
  return ApplySetup(world_, *setup);
}

absl::Status Control::Inbound(absl::string_view body, std::string* reply) {
  const absl::StatusOr<Json> document = ParseJson(body);
  if (!document.ok()) return document.status();
  std::string phone, user_id, number_id, text, type = "text", payload, title, context;
  InboundRequest inbound;
  absl::Status status;
  {
    JsonFields fields(*document, "", &status);
    fields.Read("phone", &phone);
    fields.Read("user_id", &user_id);
    fields.Read("phone_number_id", &number_id);
    fields.Read("name", &inbound.name);
    fields.Read("type", &type);
    fields.Read("text", &text);
    fields.Read("payload", &payload);
    fields.Read("title", &title);
    fields.Read("context", &context);
    fields.Read("webhook", &inbound.tell);
  }
  if (!status.ok()) return status;
  inbound.recipient = user_id.empty() ? Recipients::kNobody : world_->recipients.ByUserId(user_id);
  const std::string digits = PhoneDigits(phone);
  if (inbound.recipient == Recipients::kNobody && !digits.empty()) {
    inbound.recipient = world_->recipients.ByPhone(digits);
  }
  uint64_t quoted = 0;
  if (phone.empty() && user_id.empty() && world_->record.FindMessage(context, &quoted)) {
    inbound.recipient = world_->record.entry(quoted).recipient;
    if (number_id.empty()) inbound.number = world_->record.entry(quoted).number;
  }
  if (inbound.recipient == Recipients::kNobody) {
    return absl::InvalidArgumentError(
        "phone or user_id must name a customer, or context a message to one");
  }
  if (!number_id.empty()) {
    const PhoneNumber* const number = world_->accounts.FindNumber(number_id);
    if (number == nullptr) return absl::InvalidArgumentError("phone_number_id is not known");
    inbound.number = number->index;
  } else if (world_->accounts.number_count() == 0) {
    return absl::InvalidArgumentError("there is no phone number to write to");
  }
  inbound.type = type;
  if (type == "text") {
    inbound.content_json = TextContent(text);
  } else if (type == "button") {
    inbound.content_json = ButtonContent(payload.empty() ? text : payload, text);
  } else if (type == "interactive") {
    inbound.content_json = ReplyContent(false, payload, title.empty() ? text : title);
  } else {
    return absl::InvalidArgumentError("type must be text, button or interactive");
  }
  inbound.context_id = context;
  if (context == "last") {
    inbound.context_id.clear();
    for (uint64_t n = world_->record.end(); n > world_->record.base(); --n) {
      const Accepted& entry = world_->record.entry(n - 1);
      if (entry.recipient != inbound.recipient || entry.number != inbound.number) continue;
      inbound.context_id =
          world_->record.MessageId(n - 1, world_->recipients.Phone(entry.recipient));
      break;
    }
  }
  inbound.at_us = NowUs();
  *reply = "{";
  AppendJsonField("id", CustomerWrites(world_, inbound), reply);
  reply->push_back('}');
  return absl::OkStatus();
}

absl::Status Control::Event(absl::string_view body) {
  const absl::StatusOr<Json> document = ParseJson(body);
  if (!document.ok()) return document.status();
  std::string account, field;
  absl::Status status;
  std::string value = "{}";
  {
    JsonFields fields(*document, "", &status);
    fields.Read("waba_id", &account);
    fields.Read("field", &field);
    if (const Json* const found = fields.Find("value")) {
      value = found->dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
    }
  }
  if (!status.ok()) return status;
  if (field.empty()) return absl::InvalidArgumentError("field is required");
  if (!world_->webhooks.configured()) return absl::InvalidArgumentError("no webhook is set up");
  std::vector<WebhookEvent> events(1);
  events[0].due_us = NowUs();
  events[0].body = ChangeBody(account, field, value, events[0].due_us);
  world_->webhooks.Enqueue(&events);
  return absl::OkStatus();
}

void Control::Reset() {
  world_->webhooks.Clear();
  world_->record.Reset();
  world_->limits.Reset();
  world_->answers = AnswerCounts();
  ApplyScenario(world_, world_->scenario);
}

}  // namespace kabar::cloudsim
