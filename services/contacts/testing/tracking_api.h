// A tracking API over HTTP, and a source that pulls it into a store. Include only from tests.
//
// Thread safety: one thread; the API answers on its own. Blocks: as the calls. Errors: a call that
// must work ends the test case.
#ifndef KABAR_SERVICES_CONTACTS_TESTING_TRACKING_API_H_
#define KABAR_SERVICES_CONTACTS_TESTING_TRACKING_API_H_

#include <catch2/catch.hpp>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/http/server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/temp_dir.h"
#include "services/contacts/source_puller.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {

// Answers what was set for the value of `page`; notes what it was asked: "<target> <X-Token>".
class TrackingApi {
 public:
  TrackingApi() {
    auto server = http::Server::Start({}, [this](http::Request&& request, http::Responder answer) {
      const auto page = http::QueryParameter(request.query(), "page").value_or("");
      std::function<void()> before;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        before = before_[page];
      }
      if (before) before();
      const std::lock_guard<std::mutex> lock(mutex_);
      asked_.push_back(
          absl::StrCat(request.target, " ", request.headers.Find("X-Token").value_or("")));
      changed_.notify_all();
      if (silent_) return held_.push_back(std::move(answer));
      if (status_[page] != 0) return answer.Send(http::TextResponse(status_[page], "no"));
      http::Response response =
          http::JsonResponse(200, pages_.count(page) > 0 ? pages_[page] : "[]");
      if (!date_.empty()) response.headers.Add("Date", date_);
      answer.Send(std::move(response));
    });
    REQUIRE(server.ok());
    server_ = *std::move(server);
  }

  std::string host() const { return absl::StrCat("127.0.0.1:", server_->port()); }
  std::string url() const { return absl::StrCat("http://", host(), "/v1"); }
  void Answer(const std::string& page, const std::string& body) {
    const std::lock_guard<std::mutex> lock(mutex_);
    pages_[page] = body;
  }
  void Refuse(const std::string& page, int status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_[page] = status;
  }
  // Runs before the page is answered, once it is asked for.
  void Before(const std::string& page, std::function<void()> what) {
    const std::lock_guard<std::mutex> lock(mutex_);
    before_[page] = std::move(what);
  }
  void SayDate(const std::string& date) {
    const std::lock_guard<std::mutex> lock(mutex_);
    date_ = date;
  }
  void BeSilent() {
    const std::lock_guard<std::mutex> lock(mutex_);
    silent_ = true;
  }
  std::vector<std::string> Asked() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(asked_, {});
  }
  bool AwaitAsked() {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(2), [&] { return !asked_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> pages_;
  std::map<std::string, int> status_;
  std::map<std::string, std::function<void()>> before_;
  std::vector<std::string> asked_;
  std::string date_;
  bool silent_ = false;
  std::vector<http::Responder> held_;
  std::unique_ptr<http::Server> server_;
};

struct PullFixture : StoreFixture {
  PullFixture() {
    source.name = "kurir";
    SourceSettings& s = source.settings;
    s.url = api.url();
    s.auth_header = "X-Token";
    s.paging = Paging::kPageNumber;
    s.page_parameter = "page";
    s.first_page = 1;
    s.mapping = {{"awb", "tracking_number"}, {"hp", "phone"},      {"state", "status"},
                 {"cod", "cod_amount"},      {"paid", "cod_paid"}, {"at", "updated_at"}};
    s.since_parameter = "since";
  }

  static SourceHosts HostsOf(const std::vector<std::string>& entries) {
    auto hosts = SourceHosts::Parse(entries);
    REQUIRE(hosts.ok());
    return *std::move(hosts);
  }
  SourcePuller::Options Options() {
    return {.rules = rules, .threads = 2, .page_timeout = absl::Hours(1)};
  }

  void Put(const std::string& outlet = kA) {
    REQUIRE_THAT(CheckSource(rules, source), testing::IsOk());
    source.next_at = *NextPull(source, clock.Now());
    Must(outlet, [&](Store::Unit& u) { return u.PutSource(source, clock.Now()); });
  }
  bool Pulled() {
    const auto pulled = puller.PullOne();
    INFO(pulled.status());
    REQUIRE(pulled.ok());
    return *pulled;
  }
  // The next morning's pull.
  void PullNextDay() {
    clock.Advance(absl::Hours(24));
    REQUIRE(Pulled());
  }
  SourceState State(const std::string& outlet = kA) {
    const auto all = Must(outlet, [](Store::Unit& u) { return u.ListSources(); });
    REQUIRE(all.size() == 1);
    return all[0];
  }
  Source Now(const std::string& outlet = kA) { return State(outlet).source; }
  std::vector<RefusedRow> Refused() {
    return Must(kA, [&](Store::Unit& u) { return u.ListRefusedRows(source.name, {}, 10'000); });
  }
  Shipment Parcel(const std::string& number) {
    return Must(kA, [&](Store::Unit& u) { return u.FindShipment(number); });
  }
  std::string Status(const std::string& number) { return Parcel(number).status; }

  TrackingApi api;
  testing::TempDir folder;
  SourceRules rules{
      .hosts = HostsOf({api.host()}), .secrets = folder.path(), .zone = "Asia/Jakarta"};
  // 06:00 WIB of 22 November 2026.
  const absl::Time kDawn = absl::FromUnixSeconds(1795302000);
  testing::FakeClock clock{kDawn};
  SourcePuller puller{Options(), store, clock};
  Source source;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_TESTING_TRACKING_API_H_
