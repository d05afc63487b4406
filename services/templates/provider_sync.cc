#include "services/templates/provider_sync.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "libs/base/backoff.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"

namespace kabar::templates {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(10);
constexpr size_t kAtOnce = 500;

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
  std::erase_if(turns_, [&](const auto& entry) {
    return std::find(accounts.begin(), accounts.end(), entry.first) == accounts.end();
  });
  const absl::Time now = clock_.Now();
  for (const Account& account : accounts) turns_.emplace(account, Turn{.due = now});
  KABAR_RETURN_IF_ERROR(TakeNews(accounts));
  bool asked = false;
  for (auto& [account, turn] : turns_) {
    if (turn.due > now) continue;
    asked = true;
    Ask(account, turn);
  }
  return asked ? Count() : absl::OkStatus();
}

void ProviderSync::Ask(const Account& account, Turn& turn) {
  turn.asked = clock_.Now();
  const absl::StatusOr<Result> synced = Sync(account);
  turn.failures = synced.ok() ? 0 : turn.failures + 1;
  const base::BackoffPolicy policy{.initial = options_.again,
                                   .max = std::max(options_.again, options_.every),
                                   .floor = options_.again};
  turn.due =
      clock_.Now() + (synced.ok() ? options_.every : base::BackoffDelay(policy, turn.failures));
  if (synced.ok()) return;
  log::Warn("an account's templates could not be asked for",
            {{"outlet", account.outlet}, {"account", account.id}, {"error", synced.status()}});
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
      if (!ours.empty()) Apply(account, ours);
    }
    news_ = page.last;
  }
}

void ProviderSync::Apply(const Account& account, const std::vector<ProviderNews>& news) {
  const absl::Status kept = store_.Write(account.outlet, "ApplyProviderNews", Soon(),
                                         [&](Store::Unit& unit) -> absl::Status {
                                           for (const ProviderNews& one : news) {
                                             KABAR_RETURN_IF_ERROR(unit.ApplyNews(one));
                                           }
                                           return absl::OkStatus();
                                         });
  Changed();
  Turn& turn = turns_[account];
  turn.due = std::min(turn.due, turn.asked + options_.again);
  if (kept.ok()) return;
  // Asking for the account brings what these news were.
  log::Warn("news of an account's templates not kept",
            {{"outlet", account.outlet}, {"account", account.id}, {"error", kept}});
}

void ProviderSync::Changed() const {
  if (changed_) changed_();
}

absl::StatusOr<ProviderSync::Result> ProviderSync::Sync(const Account& account) {
  static metrics::Counter& good = Syncs("ok");
  static metrics::Counter& failed = Syncs("failed");
  const absl::Time asked = clock_.Now();
  KABAR_ASSIGN_OR_RETURN(const std::vector<Account> accounts, peers_.ListAccounts(account.outlet));
  std::vector<std::string> named = {account.id};
  for (const Account& one : accounts) named.push_back(one.id);
  const absl::StatusOr<std::vector<ProviderTemplate>> told = peers_.ListTemplates(account);
  (told.ok() ? good : failed).Increment();
  if (!told.ok()) return told.status();

  std::vector<ProviderTemplate> known;
  const auto write = [&](absl::string_view operation,
                         absl::FunctionRef<absl::Status(Store::Unit&)> work) {
    return store_.Write(account.outlet, operation, Soon(), work);
  };
  const absl::Status read = write("ReadProviderTemplates", [&](Store::Unit& unit) -> absl::Status {
    KABAR_RETURN_IF_ERROR(unit.ReleaseAccounts(named));
    KABAR_ASSIGN_OR_RETURN(known, unit.AllProviderTemplates());
    return absl::OkStatus();
  });
  KABAR_RETURN_IF_ERROR(read);
  std::vector<ProviderKey> there;
  std::vector<ProviderTemplate> changed;
  for (const ProviderTemplate& one : *told) {
    there.emplace_back(one.name, one.language);
    // Without a status nothing is understood of it but that it is there.
    if (one.status.empty() || !Differs(known, one)) continue;
    changed.push_back(one);
    changed.back().agreed_category = one.category;  // of a new one
  }
  // Not all in one transaction: an account may have thousands at first.
  for (size_t first = 0; first < changed.size(); first += kAtOnce) {
    const size_t end = std::min(changed.size(), first + kAtOnce);
    const absl::Status put = write("SyncProviderTemplates", [&](Store::Unit& unit) -> absl::Status {
      for (size_t i = first; i < end; ++i) {
        KABAR_RETURN_IF_ERROR(unit.PutSynced(changed[i], asked));
      }
      return absl::OkStatus();
    });
    KABAR_RETURN_IF_ERROR(put);
  }
  Result result{.templates = static_cast<int>(told->size()),
                .changed = static_cast<int>(changed.size())};
  KABAR_RETURN_IF_ERROR(write("EndProviderSync", [&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const int gone, unit.EndSync(account.id, there, asked));
    result.changed = static_cast<int>(changed.size()) + gone;
    return absl::OkStatus();
  }));
  Changed();
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
