#include "kabar/events/v1/events.pb.h"
#include "libs/base/defect.h"
#include "libs/base/fail_point.h"
#include "libs/base/status.h"
#include "libs/events/consumer.h"
#include "libs/events/position.h"
#include "libs/pg/transaction.h"

namespace kabar::events {
namespace {

class PgSink : public Sink {
 public:
  PgSink(pg::Pool& pool, std::string source, ApplyFunction apply, bool from_oldest)
      : pool_(pool),
        source_(std::move(source)),
        apply_(std::move(apply)),
        from_oldest_(from_oldest) {}

  absl::StatusOr<int64_t> Position(absl::Time deadline) override {
    int64_t position = 0;
    KABAR_RETURN_IF_ERROR(
        pg::Transact(pool_, "LoadEventPosition", deadline, [&](pg::Transaction& tx) {
          position = LoadPosition(tx, source_);
          return absl::OkStatus();
        }));
    return position;
  }

  absl::Status Apply(absl::Span<const v1::NumberedBatch* const> batches,
                     absl::Time deadline) override {
    const int64_t first = batches.front()->number();
    const int64_t last = batches.back()->number();
    if (base::HasDefect("position-outside-transaction")) {
      KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ApplyEvents",
                                         {.deadline = deadline, .attempts = 3},
                                         [&](pg::Transaction& tx) { return apply_(tx, batches); }));
      base::FailPoint("position-stored");  // where it stands in the sound form, between the two
      return pg::Transact(pool_, "StorePosition", deadline, [&](pg::Transaction& tx) {
        return StorePosition(tx, source_, first, last);
      });
    }
    absl::Status applied =
        pg::Transact(pool_, "ApplyEvents", {.deadline = deadline, .attempts = 3},
                     [&](pg::Transaction& tx) -> absl::Status {
                       // First the position: its row's lock keeps other replicas out, and a
                       // batch that is applied already costs nothing but this.
                       if (from_oldest_) BeginPositionAt(tx, source_, first - 1);
                       KABAR_RETURN_IF_ERROR(StorePosition(tx, source_, first, last));
                       base::FailPoint("position-stored");
                       return apply_(tx, batches);
                     });
    base::FailPoint("effect-committed");
    return applied;
  }

 private:
  pg::Pool& pool_;
  const std::string source_;
  const ApplyFunction apply_;
  const bool from_oldest_;
};

}  // namespace

std::unique_ptr<Sink> MakePgSink(pg::Pool& pool, std::string source, ApplyFunction apply,
                                 bool from_oldest) {
  return std::make_unique<PgSink>(pool, std::move(source), std::move(apply), from_oldest);
}

}  // namespace kabar::events
