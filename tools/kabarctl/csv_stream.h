// CSV that a service streams, to --to or to standard output.
//
// Thread safety: as Session. Blocks: until the stream's end or its deadline. Errors: the service's,
// with its name (errors.h), and those of the file.
#ifndef KABAR_TOOLS_KABARCTL_CSV_STREAM_H_
#define KABAR_TOOLS_KABARCTL_CSV_STREAM_H_

#include <string>

#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/files.h"

namespace kabar::kabarctl {

// What the stream brings goes to --to as it comes; a file that did not end well is removed. `open`:
// of a stub and a context the reader.
template <typename Service, typename Response, typename Open>
absl::StatusOr<int> StreamCsv(Session& session, Area area, const Arguments& arguments, Open open) {
  constexpr absl::Duration kUsualTimeout = absl::Hours(1);
  const auto stub = Service::NewStub(session.Channel(area));
  const absl::Duration timeout = session.Timeout(kUsualTimeout);
  grpc::ClientContext context;
  session.Prepare(context, timeout);
  const std::string path = arguments.Get("to");
  PrivateFile file;
  if (!path.empty()) KABAR_RETURN_IF_ERROR(file.Open(path));
  const auto reader = open(*stub, context);
  absl::Status written;
  Response piece;
  while (reader->Read(&piece)) {
    if (path.empty()) {
      session.out() << piece.csv();
    } else if (written.ok()) {
      written = file.Write(piece.csv());
      if (!written.ok()) context.TryCancel();
    }
  }
  const absl::Status status = rpc::ToAbsl(reader->Finish());
  KABAR_RETURN_IF_ERROR(written);
  if (!status.ok()) return session.Named(status, area, timeout);
  if (!path.empty()) KABAR_RETURN_IF_ERROR(file.Finish());
  return kExitOk;
}

inline Option ExportTo() {
  return {.name = "to",
          .value = "FILE",
          .help = "where to; readable by you only. Standard output without it"};
}
inline Option ExportReason() {
  return {
      .name = "reason", .value = "TEXT", .help = "for the audit log: what for", .field = "reason"};
}

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CSV_STREAM_H_
