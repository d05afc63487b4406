#include "services/dispatcher/retention.h"

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(30);
// A status may still belong to a message for so long (pg_correspondence.cc), and longer than the
// 24 hours that are rebuilt from it.
constexpr absl::Duration kQuiet = absl::Hours(32 * 24);
constexpr int kRowsAtOnce = 5000;
constexpr int kLettersAtOnce = 200;  // each holds a webhook

metrics::Counter& Deleted(const char* what) {
  return metrics::GetCounter(
      "kabar_dispatcher_retention_deleted_total",
      "What was deleted for its age: days of the ledger, rows of the others.", {{"what", what}});
}

}  // namespace

absl::StatusOr<bool> Retention::RunOnce() {
  static metrics::Gauge& oldest =
      metrics::GetGauge("kabar_dispatcher_oldest_day_age_seconds",
                        "How old the oldest day is of which the ledger has messages.");
  const absl::Time now = clock_.Now(), before = now - keep_;
  // Deadlines are real time whatever the clock of the loop.
  KABAR_ASSIGN_OR_RETURN(const auto days, store_.ListLedgerDays(absl::Now() + kTimeout));
  absl::Time first_left = now;
  absl::Status failed;
  for (const absl::CivilDay day : days) {
    absl::StatusOr<bool> deleted = false;
    if (absl::FromCivil(day + 1, absl::UTCTimeZone()) <= before) {
      deleted = store_.DeleteLedgerDay(day, now - kQuiet, absl::Now() + kTimeout);
      failed.Update(deleted.status());  // the others go on
    }
    if (!deleted.ok() || !*deleted) {
      first_left = std::min(first_left, absl::FromCivil(day, absl::UTCTimeZone()));
      continue;
    }
    Deleted("day").Increment();
    log::Info("a day of the ledger was deleted for its age", {{"day", absl::FormatCivilTime(day)}});
  }
  oldest.Set(absl::ToDoubleSeconds(now - first_left));
  KABAR_ASSIGN_OR_RETURN(const std::int64_t inbound,
                         store_.DeleteInbound(before, kRowsAtOnce, absl::Now() + kTimeout));
  KABAR_ASSIGN_OR_RETURN(const std::int64_t letters,
                         store_.DeleteLetters(before, kLettersAtOnce, absl::Now() + kTimeout));
  Deleted("inbound").Increment(static_cast<double>(inbound));
  Deleted("dead_letter").Increment(static_cast<double>(letters));
  KABAR_RETURN_IF_ERROR(failed);
  return inbound == kRowsAtOnce || letters == kLettersAtOnce;
}

}  // namespace kabar::dispatcher
