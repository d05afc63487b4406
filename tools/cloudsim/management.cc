#include "tools/cloudsim/management.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/http_response.h"
#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/query.h"
#include "tools/cloudsim/send_handler.h"

namespace kabar::cloudsim {
namespace {

constexpr int kHighThroughput = 1000;

Json NumberJson(const PhoneNumber& number) {
  return Json{{"id", number.setup.id},
              {"verified_name", number.setup.verified_name},
              {"display_phone_number", number.setup.display_phone_number},
              {"quality_rating", number.setup.quality_rating},
              {"code_verification_status", "VERIFIED"},
              {"name_status", "APPROVED"},
              {"status", "CONNECTED"},
              {"platform_type", "CLOUD_API"},
              {"throughput",
               {{"level", number.setup.throughput >= kHighThroughput ? "HIGH" : "STANDARD"}}}};
}

Json TemplateJson(const Template& one) {
  Json components = Json::parse(one.setup.components_json, nullptr, false);
  return Json{{"id", one.id},
              {"name", one.setup.name},
              {"language", one.setup.language},
              {"status", one.setup.status},
              {"category", one.setup.category},
              {"parameter_format", one.named ? "NAMED" : "POSITIONAL"},
              {"quality_score", {{"score", one.quality}}},
              {"components", std::move(components)}};
}

// `fields=a,b` narrows an object to what was asked for; the id always comes.
Json Narrow(Json object, absl::string_view query) {
  const std::string fields = QueryText(query, "fields");
  if (fields.empty()) return object;
  Json narrowed = {{"id", object["id"]}};
  for (const absl::string_view field : absl::StrSplit(fields, ',')) {
    const std::string name(absl::StripAsciiWhitespace(field));
    if (object.contains(name)) narrowed[name] = object[name];
  }
  return narrowed;
}

bool GoodTemplateName(absl::string_view name) {
  return !name.empty() && name.size() <= 512 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

GraphError InvalidParameter(std::string details) {
  return {100, 0, std::move(details), "(#100) Invalid parameter"};
}

}  // namespace

void Management::Handle(const RequestInfo& info, const HttpRequest& request, absl::string_view id,
                        absl::string_view edge) {
  SettleReviews();
  const Reply reply = Route(request, id, edge);
  world_->loop->Send(info.connection, HttpResponse(reply.status, reply.body));
}

Management::Reply Management::Error(const GraphError& error) {
  Reply reply;
  reply.status = FindGraphError(error.code).http_status;
  AppendErrorBody(error, world_->seed ^ ++world_->traces, &reply.body);
  return reply;
}

Management::Reply Management::NoSuchObject(absl::string_view id, absl::string_view method) {
  return Error(
      {100, 33, "",
       absl::StrCat("Unsupported ", absl::AsciiStrToLower(method), " request. Object with ID '", id,
                    "' does not exist, cannot be loaded due to missing permissions, or "
                    "does not support this operation.")});
}

Management::Reply Management::Route(const HttpRequest& request, absl::string_view id,
                                    absl::string_view edge) {
  const auto* const rights = world_->accounts.FindToken(BearerToken(request.authorization));
  if (rights == nullptr) {
    return Error({190, 0, "", "Invalid OAuth access token - Cannot parse access token"});
  }
  const bool get = request.method == "GET";
  if (const PhoneNumber* const number = world_->accounts.FindNumber(id)) {
    if (!Accounts::Allowed(*rights, number->account)) return NoSuchObject(id, request.method);
    if (request.method == "POST" && edge == "media") return Upload(*number, request);
    if (!get || !edge.empty()) return NoSuchObject(id, request.method);
    return {200, DumpJson(Narrow(NumberJson(*number), request.query))};
  }
  if (Account* const account = world_->accounts.FindAccount(id)) {
    if (!Accounts::Allowed(*rights, account->index)) return NoSuchObject(id, request.method);
    if (get && edge.empty()) return {200, DumpJson({{"id", account->id}, {"name", account->name}})};
    if (get && edge == "phone_numbers") return ListNumbers(*account, request.query);
    if (edge == "message_templates") {
      if (get) return ListTemplates(*account, request.query);
      if (request.method == "POST") return CreateTemplate(account, request.body);
      if (request.method == "DELETE") return DeleteTemplate(account, request.query);
    }
    return NoSuchObject(id, request.method);
  }
  if (const Medium* const medium = world_->media.Find(id, NowUs())) {
    const uint32_t account = world_->accounts.number(medium->number).account;
    if (!edge.empty() || !Accounts::Allowed(*rights, account)) {
      return NoSuchObject(id, request.method);
    }
    return OneMedium(request, id, *medium);
  }
  uint32_t owner = 0;
  const Template* const found = world_->accounts.FindTemplateById(id, &owner);
  if (found == nullptr || !get || !edge.empty() || !Accounts::Allowed(*rights, owner)) {
    return NoSuchObject(id, request.method);
  }
  return {200, DumpJson(Narrow(TemplateJson(*found), request.query))};
}

Management::Reply Management::Upload(const PhoneNumber& number, const HttpRequest& request) {
  std::string id;
  GraphError error;
  if (!world_->media.Upload(number.index, request.content_type, request.body, NowUs(), &id,
                            &error)) {
    return Error(error);
  }
  return {200, DumpJson({{"id", id}})};
}

Management::Reply Management::OneMedium(const HttpRequest& request, absl::string_view id,
                                        const Medium& medium) {
  if (request.method == "DELETE") {
    world_->media.Delete(id);
    return {200, DumpJson({{"success", true}})};
  }
  if (request.method != "GET") return NoSuchObject(id, request.method);
  return {200, DumpJson({{"messaging_product", "whatsapp"},
                         {"id", std::string(id)},
                         {"mime_type", medium.mime_type},
                         {"sha256", medium.sha256},
                         {"file_size", medium.bytes}})};
}

Management::Reply Management::ListNumbers(const Account& account, absl::string_view query) {
  Json data = Json::array();
  for (const uint32_t index : account.numbers) {
    data.push_back(Narrow(NumberJson(world_->accounts.number(index)), query));
  }
  return {200, DumpJson({{"data", std::move(data)}})};
}

Management::Reply Management::ListTemplates(const Account& account, absl::string_view query) {
  std::vector<const Template*> chosen;
  const auto matches = [&](const char* name, const std::string& value) {
    const std::string wanted = QueryText(query, name);
    return wanted.empty() || absl::EqualsIgnoreCase(wanted, value);
  };
  for (const uint32_t index : account.templates) {
    const Template& one = world_->accounts.template_at(index);
    if (matches("name", one.setup.name) && matches("language", one.setup.language) &&
        matches("status", one.setup.status) && matches("category", one.setup.category)) {
      chosen.push_back(&one);
    }
  }
  // A cursor is the id of the last template of the page before.
  const std::string after = QueryText(query, "after");
  size_t begin = 0;
  for (size_t i = 0; i < chosen.size() && !after.empty(); ++i) {
    if (chosen[i]->id == after) begin = i + 1;
  }
  const auto limit = static_cast<size_t>(std::max<int64_t>(1, QueryInt(query, "limit", 25)));
  const size_t end = std::min(chosen.size(), begin + limit);
  Json data = Json::array();
  for (size_t i = begin; i < end; ++i) data.push_back(Narrow(TemplateJson(*chosen[i]), query));
  Json page = {{"data", std::move(data)}};
  if (begin < end) {
    page["paging"]["cursors"] = {{"before", chosen[begin]->id}, {"after", chosen[end - 1]->id}};
    if (end < chosen.size()) {
      page["paging"]["next"] =
          absl::StrCat("http://127.0.0.1:", world_->loop->port(), "/v23.0/", account.id,
                       "/message_templates?limit=", limit, "&after=", chosen[end - 1]->id);
    }
  }
  return {200, DumpJson(page)};
}

Management::Reply Management::CreateTemplate(Account* account, absl::string_view body) {
  const absl::StatusOr<Json> document = ParseJson(body);
  if (!document.ok() || !document->is_object()) {
    return Error(InvalidParameter("The request body is not a JSON object."));
  }
  const auto text = [&](const char* name) {
    const auto found = document->find(name);
    return found != document->end() && found->is_string() ? found->get<std::string>() : "";
  };
  TemplateSetup setup;
  setup.name = text("name");
  setup.language = text("language");
  setup.category = absl::AsciiStrToUpper(text("category"));
  if (!text("parameter_format").empty()) setup.parameter_format = text("parameter_format");
  if (!GoodTemplateName(setup.name)) {
    return Error(InvalidParameter("name: lower-case letters, digits and underscores only."));
  }
  if (setup.language.empty()) return Error(InvalidParameter("language: is required."));
  if (setup.category != "UTILITY" && setup.category != "MARKETING" &&
      setup.category != "AUTHENTICATION") {
    return Error(
        InvalidParameter("category: must be one of {UTILITY, MARKETING, AUTHENTICATION}."));
  }
  const auto components = document->find("components");
  if (components == document->end()) return Error(InvalidParameter("components: is required."));
  setup.components_json = DumpJson(*components);
  uint32_t index = 0;
  if (world_->accounts.FindTemplate(account->index, setup.name, setup.language, &index) !=
      nullptr) {
    return Error({100, 2388024,
                  absl::StrCat("There is already ", setup.language, " content for this template."),
                  "(#100) Invalid parameter"});
  }
  const int review_ms = world_->setup.limits.template_review_ms;
  setup.status = review_ms > 0 ? "PENDING" : "APPROVED";
  absl::StatusOr<Template> compiled = CompileTemplate(setup);
  if (!compiled.ok()) {
    return Error(InvalidParameter(std::string(compiled.status().message())));
  }
  if (review_ms > 0) {
    compiled->approved_at_us = NowUs() + review_ms * kMicrosPerMilli;
  }
  index = world_->accounts.PutTemplate(account->index, *std::move(compiled));
  const Template& created = world_->accounts.template_at(index);
  if (review_ms > 0) {
    Announce(account->index, created, "APPROVED", created.approved_at_us);
  }
  return {200, DumpJson({{"id", created.id},
                         {"status", created.setup.status},
                         {"category", created.setup.category}})};
}

Management::Reply Management::DeleteTemplate(Account* account, absl::string_view query) {
  const std::string name = QueryText(query, "name");
  if (name.empty()) return Error(InvalidParameter("name: is required."));
  const int removed =
      world_->accounts.DeleteTemplates(account->index, name, QueryText(query, "hsm_id"));
  if (removed == 0) {
    return Error({100, 2593002, "Message template not found.", "(#100) Invalid parameter"});
  }
  return {200, DumpJson({{"success", true}})};
}

void Management::SettleReviews() {
  // Few accounts with few templates; only reads of the management API come here.
  for (uint32_t i = 0; i < world_->accounts.account_count(); ++i) {
    for (const uint32_t index : world_->accounts.account(i).templates) {
      Template& one = world_->accounts.mutable_template(index);
      if (one.setup.status == "PENDING" && one.approved_at_us != 0 &&
          one.approved_at_us <= NowUs()) {
        one.setup.status = "APPROVED";
      }
    }
  }
}

void Management::Announce(uint32_t account, const Template& changed, absl::string_view event,
                          int64_t at_us) {
  if (!world_->webhooks.configured()) return;
  std::vector<WebhookEvent> events(1);
  events[0].due_us = at_us;
  events[0].body =
      ChangeBody(world_->accounts.account(account).id, "message_template_status_update",
                 TemplateStatusValue(changed, event), at_us);
  world_->webhooks.Enqueue(&events);
}

}  // namespace kabar::cloudsim
