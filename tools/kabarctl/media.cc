// Media that messages can have as header: uploaded once, named by templates.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "libs/base/ids.h"
#include "libs/rpc/status.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/paging.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::DispatcherService;
using dispatcher::v1::Medium;
using dispatcher::v1::UploadMediaRequest;

constexpr std::size_t kPiece = 256 * 1024;
constexpr absl::Duration kUploadTimeout = absl::Minutes(5);

struct Ending {
  const char* ending;
  const char* mime_type;
};
constexpr Ending kEndings[] = {
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".png", "image/png"},
    {".mp4", "video/mp4"},
    {".3gp", "video/3gpp"},
    {".pdf", "application/pdf"},
    {".txt", "text/plain"},
    {".doc", "application/msword"},
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {".xls", "application/vnd.ms-excel"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {".ppt", "application/vnd.ms-powerpoint"},
    {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
};

std::string TypeOf(const std::string& path) {
  const std::string lower = absl::AsciiStrToLower(path);
  for (const Ending& known : kEndings) {
    if (absl::EndsWith(lower, known.ending)) return known.mime_type;
  }
  return "";
}

absl::StatusOr<Medium> Send(Session& session, const UploadMediaRequest& info,
                            const std::string& bytes) {
  const auto stub = DispatcherService::NewStub(session.Channel(Area::kDispatcher));
  Medium kept;
  KABAR_RETURN_IF_ERROR(session.Attempt(
      Area::kDispatcher,
      [&](grpc::ClientContext& context) -> absl::Status {
        kept.Clear();
        const auto writer = stub->UploadMedia(&context, &kept);
        bool open = writer->Write(info);
        UploadMediaRequest part;
        for (std::size_t at = 0; open && at < bytes.size(); at += kPiece) {
          part.set_data(bytes.substr(at, kPiece));
          open = writer->Write(part);
        }
        if (open) writer->WritesDone();
        return rpc::ToAbsl(writer->Finish());
      },
      kUploadTimeout));
  return kept;
}

absl::StatusOr<int> Upload(Session& session, const Arguments& arguments) {
  const std::string path = arguments.Get("FILE");
  UploadMediaRequest info;
  info.mutable_info()->set_name(arguments.Get("name"));
  info.mutable_info()->set_mime_type(arguments.Has("type") ? arguments.Get("type") : TypeOf(path));
  info.mutable_info()->set_request_id(base::NewId("req"));
  if (info.info().mime_type().empty()) {
    return UsageError(
        absl::StrCat("the file's name does not say of what type it is; add --type, such as --type ",
                     "image/jpeg"));
  }
  KABAR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  KABAR_ASSIGN_OR_RETURN(const Medium kept, Send(session, info, bytes));
  if (session.json()) {
    session.out() << Json(kept);
  } else {
    session.out() << "medium " << OneLine(kept.name()) << " (" << OneLine(kept.mime_type()) << ", "
                  << Count(kept.size_bytes(), "byte")
                  << ") is kept; templates name it medium:" << OneLine(kept.name()) << "\n";
  }
  return kExitOk;
}

// How many numbers have it, and what went wrong with the others.
std::pair<std::string, std::string> UploadsOf(const Medium& medium) {
  int good = 0;
  std::string error;
  for (const auto& upload : medium.uploads()) {
    good += upload.media_id().empty() ? 0 : 1;
    if (!upload.error().empty()) error = upload.sender_id() + ": " + upload.error();
  }
  return {absl::StrCat(good, " of ", medium.uploads_size()), error};
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListMediaResponse response,
                         api.List(&DispatcherService::Stub::ListMedia, {}, paging));
  Table table({{"NAME"}, {"TYPE"}, {"BYTES", true}, {"CHANGED"}, {"NUMBERS"}, {"WHY NOT"}});
  for (const Medium& medium : response.media()) {
    const auto [numbers, error] = UploadsOf(medium);
    table.Row({OneLine(medium.name()), OneLine(medium.mime_type()),
               absl::StrCat(medium.size_bytes()), FormatTime(medium.update_time()), numbers,
               OneLine(error)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

absl::StatusOr<int> Delete(Session& session, const Arguments& arguments) {
  dispatcher::v1::DeleteMediaRequest request;
  request.set_name(arguments.Get("NAME"));
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::DeleteMediaResponse response,
                         api.Call(&DispatcherService::Stub::DeleteMedia, request));
  if (session.json()) {
    session.out() << Json(response);
  } else {
    session.out() << "medium " << OneLine(request.name()) << " is deleted\n";
  }
  return kExitOk;
}

}  // namespace

Commands MediaCommands() {
  return {
      {.noun = "media",
       .verb = "upload",
       .summary = "Keeps a picture, video or document for messages to have as header.",
       .details =
           "A template names it instead of an address: --image medium:NAME. It is uploaded to\n"
           "WhatsApp once for each number that sends it, and again before it runs out there.\n"
           "The same name with another file: messages that are yet to go have the new one.",
       .positionals = {{"FILE", "JPEG or PNG (5 MB), MP4 or 3GP, PDF, office, text (16 MB)", ""}},
       .options = {{.name = "name",
                    .value = "NAME",
                    .help = "what templates call it: small letters, digits, -, _ and .",
                    .field = "name",
                    .required = true},
                   {.name = "type",
                    .value = "TYPE",
                    .help = "its MIME type; else by the file's ending"}},
       .run = Upload},
      {.noun = "media",
       .verb = "list",
       .summary = "Lists the media, and how many numbers have them at WhatsApp.",
       .options = WithPaging(),
       .run = List},
      {.noun = "media",
       .verb = "delete",
       .summary = "Deletes a medium that no message of the last day names.",
       .positionals = {{"NAME", "kabarctl media list", "name"}},
       .run = Delete},
  };
}

}  // namespace kabar::kabarctl
