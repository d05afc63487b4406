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
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/errors.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/live_line.h"
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

std::string ProgressText(std::int64_t sent, std::int64_t size) {
  const double mib = static_cast<double>(sent) / (1024 * 1024);
  if (size == 0) return absl::StrFormat("%.1f MiB", mib);
  return absl::StrFormat("%s %3d%%  %.1f of %.1f MiB", Bar(sent, size), 100 * sent / size, mib,
                         static_cast<double>(size) / (1024 * 1024));
}

// Writes options and file. False when the service ended the call: its status says why.
bool Send(grpc::ClientWriter<ImportContactsRequest>& writer, ImportContactsRequest options,
          Source& source, LiveLine& line) {
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
    line.Show(ProgressText(sent, source.size));
  }
  return true;
}

absl::StatusOr<ImportContactsResponse> Import(Session& session, ImportContactsRequest options,
                                              Source& source, const std::string& path) {
  const auto stub = ContactsService::NewStub(session.Channel(Area::kContacts));
  const absl::Duration timeout = session.Timeout(kUsualTimeout);
  grpc::ClientContext context;
  session.Prepare(context, timeout);
  ImportContactsResponse response;
  const auto writer = stub->ImportContacts(&context, &response);
  bool whole;
  {
    LiveLine line(session.error(), session.terminal().error_is_terminal, absl::InfiniteDuration());
    whole = Send(*writer, std::move(options), source, line);
  }
  // Half a file must not look like a whole one.
  const bool unreadable = source.in->bad();
  if (unreadable) context.TryCancel();
  if (whole) writer->WritesDone();
  absl::Status status = rpc::ToAbsl(writer->Finish());
  if (unreadable) return FileError("read", path, EIO);
  if (status.ok()) return response;
  status = session.Named(std::move(status), Area::kContacts, timeout);
  if (ExitCode(status) == kExitUnreachable) {
    status =
        WithHint(std::move(status),
                 "rows that were imported before stay; import the file again, nothing is doubled");
  }
  return status;
}

void PrintReport(Session& session, const ImportContactsResponse& report) {
  session.out() << Count(report.rows(), "row") << ": " << report.accepted() << " accepted, "
                << report.refused() << " refused\n"
                << "contacts: " << report.contacts_created() << " new, "
                << report.contacts_updated()
                << " updated; shipments: " << report.shipments_created() << " new, "
                << report.shipments_updated() << " updated\n";
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
  options->set_request_id(base::NewId("req"));
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
  KABAR_ASSIGN_OR_RETURN(ImportContactsRequest options, ReadOptions(arguments));
  KABAR_ASSIGN_OR_RETURN(Source source, Open(session, path));
  KABAR_ASSIGN_OR_RETURN(ImportContactsResponse report,
                         Import(session, std::move(options), source, path));
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
