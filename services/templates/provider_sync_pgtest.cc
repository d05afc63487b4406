// Provider templates as WhatsApp has them: looked up, told by webhooks, submitted; and what their
// trouble makes of rendering. Against a dispatcher of the test's own and a real PostgreSQL.
#include "services/templates/provider_sync.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "services/templates/testing/handler_fixture.h"

namespace kabar::templates {
namespace {

using namespace testing;  // NOLINT: the fixture and what it says
using Catch::Matchers::Contains;

// WhatsApp behind the dispatcher: two templates a page. The test thread sets it between calls.
class FakeDispatcher : public dispatcher::v1::DispatcherService::Service {
 public:
  absl::Status fault;
  std::string faulty;  // the account that the fault is of; empty: all
  std::vector<std::pair<std::string, std::string>> accounts = {{"toko-a", "777"}};
  std::vector<dispatcher::v1::AccountTemplate> templates;
  std::vector<dispatcher::v1::TemplateNews> news;
  std::vector<dispatcher::v1::SubmitAccountTemplateRequest> submitted;
  int asked = 0;
  size_t page = 2;

  grpc::Status ListAccounts(grpc::ServerContext* context,
                            const dispatcher::v1::ListAccountsRequest*,
                            dispatcher::v1::ListAccountsResponse* answer) override {
    const auto& named = context->client_metadata();
    const auto outlet = named.find("x-kabar-outlet");
    for (const auto& [of, id] : accounts) {
      if (outlet != named.end() &&
          std::string(outlet->second.data(), outlet->second.size()) != of) {
        continue;
      }
      auto* account = answer->add_accounts();
      account->set_outlet_id(of);
      account->set_account_id(id);
    }
    return grpc::Status::OK;
  }
  grpc::Status ListAccountTemplates(grpc::ServerContext*,
                                    const dispatcher::v1::ListAccountTemplatesRequest* request,
                                    dispatcher::v1::ListAccountTemplatesResponse* answer) override {
    ++asked;
    if (!fault.ok() && (faulty.empty() || faulty == request->account_id())) {
      return rpc::ToGrpc(fault);
    }
    const size_t first = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    for (size_t i = first; i < first + page && i < templates.size(); ++i) {
      *answer->add_templates() = templates[i];
    }
    if (first + page < templates.size()) answer->set_next_page_token(absl::StrCat(first + page));
    return grpc::Status::OK;
  }
  grpc::Status SubmitAccountTemplate(
      grpc::ServerContext*, const dispatcher::v1::SubmitAccountTemplateRequest* request,
      dispatcher::v1::SubmitAccountTemplateResponse* answer) override {
    submitted.push_back(*request);
    if (!fault.ok()) return rpc::ToGrpc(fault);
    answer->set_id("9");
    answer->set_status("PENDING");
    answer->set_category("MARKETING");  // WhatsApp decides
    return grpc::Status::OK;
  }
  grpc::Status ListTemplateNews(grpc::ServerContext*,
                                const dispatcher::v1::ListTemplateNewsRequest* request,
                                dispatcher::v1::ListTemplateNewsResponse* answer) override {
    for (const auto& one : news) {
      if (one.number() > request->after_number()) *answer->add_news() = one;
    }
    return grpc::Status::OK;
  }

  dispatcher::v1::AccountTemplate& Add(const std::string& name, const std::string& body,
                                       const std::string& status = "APPROVED") {
    auto& added = templates.emplace_back();
    added.set_name(name);
    added.set_language("id");
    added.set_status(status);
    added.set_category("UTILITY");
    added.set_body(body);
    return added;
  }
  void Tell(int64_t number, const std::string& name, const std::string& status, absl::Time time) {
    auto& added = news.emplace_back();
    added.set_number(number);
    added.set_account_id("777");
    added.set_name(name);
    added.set_language("id");
    added.set_status(status);
    added.set_reason("so it is");
    added.mutable_time()->set_seconds(absl::ToUnixSeconds(time));
  }
};

struct SyncFixture : Fixture {
  FakeDispatcher dispatcher;
  rpc::testing::LocalServer dispatcher_server{guard, {&dispatcher}};
  Peers peers{dispatcher_server.address(), "service"};
  ProviderSync sync{{}, store, peers, clock};
  Handler with_sync{store, compiled, clock, guard, template_lang::WesternIndonesia(), &sync};
  rpc::testing::LocalServer sync_server{guard, {&with_sync}};
  std::unique_ptr<Stub> plain_stub =
      std::exchange(stub, v1::TemplatesService::NewStub(sync_server.channel()));

  void Round() {
    clock.Advance(absl::Seconds(3));
    REQUIRE_THAT(sync.RunOnce(), IsOk());
  }
  std::map<std::string, v1::ProviderTemplate> Known() {
    std::map<std::string, v1::ProviderTemplate> known;
    const auto list = Call(&Stub::ListProviderTemplates, v1::ListProviderTemplatesRequest());
    REQUIRE_THAT(list, IsOk());
    for (const auto& one : list->provider_templates()) known[one.name()] = one;
    return known;
  }
  std::string TroubleOfRendered(const std::string& id) {
    const auto rendered = Call(&Stub::RenderBatch, Batch(id, 0, {"nama"}, {{"Budi"}}));
    REQUIRE_THAT(rendered, IsOk());
    CHECK(rendered->rendered(0).text() == "Halo Budi");  // the text goes whatever the form
    CHECK(rendered->rendered(0).provider_form().name() == "antar");
    return rendered->rendered(0).provider_form().trouble();
  }
};

TEST_CASE_METHOD(SyncFixture, "ProviderSync: takes over what WhatsApp has, all pages",
                 "[templates][pg]") {
  auto& full = dispatcher.Add("antar", "Halo {{nama}}, {{resi}}");
  full.set_quality("YELLOW");
  full.set_header_format("TEXT");
  full.set_header("Paket {{1}}");
  full.set_footer("Toko");
  auto* button = full.add_buttons();
  button->set_type("URL");
  button->set_text("Lacak");
  button->set_url("https://t.id/{{1}}");
  dispatcher.Add("sampai", "Hai {{1}} {{2}}", "REJECTED").set_reason("INVALID_FORMAT");
  dispatcher.Add("lain", "Hai");
  Round();
  auto known = Known();
  REQUIRE(known.size() == 3);
  CHECK(known["antar"].account_id() == "777");
  CHECK(known["antar"].parameters() == 2);
  CHECK(known["antar"].parameter_names_size() == 2);
  CHECK(known["antar"].quality() == "YELLOW");
  CHECK(known["antar"].header() == "Paket {{1}}");
  CHECK(known["antar"].footer() == "Toko");
  REQUIRE(known["antar"].buttons_size() == 1);
  CHECK(known["antar"].buttons(0).url() == "https://t.id/{{1}}");
  CHECK(known["antar"].trouble().empty());
  CHECK(known["antar"].has_sync_time());
  CHECK(known["sampai"].trouble() == "PROVIDER_TEMPLATE_NOT_APPROVED");
  CHECK_THAT(known["sampai"].trouble_text(), Contains("INVALID_FORMAT"));

  // Asked again only after a while, whatever was not told by itself.
  dispatcher.templates.pop_back();
  const int asked = dispatcher.asked;
  Round();
  CHECK(dispatcher.asked == asked);
  CHECK(Known()["lain"].status() == "APPROVED");
  clock.Advance(absl::Minutes(5));
  Round();
  CHECK(Known()["lain"].status() == "DELETED");
  CHECK(Known()["lain"].trouble() == "PROVIDER_TEMPLATE_NOT_APPROVED");
}

TEST_CASE_METHOD(SyncFixture, "ProviderSync: one's account is no other outlet's",
                 "[templates][pg]") {
  dispatcher.Add("antar", "Halo");
  Round();
  key = "operator-b";
  CHECK(Known().empty());
  dispatcher.accounts.emplace_back("toko-b", "777");  // a number of theirs joins the account
  Round();
  CHECK(Known().size() == 1);
}

TEST_CASE_METHOD(SyncFixture, "ProviderSync: news count at once, and have the account asked",
                 "[templates][pg]") {
  dispatcher.Add("antar", "Halo {{1}}");
  Round();
  const std::string id = Create("antar", "{{provider \"antar\" \"id\" nama}}Halo {nama}")->id();
  CHECK(TroubleOfRendered(id).empty());
  // WhatsApp cannot be asked now, and its word counts all the same.
  dispatcher.fault = absl::UnavailableError("away");
  dispatcher.Tell(5, "antar", "PAUSED", clock.Now() + absl::Seconds(2));
  Round();
  CHECK(Known()["antar"].status() == "PAUSED");
  CHECK_THAT(Known()["antar"].trouble_text(), Contains("so it is"));
  CHECK(TroubleOfRendered(id) == "PROVIDER_TEMPLATE_PAUSED");
  const auto got = Get(id);
  REQUIRE_THAT(got, IsOk());
  CHECK(got->provider_templates(0).trouble() == "PROVIDER_TEMPLATE_PAUSED");
  // It is asked again once the fault has had its time, and then its list is the newer word.
  dispatcher.fault = absl::OkStatus();
  clock.Advance(absl::Seconds(30));
  Round();
  CHECK(Known()["antar"].status() == "APPROVED");
  CHECK(TroubleOfRendered(id).empty());
}

TEST_CASE_METHOD(SyncFixture, "ProviderSync: old news never beat a newer answer",
                 "[templates][pg]") {
  dispatcher.Add("antar", "Halo {{1}}");
  dispatcher.Tell(5, "antar", "PAUSED", clock.Now() - absl::Hours(1));
  Round();
  Round();  // as after a restart, the news are looked at once more
  ProviderSync restarted({}, store, peers, clock);
  REQUIRE_THAT(restarted.RunOnce(), IsOk());
  CHECK(Known()["antar"].status() == "APPROVED");
}

TEST_CASE_METHOD(SyncFixture, "provider templates: another category stops sending until accepted",
                 "[templates][pg]") {
  auto& told = dispatcher.Add("antar", "Halo {{1}}");
  Round();
  const std::string id = Create("antar", "{{provider \"antar\" \"id\" nama}}Halo {nama}")->id();
  CHECK(TroubleOfRendered(id).empty());
  told.set_category("MARKETING");
  const auto synced = Call(&Stub::SyncProviderTemplates, v1::SyncProviderTemplatesRequest());
  REQUIRE_THAT(synced, IsOk());
  CHECK(synced->accounts() == 1);
  CHECK(synced->templates() == 1);
  CHECK(synced->changed() == 1);
  CHECK(Known()["antar"].category() == "MARKETING");
  CHECK(Known()["antar"].agreed_category() == "UTILITY");
  CHECK(TroubleOfRendered(id) == "PROVIDER_TEMPLATE_RECATEGORISED");  // at once, where it was seen
  CHECK_THAT(Known()["antar"].trouble_text(), Contains("from UTILITY to MARKETING"));

  v1::AcceptProviderTemplateRequest accept;
  accept.set_name("antar");
  accept.set_language("id");
  const auto accepted = Call(&Stub::AcceptProviderTemplate, accept);
  REQUIRE_THAT(accepted, IsOk());
  CHECK(accepted->trouble().empty());
  CHECK(TroubleOfRendered(id).empty());  // at once
  CHECK(Call(&Stub::SyncProviderTemplates, v1::SyncProviderTemplatesRequest())->changed() == 0);
  CHECK(Known()["antar"].agreed_category() == "MARKETING");
  accept.set_name("kosong");
  CHECK_THAT(Call(&Stub::AcceptProviderTemplate, accept), ReasonIs("PROVIDER_TEMPLATE_NOT_FOUND"));
}

TEST_CASE_METHOD(SyncFixture,
                 "provider templates: changed parameters stop a version that has the old",
                 "[templates][pg]") {
  auto& told = dispatcher.Add("antar", "Halo {{1}}");
  Round();
  const std::string id = Create("antar", "{{provider \"antar\" \"id\" nama}}Halo {nama}")->id();
  told.set_body("Halo {{1}}, {{2}}");
  REQUIRE_THAT(Call(&Stub::SyncProviderTemplates, v1::SyncProviderTemplatesRequest()), IsOk());
  clock.Advance(absl::Seconds(3));
  CHECK(TroubleOfRendered(id) == "PROVIDER_TEMPLATE_CHANGED");
  const auto got = Get(id);
  CHECK_THAT(got->provider_templates(0).trouble_text(), Contains("takes 2 parameters, and 1"));
  CHECK_THAT(Update(id, "{{provider \"antar\" \"id\" nama}}Halo {nama}"),
             HasFieldViolation("template.message"));
  REQUIRE_THAT(Update(id, "{{provider \"antar\" \"id\" nama no_resi|\"-\"}}Halo {nama}"), IsOk());
  CHECK(TroubleOfRendered(id).empty());
}

TEST_CASE_METHOD(SyncFixture,
                 "ProviderSync: an account that was put right takes over its templates",
                 "[templates][pg]") {
  dispatcher.Add("antar", "Halo");
  Round();
  CHECK(Known()["antar"].account_id() == "777");
  // While the outlet names both, what the first one has stays its own.
  dispatcher.accounts.emplace_back("toko-a", "888");
  dispatcher.fault = absl::UnavailableError("away");
  dispatcher.faulty = "777";
  dispatcher.templates[0].set_status("PAUSED");
  Round();
  CHECK(Known()["antar"].account_id() == "777");
  CHECK(Known()["antar"].status() == "APPROVED");
  dispatcher.accounts.erase(dispatcher.accounts.begin());
  clock.Advance(absl::Minutes(5));
  Round();
  CHECK(Known()["antar"].account_id() == "888");
  CHECK(Known()["antar"].status() == "PAUSED");
}

TEST_CASE_METHOD(SyncFixture, "ProviderSync: one that is not understood is there all the same",
                 "[templates][pg]") {
  dispatcher.Add("antar", "Halo");
  Round();
  dispatcher.templates[0].clear_status();
  dispatcher.templates[0].clear_body();
  clock.Advance(absl::Minutes(5));
  Round();
  CHECK(Known()["antar"].status() == "APPROVED");
  CHECK(Known()["antar"].body() == "Halo");
}

TEST_CASE_METHOD(SyncFixture, "ProviderSync: an account that cannot be asked is no other's trouble",
                 "[templates][pg]") {
  dispatcher.accounts = {{"toko-a", "111"}, {"toko-a", "777"}};
  dispatcher.fault = base::Error(absl::StatusCode::kFailedPrecondition, "PROVIDER_REFUSED", "no");
  dispatcher.faulty = "111";
  dispatcher.Add("antar", "Halo");
  Round();
  CHECK(Known()["antar"].account_id() == "777");
  // It is asked less and less often.
  const int asked = dispatcher.asked;
  for (int i = 0; i < 60; ++i) {  // half an hour
    clock.Advance(absl::Seconds(27));
    Round();
  }
  CHECK(dispatcher.asked - asked > 6);  // 777 alone
  CHECK(dispatcher.asked - asked <= 6 + 30);
}

TEST_CASE_METHOD(SyncFixture, "ProviderSync: thousands at once, and those that are gone",
                 "[templates][pg]") {
  for (int i = 0; i < 1100; ++i) dispatcher.Add(absl::StrCat("t", i), "Halo");
  dispatcher.page = 100;
  Round();
  CHECK(store.CountProviderTemplates(absl::Now() + absl::Seconds(30))->at("APPROVED") == 1100);
  dispatcher.templates.resize(10);
  clock.Advance(absl::Minutes(5));
  Round();
  const auto counts = store.CountProviderTemplates(absl::Now() + absl::Seconds(30));
  CHECK(counts->at("APPROVED") == 10);
  CHECK(counts->at("DELETED") == 1090);
}

TEST_CASE_METHOD(SyncFixture, "SubmitProviderTemplate: a name that was deleted begins anew",
                 "[templates][pg]") {
  dispatcher.Add("tanya", "Halo");
  Round();
  dispatcher.templates.clear();
  clock.Advance(absl::Minutes(5));
  Round();
  REQUIRE(Known()["tanya"].status() == "DELETED");
  v1::SubmitProviderTemplateRequest request;
  auto& wanted = *request.mutable_provider_template();
  wanted.set_name("tanya");
  wanted.set_language("id");
  wanted.set_category("MARKETING");
  wanted.set_body("Halo lagi");
  REQUIRE_THAT(Call(&Stub::SubmitProviderTemplate, request), IsOk());
  CHECK(Known()["tanya"].agreed_category() == "MARKETING");
  CHECK(Known()["tanya"].trouble() == "PROVIDER_TEMPLATE_NOT_APPROVED");
}

TEST_CASE_METHOD(SyncFixture, "ValidateTemplate: a header is judged with the parts it belongs to",
                 "[templates][pg]") {
  dispatcher.Add("gambar", "Halo {{1}}").set_header_format("IMAGE");
  Round();
  v1::ValidateTemplateRequest request;
  request.set_message("{{provider \"gambar\" \"id\" nama}}Halo {nama}");
  CHECK(Call(&Stub::ValidateTemplate, request)->valid());
  request.mutable_parts()->set_footer("Toko");
  CHECK_FALSE(Call(&Stub::ValidateTemplate, request)->valid());
  request.mutable_parts()->set_header_kind(content::v1::Parts::IMAGE);
  CHECK(Call(&Stub::ValidateTemplate, request)->valid());
}

TEST_CASE_METHOD(SyncFixture, "SubmitProviderTemplate: what WhatsApp makes of it is kept",
                 "[templates][pg]") {
  v1::SubmitProviderTemplateRequest request;
  auto& wanted = *request.mutable_provider_template();
  wanted.set_name("tanya");
  wanted.set_language("id");
  wanted.set_category("UTILITY");
  wanted.set_body("Halo {{nama}}");
  request.add_samples("Budi");
  const auto made = Call(&Stub::SubmitProviderTemplate, request);
  REQUIRE_THAT(made, IsOk());
  CHECK(made->status() == "PENDING");
  CHECK(made->category() == "MARKETING");
  REQUIRE(dispatcher.submitted.size() == 1);
  CHECK(dispatcher.submitted[0].account_id() == "777");
  CHECK(dispatcher.submitted[0].template_().named());
  CHECK(dispatcher.submitted[0].template_().samples(0) == "Budi");
  // WhatsApp chose another category than was asked for: nobody has agreed to its price.
  CHECK(Known()["tanya"].agreed_category() == "UTILITY");

  dispatcher.fault = base::Error(absl::StatusCode::kFailedPrecondition, "PROVIDER_REFUSED",
                                 "there is already id content");
  wanted.set_name("ganda");
  CHECK_THAT(Call(&Stub::SubmitProviderTemplate, request), ReasonIs("PROVIDER_REFUSED"));
  CHECK(Known().count("ganda") == 0);
  wanted.set_body("Halo {{1}} {{nama}}");
  CHECK_THAT(Call(&Stub::SubmitProviderTemplate, request),
             HasFieldViolation("provider_template.body"));
  wanted.set_body("Halo");
  dispatcher.accounts.emplace_back("toko-a", "778");
  CHECK_THAT(Call(&Stub::SubmitProviderTemplate, request), HasFieldViolation("account_id"));
  dispatcher.accounts.clear();
  CHECK_THAT(Call(&Stub::SubmitProviderTemplate, request), ReasonIs("ACCOUNT_NOT_FOUND"));
}

TEST_CASE_METHOD(Fixture, "provider templates: without a dispatcher they are registered by hand",
                 "[templates][pg]") {
  CHECK_THAT(Call(&Stub::SyncProviderTemplates, v1::SyncProviderTemplatesRequest()),
             ReasonIs("NO_DISPATCHER"));
  REQUIRE_THAT(Register("antar", "Halo {{nama}}"), IsOk());
  const std::string text = "{{provider \"antar\" \"id\" nama=nama}}Halo {nama}";
  const auto made = Create("antar", text);
  REQUIRE_THAT(made, IsOk());
  const auto rendered = Call(&Stub::RenderBatch, Batch(made->id(), 1, {"nama"}, {{"Budi"}}));
  REQUIRE_THAT(rendered, IsOk());
  CHECK(rendered->rendered(0).provider_form().parameters(0) == "Budi");
  CHECK(rendered->rendered(0).provider_form().parameter_names(0) == "nama");
  CHECK_THAT(Create("salah", "{{provider \"antar\" \"id\" orang=nama}}Halo"),
             HasFieldViolation("template.message"));
}

}  // namespace
}  // namespace kabar::templates
