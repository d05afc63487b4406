#include "services/triggers/answer_loop.h"

#include <cstddef>
#include <map>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/triggers/peers.h"
#include "services/triggers/step.h"
#include "services/triggers/store.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(10);

absl::Time Soon() { return absl::Now() + kStoreTimeout; }

void Count(const CustomerAnswer& answer) {
  constexpr char kName[] = "kabar_triggers_answers_total";
  constexpr char kHelp[] = "Customers' messages read, by what they say.";
  static metrics::Counter& yes = metrics::GetCounter(kName, kHelp, {{"answer", "yes"}});
  static metrics::Counter& no = metrics::GetCounter(kName, kHelp, {{"answer", "no"}});
  static metrics::Counter& other = metrics::GetCounter(kName, kHelp, {{"answer", "other"}});
  static metrics::Counter& unmatched = metrics::GetCounter(
      "kabar_triggers_answers_unmatched_total", "Customers' messages that answer none of ours.");
  (answer.answer == Answer::kYes ? yes : answer.answer == Answer::kNo ? no : other).Increment();
  if (answer.message_id.empty()) unmatched.Increment();
}

}  // namespace

void AnswerLoop::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

void AnswerLoop::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::vector<std::string>> AnswerLoop::FindContacts(
    absl::Span<const PendingAnswer> pending) {
  std::vector<std::string> contacts(pending.size());
  std::map<std::string, std::vector<std::size_t>> by_outlet;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if (pending[i].is_matched()) continue;
    if (pending[i].phone.empty() && pending[i].bsuid.empty()) continue;
    by_outlet[pending[i].outlet_id].push_back(i);
  }
  const auto find = [&](const std::string& outlet,
                        const std::vector<std::size_t>& indexes) -> absl::Status {
    std::vector<Identity> identities;
    for (const std::size_t i : indexes) {
      identities.push_back({.phone = pending[i].phone, .bsuid = pending[i].bsuid});
    }
    KABAR_ASSIGN_OR_RETURN(const std::vector<Person> people,
                           peers_.ResolveContacts(outlet, identities, /*create_missing=*/false));
    for (std::size_t i = 0; i < indexes.size(); ++i) contacts[indexes[i]] = people[i].contact_id;
    return absl::OkStatus();
  };
  for (const auto& [outlet, indexes] : by_outlet) {
    const absl::Status together = find(outlet, indexes);
    if (together.ok()) continue;
    if (!IsPermanent(together)) return together;
    // One of them is no identity that contacts takes: it is nobody's, the others are not held up.
    for (const std::size_t i : indexes) {
      const absl::Status alone = find(outlet, {i});
      if (!alone.ok() && !IsPermanent(alone)) return alone;
    }
  }
  return contacts;
}

absl::Status AnswerLoop::Settle(absl::Span<const PendingAnswer> pending) {
  KABAR_ASSIGN_OR_RETURN(const std::vector<std::string> contacts, FindContacts(pending));
  std::vector<CustomerAnswer> answers;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    answers.push_back(Read(pending[i], contacts[i]));
  }
  KABAR_RETURN_IF_ERROR(store_.RecordAnswers(answers, clock_.Now(), Soon()).status());
  for (const CustomerAnswer& answer : answers) Count(answer);
  return absl::OkStatus();
}

absl::StatusOr<int> AnswerLoop::RunOnce() {
  const absl::Time now = clock_.Now();
  KABAR_ASSIGN_OR_RETURN(
      const std::vector<PendingAnswer> pending,
      store_.TakePendingAnswers(now, now + options_.lease, options_.batch, Soon()));
  if (pending.empty()) return 0;
  if (absl::Status failure = Settle(pending); !failure.ok()) {
    // Sooner than the lease says, since nobody works on them.
    store_.PostponeAnswers(pending, now + options_.again, Soon()).IgnoreError();
    return failure;
  }
  return static_cast<int>(pending.size());
}

void AnswerLoop::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const absl::StatusOr<int> taken = RunOnce();
    if (!taken.ok()) {
      static log::Throttle throttle(absl::Seconds(5));
      log::Warn(throttle, "answers not read", {{"reason", ReasonOf(taken.status())}});
    } else if (*taken == options_.batch) {
      continue;  // there may be more
    }
    clock_.Wait(wakeup_, options_.poll, stop);
  }
}

}  // namespace kabar::triggers
