#include "libs/events/reader.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/events/outbox.h"
#include "libs/events/recent_batches.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/listener.h"
#include "libs/pg/transaction.h"

namespace kabar::events {
namespace {

constexpr int64_t kRecentBytes = 4 << 20;

constexpr pg::Query kBounds{"events.bounds",
                            "SELECT next_number, trimmed_number FROM event_publisher, "
                            "event_trimming"};
constexpr pg::Query kRegister{
    "events.register",
    "INSERT INTO event_consumers (name, position) VALUES ($1, $2) "
    "ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_at = now()"};
constexpr pg::Query kDeregister{"events.deregister", "DELETE FROM event_consumers WHERE name = $1"};
// Bounded by bytes too; the first row always comes. length() of a bytea reads no content.
constexpr pg::Query kRead{
    "events.read",
    "SELECT number, batch FROM "
    "  (SELECT number, batch, sum(length(batch)) OVER (ORDER BY number) - length(batch) AS before "
    "   FROM outbox WHERE number >= $1 ORDER BY number LIMIT $2) AS page "
    "WHERE before < $3 ORDER BY number"};
constexpr pg::Query kLockTrimming{"events.lock_trimming",
                                  "SELECT trimmed_number FROM event_trimming FOR UPDATE"};
constexpr pg::Query kSlowest{
    "events.slowest",
    "SELECT min(position), count(*) FILTER (WHERE name = ANY ($1::text[])) FROM event_consumers"};
// Numbers have no gaps, so a range of numbers is a number of rows.
constexpr pg::Query kDelete{"events.delete",
                            "DELETE FROM outbox WHERE number > $1 AND number <= $2"};
constexpr pg::Query kTrimmed{"events.trimmed", "UPDATE event_trimming SET trimmed_number = $1"};

// As a v1::NumberedBatch is serialised, without taking the batch apart.
WireBatch ToWire(int64_t number, const std::string& batch) {
  constexpr uint32_t kNumberTag = v1::NumberedBatch::kNumberFieldNumber << 3;    // a varint
  constexpr uint32_t kBatchTag = v1::NumberedBatch::kBatchFieldNumber << 3 | 2;  // with its length
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.WriteTag(kNumberTag);
    out.WriteVarint64(static_cast<uint64_t>(number));
    out.WriteTag(kBatchTag);
    out.WriteVarint32(static_cast<uint32_t>(batch.size()));
    out.WriteString(batch);
  }
  return {number, std::make_shared<const std::string>(std::move(bytes))};
}

// A field that is serialised already goes among the unknown ones: the same bytes on the wire, and
// no event is read, copied and written again for each consumer. So `response` shows nothing here.
void Fill(const std::vector<WireBatch>& page, v1::ReadEventsResponse* response) {
  response->Clear();
  auto* const fields = response->GetReflection()->MutableUnknownFields(response);
  for (const WireBatch& batch : page) {
    fields->AddLengthDelimited(v1::ReadEventsResponse::kBatchesFieldNumber, *batch.bytes);
  }
}

absl::Status Trimmed(int64_t from, int64_t trimmed) {
  return base::Error(absl::StatusCode::kOutOfRange, "EVENTS_TRIMMED",
                     absl::StrCat("events from number ", from, " are gone: up to ", trimmed,
                                  " are deleted; rebuild the consumer from its source's state"));
}

absl::Status CheckFrom(int64_t from, const pqxx::row& bounds) {
  const int64_t next = bounds[0].as<int64_t>();
  const int64_t trimmed = bounds[1].as<int64_t>();
  if (from <= trimmed) return Trimmed(from, trimmed);
  if (from <= next) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "EVENTS_FROM_THE_FUTURE",
                     absl::StrCat("from_number ", from, " is beyond the next number, ", next,
                                  ": was the source restored from an older backup?"));
}

}  // namespace

struct Reader::State {
  State(pg::Pool& p, Options o)
      : pool(p), options(std::move(o)), news(p.options(), {NumberedChannel(p.options().schema)}) {}

  absl::Time QueryDeadline() const { return absl::Now() + pool.options().default_timeout; }
  // `*from` 0 becomes the oldest number that is left.
  absl::Status Register(const std::string& consumer, int64_t* from);
  bool IsFull(const std::vector<WireBatch>& page) const {
    int64_t bytes = 0;
    for (const WireBatch& batch : page) bytes += batch.size();
    return std::ssize(page) >= options.max_batches || bytes >= options.max_bytes;
  }

  pg::Pool& pool;
  const Options options;
  pg::Listener news;
  std::mutex newest_mutex;  // held by the one stream that asks the database for the newest
  RecentBatches recent{kRecentBytes};
  std::mutex mutex;
  std::condition_variable_any never;  // the trimming thread's pause
  std::jthread trimming;
};

Reader::Reader(pg::Pool& pool, Options options)
    : state_(std::make_unique<State>(pool, std::move(options))) {}

Reader::~Reader() { Stop(); }

absl::Status Reader::State::Register(const std::string& consumer, int64_t* from) {
  const int64_t asked = *from;
  return pg::Transact(pool, "RegisterConsumer", QueryDeadline(),
                      [&](pg::Transaction& tx) -> absl::Status {
                        const pqxx::row bounds = tx.ExecOne(kBounds);
                        *from = asked == 0 ? bounds[1].as<int64_t>() + 1 : asked;
                        KABAR_RETURN_IF_ERROR(CheckFrom(*from, bounds));
                        tx.Exec(kRegister, consumer, *from - 1);
                        return absl::OkStatus();
                      });
}

absl::Status Reader::ReadPage(int64_t from_number, absl::Time deadline,
                              std::vector<WireBatch>* page) {
  const pg::TransactOptions options{.deadline = deadline, .read_only = true};
  return pg::Transact(
      state_->pool, "ReadEvents", options, [&](pg::Transaction& tx) -> absl::Status {
        page->clear();
        int64_t expected = from_number;
        for (const pqxx::row& row :
             tx.Exec(kRead, from_number, state_->options.max_batches, state_->options.max_bytes)) {
          const int64_t number = row[0].as<int64_t>();
          if (number != expected) {
            // Never hand out a gap: either the front was trimmed meanwhile or the table is damaged.
            KABAR_RETURN_IF_ERROR(CheckFrom(expected, tx.ExecOne(kBounds)));
            return base::Error(
                absl::StatusCode::kInternal, "EVENTS_GAP",
                absl::StrCat("event number ", expected, " is missing in the outbox"));
          }
          page->push_back(ToWire(number, pg::BytesField(row[1])));
          ++expected;
        }
        return absl::OkStatus();
      });
}

absl::Status Reader::Read(int64_t from_number, absl::Time deadline,
                          v1::ReadEventsResponse* response) {
  std::vector<WireBatch> page;
  KABAR_RETURN_IF_ERROR(ReadPage(from_number, deadline, &page));
  response->Clear();
  for (const WireBatch& batch : page) {
    if (!response->add_batches()->ParseFromString(*batch.bytes)) {
      return base::Error(absl::StatusCode::kInternal, "EVENTS_UNREADABLE",
                         absl::StrCat("event number ", batch.number, " cannot be parsed"));
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadShared(int64_t from_number, absl::Time deadline,
                                std::vector<WireBatch>* page, uint64_t* seen) {
  page->clear();
  const uint64_t session = state_->news.SessionNumber();
  const auto held = [&] {
    return session != 0 && state_->recent.Read(session, from_number, state_->options.max_batches,
                                               state_->options.max_bytes, page, seen);
  };
  if (held()) return absl::OkStatus();
  const std::lock_guard lock(state_->newest_mutex);
  if (held()) return absl::OkStatus();
  *seen = state_->news.Seen();
  KABAR_RETURN_IF_ERROR(ReadPage(from_number, deadline, page));
  if (state_->IsFull(*page)) *seen = 0;
  // Else the database may have become another one on the way.
  if (session != 0 && session == state_->news.SessionNumber()) {
    state_->recent.Add(session, *seen, *page);
  }
  return absl::OkStatus();
}

absl::Status Reader::Stream(const v1::ReadEventsRequest& request, std::stop_token stop,
                            absl::FunctionRef<bool()> cancelled,
                            absl::FunctionRef<bool(const v1::ReadEventsResponse&)> write) {
  if (request.consumer().empty()) {
    return base::InvalidField("consumer", "name the reader, e.g. \"analytics\"");
  }
  int64_t from = request.from_number();
  if (from < 0) return base::InvalidField("from_number", "numbers begin with 1");
  KABAR_RETURN_IF_ERROR(state_->Register(request.consumer(), &from));
  const absl::Time end = absl::Now() + state_->options.max_stream;
  absl::Time next_sign = absl::InfinitePast();  // the first tells the consumer that it is connected
  uint64_t session = 0;
  std::vector<WireBatch> page;
  v1::ReadEventsResponse response;
  while (!stop.stop_requested() && !cancelled() && absl::Now() < end) {
    // The database may have been restored meanwhile: its numbers are compared with the consumer's
    // when that comes anew, before they grow past it.
    const uint64_t current = state_->news.SessionNumber();
    if (session != 0 && current != 0 && current != session) break;
    if (current != 0) session = current;
    uint64_t seen = 0;
    KABAR_RETURN_IF_ERROR(ReadShared(from, state_->QueryDeadline(), &page, &seen));
    const absl::Time now = absl::Now();
    if (!page.empty() || now >= next_sign) {
      Fill(page, &response);
      if (!write(response)) return absl::CancelledError("the consumer is gone");
      next_sign = absl::Now() + state_->options.sign_of_life;
    }
    from += std::ssize(page);
    if (seen == 0 && !page.empty()) continue;
    state_->news.WaitNewer(seen, std::min({now + state_->options.poll, next_sign, end}), stop);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Reader::Trim(absl::Time deadline) {
  int64_t deleted = 0;
  absl::Status status =
      pg::Transact(state_->pool, "TrimEvents", deadline, [&](pg::Transaction& tx) -> absl::Status {
        deleted = 0;
        const pqxx::row slowest = tx.ExecOne(kSlowest, pg::TextArray(state_->options.required));
        const bool all_known =
            slowest[1].as<size_t>() == state_->options.required.size() && !slowest[0].is_null();
        if (!all_known) return absl::OkStatus();
        const int64_t trimmed = tx.ExecOne(kLockTrimming)[0].as<int64_t>();
        const int64_t upto =
            std::min(slowest[0].as<int64_t>(), trimmed + state_->options.max_trim_rows);
        if (upto <= trimmed) return absl::OkStatus();
        deleted = static_cast<int64_t>(tx.Exec(kDelete, trimmed, upto).affected_rows());
        tx.Exec(kTrimmed, upto);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return deleted;
}

absl::Status Reader::Deregister(absl::string_view consumer, absl::Time deadline) {
  return pg::Transact(state_->pool, "DeregisterConsumer", deadline,
                      [&](pg::Transaction& tx) -> absl::Status {
                        if (tx.Exec(kDeregister, consumer).affected_rows() == 1) {
                          return absl::OkStatus();
                        }
                        return base::Error(absl::StatusCode::kNotFound, "CONSUMER_UNKNOWN",
                                           absl::StrCat("no consumer is named ", consumer));
                      });
}

void Reader::Start() {
  state_->trimming = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const absl::StatusOr<int64_t> deleted = Trim(state_->QueryDeadline());
      if (!deleted.ok()) {
        static log::Throttle throttle(absl::Minutes(1));
        log::Warn(throttle, "events are not being trimmed; retrying",
                  {{"error", deleted.status()}});
      } else if (*deleted == state_->options.max_trim_rows) {
        continue;
      }
      std::unique_lock lock(state_->mutex);
      state_->never.wait_for(lock, stop, absl::ToChronoSeconds(state_->options.trim_every),
                             [] { return false; });
    }
  });
}

void Reader::Stop() {
  if (!state_->trimming.joinable()) return;
  state_->trimming.request_stop();
  state_->trimming.join();
}

}  // namespace kabar::events
