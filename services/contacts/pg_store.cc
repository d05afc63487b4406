#include "services/contacts/pg_store.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/events/consumer.h"
#include "libs/events/outbox.h"
#include "libs/pg/transaction.h"
#include "services/contacts/inbound.h"
#include "services/contacts/pg_store_retention.h"
#include "services/contacts/pg_store_timeline.h"
#include "services/contacts/pg_store_unit.h"
#include "services/contacts/reported_order.h"

namespace kabar::contacts {
namespace {

// Two writers may lock two contacts in opposite order; PostgreSQL then ends one, which tries again.
constexpr int kAttempts = 4;

constexpr pg::Query kReserve{"contacts.reserve_request",
                             "INSERT INTO request_log (outlet_id, request_id, method, fingerprint) "
                             "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"};
constexpr pg::Query kReserved{"contacts.reserved_request",
                              "SELECT method, fingerprint, response FROM request_log "
                              "WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kSaveResponse{
    "contacts.save_response",
    "UPDATE request_log SET response = $3 WHERE outlet_id = $1 AND request_id = $2"};
// 143 ms instead of 265 for those of 1,000,000 shipments that have a status.
constexpr pg::Query kLookInParallel{"contacts.look_in_parallel",
                                    "SELECT set_config('parallel_tuple_cost', '0.02', true)"};
constexpr pg::Query kForget{
    "contacts.forget_requests",
    "DELETE FROM request_log WHERE (outlet_id, request_id) IN "
    "(SELECT outlet_id, request_id FROM request_log WHERE created_at < $1 LIMIT $2 "
    "FOR UPDATE SKIP LOCKED)"};

using Batches = absl::Span<const events::v1::NumberedBatch* const>;

// The outlets of those events, in order: two sinks that hold the people of several must not wait
// for each other.
std::set<std::string> OutletsOf(Batches batches,
                                absl::FunctionRef<bool(const events::v1::Event&)> chosen) {
  std::set<std::string> outlets;
  for (const events::v1::NumberedBatch* batch : batches) {
    for (const events::v1::Event& event : batch->batch().events()) {
      if (chosen(event)) outlets.insert(event.outlet_id());
    }
  }
  return outlets;
}

}  // namespace

absl::Status PgStore::Write(const std::string& outlet, absl::string_view operation,
                            absl::Time deadline, Work work) {
  return pg::Transact(pool_, operation, {.deadline = deadline, .attempts = kAttempts},
                      [&](pg::Transaction& tx) -> absl::Status {
                        events::v1::EventBatch events;
                        PgUnit unit(tx, outlet, zone_, &events);
                        KABAR_RETURN_IF_ERROR(work(unit));
                        return events::AppendToOutbox(tx, events);
                      });
}

absl::Status PgStore::Read(const std::string& outlet, absl::string_view operation,
                           absl::Time deadline, Work work) {
  return pg::Transact(pool_, operation,
                      {.deadline = deadline, .attempts = kAttempts, .read_only = true},
                      [&](pg::Transaction& tx) -> absl::Status {
                        PgUnit unit(tx, outlet, zone_, nullptr);
                        return work(unit);
                      });
}

absl::StatusOr<int64_t> PgStore::ForgetRequests(absl::Time time, int limit, absl::Time deadline) {
  int64_t forgotten = 0;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ForgetRequests", deadline, [&](pg::Transaction& tx) {
    forgotten = static_cast<int64_t>(tx.Exec(kForget, time, limit).affected_rows());
    return absl::OkStatus();
  }));
  return forgotten;
}

std::unique_ptr<events::Sink> PgStore::MakeDispatcherSink() {
  return events::MakePgSink(pool_, "dispatcher", [this](pg::Transaction& tx, Batches batches) {
    events::v1::EventBatch caused;
    for (const std::string& outlet : OutletsOf(batches, [](const events::v1::Event& event) {
           return event.has_inbound_received() || RefusesMarketing(event);
         })) {
      PgUnit(tx, outlet, zone_, &caused).HoldPeople(/*alone=*/true);
    }
    MessageTimeline messages;
    std::vector<const events::v1::Event*> erased;
    for (const events::v1::NumberedBatch* batch : batches) {
      for (const events::v1::Event& event : batch->batch().events()) {
        if (event.has_lane_changed()) NoteLaneChanged(tx, event);
        if (event.has_message_changed()) messages.Add(event);
        if (event.has_contact_erased()) erased.push_back(&event);
        PgUnit unit(tx, event.outlet_id(), zone_, &caused);
        if (event.has_inbound_received()) {
          KABAR_RETURN_IF_ERROR(ApplyInbound(unit, event));
        } else if (RefusesMarketing(event)) {
          KABAR_RETURN_IF_ERROR(
              unit.RefuseMarketing(event.message_changed().contact_id(), TimeOf(event.time())));
        }
      }
    }
    messages.Flush(tx);  // after the merges, whose survivors they belong to
    for (const events::v1::Event* event : erased) {
      ForgetTimelineOf(tx, event->outlet_id(), event->contact_erased());
    }
    return events::AppendToOutbox(tx, caused);
  });
}

std::unique_ptr<events::Sink> PgStore::MakeTriggersSink() {
  return events::MakePgSink(
      pool_, "triggers",
      [this](pg::Transaction& tx, Batches batches) {
        events::v1::EventBatch caused;
        const auto is_order = [](const events::v1::Event& event) {
          return event.has_order_reported();
        };
        for (const std::string& outlet : OutletsOf(batches, is_order)) {
          PgUnit(tx, outlet, zone_, &caused).HoldPeople(/*alone=*/false);
        }
        for (const events::v1::NumberedBatch* batch : batches) {
          for (const events::v1::Event& event : batch->batch().events()) {
            if (!is_order(event)) continue;
            PgUnit unit(tx, event.outlet_id(), zone_, &caused);
            KABAR_RETURN_IF_ERROR(ApplyOrder(unit, event));
          }
        }
        return events::AppendToOutbox(tx, caused);
      },
      /*from_oldest=*/true);  // it came later than analytics
}

absl::StatusOr<std::optional<rpc::RequestRecord>> PgUnit::ReserveRequest(
    const std::string& request_id, const rpc::RequestRecord& mine) {
  const pqxx::result reserved =
      tx_.Exec(kReserve, outlet_, request_id, mine.method, pg::Bytes(mine.fingerprint));
  if (reserved.affected_rows() == 1) return std::optional<rpc::RequestRecord>();
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kReserved, outlet_, request_id);
  if (!row) {
    return base::Error(absl::StatusCode::kAborted, "REQUEST_ID_EXPIRED",
                       "the request id was forgotten at this moment; send the request again");
  }
  rpc::RequestRecord record;
  record.method = pg::TextField((*row)[0]);
  record.fingerprint = pg::BytesField((*row)[1]);
  if (!(*row)[2].is_null()) record.response = pg::BytesField((*row)[2]);
  return std::optional<rpc::RequestRecord>(std::move(record));
}

void PgUnit::Audit(const audit::Actor& by, const audit::Entry& entry) {
  audit::Append(tx_, by, entry);
}

absl::StatusOr<bool> PgUnit::KnowsRequest(const std::string& request_id) {
  return tx_.ExecMaybe(kReserved, outlet_, request_id).has_value();
}

absl::Status PgUnit::SaveResponse(const std::string& request_id, const std::string& response) {
  tx_.Exec(kSaveResponse, outlet_, request_id, pg::Bytes(response));
  return absl::OkStatus();
}

void PgUnit::LookInParallel() { tx_.Exec(kLookInParallel); }

pqxx::result PgUnit::ExecFiltered(const char* name, const std::string& sql,
                                  std::vector<pg::Param> fixed,
                                  const filter_lang::SqlParams& params) {
  for (const std::string& value : params.values()) fixed.emplace_back(value);
  return tx_.ExecDynamic(name, sql, fixed);
}

}  // namespace kabar::contacts
