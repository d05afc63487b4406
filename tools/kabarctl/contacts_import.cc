#include "tools/kabarctl/contacts_import.h"

#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/errors.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/import_progress.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::ContactsService;
using contacts::v1::ImportContactsRequest;
using contacts::v1::ImportContactsResponse;

constexpr std::size_t kPiece = 256 * 1024;
constexpr absl::Duration kUsualTimeout = absl::Hours(1);
constexpr int kProblemsShown = 20;
// Waits of 0.2 s, 0.4 s, ...: a service that restarts is back within them.
constexpr int kAttempts = 7;

// The file and how long it is (0: unknown).
struct Source {
  std::istream* in = nullptr;
  std::unique_ptr<std::ifstream> file = {};
  std::int64_t size = 0;
};

absl::StatusOr<Source> Open(Session& session, const std::string& path) {
  Source source;
  if (path == "-") {
    source.in = session.terminal().in;
    return source;
  }
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return FileError("read", path, errno);
  if (S_ISDIR(info.st_mode)) return FileError("read", path, EISDIR);
  source.file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!source.file->is_open()) return FileError("read", path, errno);
  source.in = source.file.get();
  source.size = info.st_size;
  return source;
}

// Writes options and file. False when the service ended the call: its status says why.
bool Send(grpc::ClientWriter<ImportContactsRequest>& writer, const ImportContactsRequest& options,
          Source& source, ImportProgress& progress) {
  if (!writer.Write(options)) return false;
  std::int64_t sent = 0;
  std::string piece(kPiece, '\0');
  ImportContactsRequest request;
  while (source.in->good()) {
    source.in->read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto n = static_cast<std::size_t>(source.in->gcount());
    if (n == 0) break;
    request.set_data(piece.data(), n);
    if (!writer.Write(request)) return false;
    sent += static_cast<std::int64_t>(n);
    progress.Sent(sent);
  }
  return true;
}

// The file once from its beginning.
absl::StatusOr<ImportContactsResponse> ImportOnce(Session& session,
                                                  const ImportContactsRequest& options,
                                                  Source& source, const std::string& path) {
  const auto stub = ContactsService::NewStub(session.Channel(Area::kContacts));
  const absl::Duration timeout = session.Timeout(kUsualTimeout);
  grpc::ClientContext context;
  session.Prepare(context, timeout);
  ImportContactsResponse response;
  const auto writer = stub->ImportContacts(&context, &response);
  absl::Status status;
  {
    ImportProgress progress(session, options.options().request_id(), source.size);
    const bool whole = Send(*writer, options, source, progress);
    // Half a file must not look like a whole one.
    if (source.in->bad()) context.TryCancel();
    if (whole) writer->WritesDone();
    status = rpc::ToAbsl(writer->Finish());
  }
  if (source.in->bad()) return FileError("read", path, EIO);
  if (status.ok()) return response;
  return session.Named(std::move(status), Area::kContacts, timeout);
}

// The service went away, or is about to: it goes on with the import when it is back.
bool BrokeOff(const absl::Status& status) {
  return ExitCode(status) == kExitUnreachable || base::GetReason(status) == "IMPORT_CUT_OFF";
}

absl::StatusOr<ImportContactsResponse> Import(Session& session,
                                              const ImportContactsRequest& options, Source& source,
                                              const std::string& path) {
  absl::Duration wait = session.retry_wait();
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<ImportContactsResponse> response = ImportOnce(session, options, source, path);
    if (response.ok() || !BrokeOff(response.status())) return response;
    const bool again = source.file != nullptr && attempt < kAttempts;
    if (!again) {
      return WithHint(response.status(),
                      absl::StrCat("rows that were taken stay; to go on behind them add "
                                   "--request-id ",
                                   options.options().request_id()));
    }
    source.file->clear();
    source.file->seekg(0);
    absl::SleepFor(wait);
    wait *= 2;
  }
}

void PrintReport(Session& session, const ImportContactsResponse& report) {
  session.out() << Count(report.rows(), "row") << ": " << report.accepted() << " accepted, "
                << report.refused() << " refused\n"
                << "contacts: " << report.contacts_created() << " new, "
                << report.contacts_updated()
                << " updated; shipments: " << report.shipments_created() << " new, "
                << report.shipments_updated() << " updated\n";
  if (report.rows_before() > 0) {
    session.out() << "of these rows " << report.rows_before()
                  << " were taken before the import broke off and went on\n";
  }
  if (report.windows_1252_rows() > 0) {
    session.out() << Count(report.windows_1252_rows(), "row")
                  << " read as Windows-1252, not UTF-8: look whether names came right\n";
  }
  if (report.ignored_columns_size() > 0) {
    session.out() << "columns that mean nothing here: "
                  << OneLine(absl::StrJoin(report.ignored_columns(), ", "))
                  << " (--map tells what one means)\n";
  }
  if (report.problems_size() == 0) return;
  Table table({{"ROW", true}, {"COLUMN"}, {"REASON"}, {"WHAT TO DO"}});
  for (int i = 0; i < report.problems_size() && i < kProblemsShown; ++i) {
    const auto& problem = report.problems(i);
    table.Row({absl::StrCat(problem.row()), Shortened(problem.column(), 30), problem.reason(),
               Shortened(problem.message(), 100)});
  }
  session.out() << "\n" << table.Render();
  if (report.refused() > kProblemsShown) {
    session.out() << "... " << report.refused() - kProblemsShown << " more\n";
  }
}

// Keeps the refused rows and says where they are.
absl::Status KeepRefused(Session& session, const ImportContactsResponse& report,
                         const std::string& path) {
  if (report.refused() == 0) return absl::OkStatus();
  absl::Status written = WritePrivateFile(path, report.refused_csv());
  if (!written.ok()) {
    return WithHint(
        std::move(written),
        "the accepted rows are imported; import again with --refused FILE to see the others");
  }
  session.error() << "refused rows: " << path
                  << (report.refused_csv_truncated() ? " (the first of them; there are too many)"
                                                     : "")
                  << "\n";
  return absl::OkStatus();
}

absl::StatusOr<ImportContactsRequest> ReadOptions(const Arguments& arguments) {
  ImportContactsRequest request;
  auto* options = request.mutable_options();
  KABAR_ASSIGN_OR_RETURN(const auto mapping, arguments.Pairs("map"));
  for (const auto& [header, field] : mapping) (*options->mutable_mapping())[header] = field;
  const std::string& delimiter = arguments.Get("delimiter");
  options->set_delimiter(delimiter == "\\t" ? "\t" : delimiter);
  options->set_sheet(arguments.Get("sheet"));
  options->set_request_id(arguments.Has("request-id") ? arguments.Get("request-id")
                                                      : base::NewId("req"));
  return request;
}

}  // namespace

absl::StatusOr<int> ImportContacts(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.Get("FILE");
  if (path == "-" && !arguments.Has("refused")) {
    return UsageError("with standard input --refused FILE must say where refused rows go");
  }
  const std::string refused =
      arguments.Has("refused") ? arguments.Get("refused") : absl::StrCat(path, ".refused.csv");
  KABAR_ASSIGN_OR_RETURN(const ImportContactsRequest options, ReadOptions(arguments));
  KABAR_ASSIGN_OR_RETURN(Source source, Open(session, path));
  KABAR_ASSIGN_OR_RETURN(ImportContactsResponse report, Import(session, options, source, path));
  if (session.json()) {
    ImportContactsResponse without = report;
    without.clear_refused_csv();
    session.out() << Json(without);
  } else {
    PrintReport(session, report);
  }
  KABAR_RETURN_IF_ERROR(KeepRefused(session, report, refused));
  return arguments.Has("strict") && report.refused() > 0 ? kExitRefused : kExitOk;
}

}  // namespace kabar::kabarctl
