#include "services/contacts/source_puller.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/local_time.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/http/fetch.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/contacts/import_writer.h"
#include "services/contacts/importer.h"
#include "services/contacts/pulled_rows.h"
#include "services/contacts/source_pages.h"
#include "services/contacts/store.h"

namespace kabar::contacts {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr absl::Duration kLease = absl::Minutes(10);  // renewed by every page
constexpr absl::Duration kFirstWait = absl::Minutes(1);
constexpr absl::Duration kLongestWait = absl::Minutes(30);
// What an API may have written down late.
constexpr absl::Duration kOverlap = absl::Minutes(5);
constexpr std::size_t kMaxSecret = 8192;
constexpr std::size_t kMaxError = 500;
constexpr int64_t kFewRefused = 20;

absl::Duration WaitAfter(int failures) {
  return std::min(kLongestWait, kFirstWait * (1 << std::min(failures, 5)));
}

absl::Status Failed(absl::string_view reason, absl::string_view what) {
  return base::Error(absl::StatusCode::kFailedPrecondition, reason, what);
}

// When the API answered, by its own clock.
absl::Time DateOf(const http::Response& answer) {
  absl::Time time;
  std::string error;
  const auto date = answer.headers.Find("Date");
  const bool read = date && absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", *date, &time, &error);
  return read ? time : absl::InfiniteFuture();
}

}  // namespace

SourcePuller::SourcePuller(Options options, Store& store, base::Clock& clock)
    : options_(std::move(options)), store_(store), clock_(clock) {}

void SourcePuller::Start() {
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { Run(std::move(stop)); });
  }
}

void SourcePuller::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void SourcePuller::Run(std::stop_token stop) {
  do {
    absl::StatusOr<bool> pulled = true;
    while (!stop.stop_requested() && pulled.ok() && *pulled) pulled = PullOne(stop);
    if (!pulled.ok()) log::Warn("sources cannot be looked for", {{"error", pulled.status()}});
  } while (clock_.SleepFor(options_.every, stop));
}

absl::StatusOr<bool> SourcePuller::PullOne(std::stop_token stop) {
  const absl::Time began = clock_.Now();
  KABAR_ASSIGN_OR_RETURN(const std::optional<DueSource> due,
                         store_.LeaseSource(began, began + kLease, absl::Now() + kTimeout));
  if (!due) return false;
  PullEnd end;
  const absl::Status pulled = Pull(*due, stop, &end);
  end.now = clock_.Now();
  end.next_at = NextPull(due->source, end.now).value_or(end.now + kLongestWait);
  const char* result = "ok";
  if (pulled.ok()) {
    end.kind = PullEnd::Kind::kDone;
  } else if (stop.stop_requested()) {
    end.kind = PullEnd::Kind::kStopped;
    end.next_at = due->source.next_at;
    result = "stopped";
  } else {
    result = "failed";
    end.kind = PullEnd::Kind::kFailed;
    end.error = std::string(base::TruncateCodepoints(pulled.message(), kMaxError));
    // Whoever cancelled its import does not want it again at once.
    if (base::GetReason(pulled) == "IMPORT_CANCELLED") {
      end.turn.id.clear();
    } else {
      end.next_at = std::min(end.next_at, end.now + WaitAfter(due->source.failures));
    }
    log::Warn("a source could not be pulled",
              {{"outlet", due->outlet}, {"source", due->source.name}, {"error", pulled}});
  }
  metrics::GetCounter("kabar_contacts_pulls_total", "Pulls of tracking APIs by their end.",
                      {{"result", result}})
      .Increment();
  KABAR_RETURN_IF_ERROR(End(*due, end));
  return true;
}

absl::Status SourcePuller::End(const DueSource& due, const PullEnd& end) {
  const auto note = [&](const PullEnd& how) {
    return store_.Write(due.outlet, "EndPull", absl::Now() + kTimeout,
                        [&](Store::Unit& unit) { return unit.EndPull(due, how); });
  };
  absl::Status noted = note(end);
  if (base::GetReason(noted) == "IMPORT_CANCELLED") {  // behind its last chunk
    PullEnd failed = end;
    failed.kind = PullEnd::Kind::kFailed;
    failed.error = std::string(noted.message());
    failed.turn.id.clear();
    noted = note(failed);
  }
  // Changed or deleted meanwhile: this pull is of no account any more.
  return base::GetReason(noted) == "SOURCE_CHANGED" ? absl::OkStatus() : noted;
}

absl::Status SourcePuller::Pull(const DueSource& due, const std::stop_token& stop, PullEnd* end) {
  absl::Time began = clock_.Now();
  SourcePages pages(due.source, options_.rules.hosts);
  std::unique_ptr<Importer> importer;
  const absl::Status read = ReadPages(due, stop, pages, began, importer, &end->turn);
  // What came before a page that failed is news too.
  if (importer && !stop.stop_requested()) {
    const absl::Status finished = importer->Finish();
    end->rows = importer->report().rows;
    end->refused = importer->report().refused;
    // Whoever cancelled it is not to see it again in a minute, whatever else went wrong.
    if (read.ok() || base::GetReason(finished) == "IMPORT_CANCELLED") {
      KABAR_RETURN_IF_ERROR(finished);
    }
  }
  KABAR_RETURN_IF_ERROR(read);
  // Behind the since-token nobody asks for them again. All or most of them refused is a fault of
  // the mapping or of the API, which is mended; a few, day after day, are not, and must not keep
  // the rest from going on.
  const bool all = end->refused > 1 && end->refused == end->rows;
  if (all || (end->refused > kFewRefused && end->refused * 2 > end->rows)) {
    return Failed("SOURCE_ROWS_REFUSED",
                  absl::StrCat(end->refused, " of ", end->rows,
                               " rows were refused; the refused rows say why. The others were "
                               "taken, and all are asked for again"));
  }
  end->missing_places = pages.MissingPlaces();
  if (due.source.settings.since_path.empty()) {
    end->since = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", began - kOverlap, absl::UTCTimeZone());
  } else {
    end->since = pages.since().empty() ? due.source.since : pages.since();
  }
  return absl::OkStatus();
}

absl::Status SourcePuller::ReadPages(const DueSource& due, const std::stop_token& stop,
                                     SourcePages& pages, absl::Time& began,
                                     std::unique_ptr<Importer>& importer, ImportTurn* turn) {
  const absl::Time deadline = began + options_.pull_timeout;
  KABAR_ASSIGN_OR_RETURN(const std::string secret, Secret(due));
  while (pages.Next()) {
    const absl::Time now = clock_.Now();
    if (now >= deadline) {
      return Failed(
          "SOURCE_SLOW",
          absl::StrCat("the pull took longer than ", absl::FormatDuration(options_.pull_timeout),
                       " (--source-pull-timeout of kabar-contacts); use larger pages. Rows taken "
                       "stay"));
    }
    if (stop.stop_requested()) return absl::CancelledError("the service ends");
    KABAR_RETURN_IF_ERROR(store_.RenewLease(due, now + kLease, absl::Now() + kTimeout));
    KABAR_ASSIGN_OR_RETURN(const http::Response answer,
                           Ask(due, *pages.Next(), secret, deadline - now, stop));
    began = std::min(began, DateOf(answer));
    if (answer.status == 404 && pages.NoSuchPage()) break;
    if (answer.status != 200) {
      return Failed("SOURCE_REFUSED", absl::StrCat("the tracking API answered ", answer.status, " ",
                                                   http::ReasonPhrase(answer.status)));
    }
    KABAR_ASSIGN_OR_RETURN(std::vector<CsvRecord> records, pages.Read(answer.body));
    if (!importer && !records.empty()) {
      KABAR_ASSIGN_OR_RETURN(importer, Begin(due, pages, turn));
    }
    for (CsvRecord& record : records) {
      KABAR_RETURN_IF_ERROR(importer->Add(std::move(record)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Importer>> SourcePuller::Begin(const DueSource& due,
                                                              const SourcePages& pages,
                                                              ImportTurn* turn) {
  ImportOptions options;
  KABAR_ASSIGN_OR_RETURN(options.zone, base::LoadZone(due.source.time_zone));
  options.chunks_at_once = kChunksAtOnce;
  options.keep_refused_cells = true;
  options.max_problems = kMaxRefused;
  options.advice = "rows taken stay, the source is pulled again from its first page";
  KABAR_RETURN_IF_ERROR(store_.Write(
      due.outlet, "BeginPull", absl::Now() + kTimeout, [&](Store::Unit& unit) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(options.attribute_kinds, unit.GetAttributeKinds());
        KABAR_ASSIGN_OR_RETURN(*turn, unit.BeginPull(due));
        return absl::OkStatus();
      }));
  auto importer = std::make_unique<Importer>(
      std::move(options), WriteChunksTo(store_, due.outlet, *turn,
                                        [this, due](Store::Unit& unit, const FileChunk& chunk) {
                                          return unit.NotePulled(
                                              due, PulledRowsOf(due.source, chunk, clock_.Now()));
                                        }));
  KABAR_RETURN_IF_ERROR(importer->Add(pages.Header()));
  return importer;
}

absl::StatusOr<std::string> SourcePuller::Secret(const DueSource& due) const {
  const std::string& name = due.source.settings.auth_secret;
  if (name.empty()) return std::string();
  const std::string& folder = options_.rules.secrets;
  std::string secret;
  if (!folder.empty()) {
    std::ifstream file(absl::StrCat(folder, "/", due.outlet, "/", name), std::ios::binary);
    secret.resize(kMaxSecret);
    file.read(secret.data(), static_cast<std::streamsize>(secret.size()));
    secret.resize(static_cast<std::size_t>(file.gcount()));
  }
  const absl::string_view value = base::Trim(secret);
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7F');
  });
  if (value.empty() || !plain || secret.size() == kMaxSecret) {
    return Failed("SOURCE_SECRET",
                  "the file that auth_secret names is missing, empty, of several lines or far too "
                  "long; it belongs below --source-secrets in a folder of the outlet's name");
  }
  return std::string(value);
}

absl::StatusOr<http::Response> SourcePuller::Ask(const DueSource& due, const std::string& url,
                                                 const std::string& secret, absl::Duration left,
                                                 const std::stop_token& stop) const {
  // The list of hosts may have changed since the source was put.
  if (const std::string fault = UrlFault(url, options_.rules.hosts, !secret.empty());
      !fault.empty()) {
    return Failed("SOURCE_URL", absl::StrCat("the source's url ", fault));
  }
  http::Headers headers{{"Accept", "application/json"}};
  if (!secret.empty()) headers.Add(due.source.settings.auth_header, secret);
  const absl::Duration timeout = std::min(options_.page_timeout, left);
  absl::StatusOr<http::Response> answer = http::Fetch(
      "GET", url, std::move(headers), "",
      {.timeout = timeout, .max_response_bytes = options_.max_page_bytes, .stop = stop});
  // What went wrong may name the URL, which may hold a token of the API: it is in no message.
  if (absl::IsDeadlineExceeded(answer.status())) {
    return Failed("SOURCE_SLOW", absl::StrCat("the tracking API did not answer within ",
                                              absl::FormatDuration(timeout)));
  }
  if (absl::IsUnavailable(answer.status())) {
    return Failed("SOURCE_UNREACHABLE",
                  "the tracking API could not be reached, or its certificate is not valid");
  }
  if (!answer.ok()) {
    return Failed(
        "SOURCE_ANSWER",
        absl::StrCat("the tracking API's answer broke off, was no HTTP, or had more than ",
                     options_.max_page_bytes >> 10, " KiB; ask for smaller pages"));
  }
  return *std::move(answer);
}

}  // namespace kabar::contacts
