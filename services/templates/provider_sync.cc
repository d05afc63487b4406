#include "services/templates/provider_sync.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"

namespace kabar::templates {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(10);

// Deadlines of the database are real time whatever the clock of the loop.
absl::Time Soon() { return absl::Now() + kStoreTimeout; }

metrics::Counter& Syncs(const char* outcome) {
  return metrics::GetCounter("kabar_templates_syncs_total",
                             "Accounts asked for their provider templates, by outcome.",
                             {{"outcome", outcome}});
}

// What of it is not the provider's word.
ProviderTemplate Told(ProviderTemplate one) {
  one.agreed_category.clear();
  one.sync_time = absl::InfinitePast();
  return one;
}

bool Differs(const std::vector<ProviderTemplate>& known, const ProviderTemplate& told) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const ProviderTemplate& one) {
    return one.name == told.name && one.language == told.language;
  });
  return found == known.end() || Told(*found) != told;
}

}  // namespace

void ProviderSync::Start() {
  thread_ = std::jthread([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      static log::Throttle throttle(absl::Seconds(30));
      if (const absl::Status done = RunOnce(); !done.ok()) {
        log::Warn(throttle, "provider templates not looked after", {{"error", done}});
      }
      clock_.SleepFor(options_.look, stop);
    }
  });
}

void ProviderSync::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

absl::Status ProviderSync::RunOnce() {
  KABAR_ASSIGN_OR_RETURN(const std::vector<Account> accounts, peers_.ListAccounts());
  std::erase_if(due_, [&](const auto& entry) {
    return std::find(accounts.begin(), accounts.end(), entry.first) == accounts.end();
  });
  const absl::Time now = clock_.Now();
  for (const Account& account : accounts) due_.emplace(account, now);
  KABAR_RETURN_IF_ERROR(TakeNews(accounts));
  bool asked = false;
  for (auto& [account, due] : due_) {
    if (due > now) continue;
    asked = true;
    const absl::StatusOr<Result> synced = Sync(account);
    due = clock_.Now() + (synced.ok() ? options_.every : options_.again);
    if (synced.ok()) continue;
    log::Warn("an account's templates could not be asked for",
              {{"outlet", account.outlet}, {"account", account.id}, {"error", synced.status()}});
  }
  return asked ? Count() : absl::OkStatus();
}

absl::Status ProviderSync::TakeNews(const std::vector<Account>& accounts) {
  while (true) {
    KABAR_ASSIGN_OR_RETURN(const Peers::NewsPage page, peers_.ListNews(news_));
    if (page.news.empty()) return absl::OkStatus();
    for (const Account& account : accounts) {
      std::vector<ProviderNews> ours;
      for (const ProviderNews& news : page.news) {
        if (news.account_id == account.id) ours.push_back(news);
      }
      if (ours.empty()) continue;
      KABAR_RETURN_IF_ERROR(store_.Write(account.outlet, "ApplyProviderNews", Soon(),
                                         [&](Store::Unit& unit) -> absl::Status {
                                           for (const ProviderNews& news : ours) {
                                             KABAR_RETURN_IF_ERROR(unit.ApplyNews(news));
                                           }
                                           return absl::OkStatus();
                                         }));
      due_[account] = absl::InfinitePast();
    }
    news_ = page.last;
  }
}

absl::StatusOr<ProviderSync::Result> ProviderSync::Sync(const Account& account) {
  static metrics::Counter& good = Syncs("ok");
  static metrics::Counter& failed = Syncs("failed");
  const absl::Time asked = clock_.Now();
  const absl::StatusOr<std::vector<ProviderTemplate>> told = peers_.ListTemplates(account);
  (told.ok() ? good : failed).Increment();
  if (!told.ok()) return told.status();
  std::vector<ProviderKey> there;
  for (const ProviderTemplate& one : *told) there.emplace_back(one.name, one.language);
  Result result;
  KABAR_RETURN_IF_ERROR(store_.Write(
      account.outlet, "SyncProviderTemplates", Soon(), [&](Store::Unit& unit) -> absl::Status {
        result = {.templates = static_cast<int>(told->size())};
        KABAR_ASSIGN_OR_RETURN(const std::vector<ProviderTemplate> known,
                               unit.AllProviderTemplates());
        for (const ProviderTemplate& one : *told) {
          if (!Differs(known, one)) continue;
          ++result.changed;
          ProviderTemplate put = one;
          put.agreed_category = one.category;  // of a new one
          KABAR_RETURN_IF_ERROR(unit.PutSynced(put, asked));
        }
        KABAR_ASSIGN_OR_RETURN(const int gone, unit.EndSync(account.id, there, asked));
        result.changed += gone;
        return absl::OkStatus();
      }));
  return result;
}

absl::Status ProviderSync::Count() {
  KABAR_ASSIGN_OR_RETURN(const auto counts, store_.CountProviderTemplates(Soon()));
  for (const char* status :
       {"APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "DELETED", "RECATEGORISED"}) {
    const auto found = counts.find(status);
    metrics::GetGauge("kabar_templates_provider_templates",
                      "Provider templates known, by status; RECATEGORISED: approved, but moved to "
                      "a category that nobody has agreed to.",
                      {{"status", status}})
        .Set(found == counts.end() ? 0 : static_cast<double>(found->second));
  }
  return absl::OkStatus();
}

}  // namespace kabar::templates
