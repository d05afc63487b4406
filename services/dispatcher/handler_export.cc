// Messages as CSV, page by page. Each page is a transaction of its own: a slow reader holds none
// open.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/audit/audit.h"
#include "libs/base/csv.h"
#include "libs/base/local_time.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert_checks.h"
#include "services/dispatcher/handler.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kPageTimeout = absl::Seconds(30);
constexpr std::size_t kMaxReason = 200;
constexpr std::size_t kPieceBytes = 1 << 20;

const std::vector<std::string>& Header() {
  static const auto* const kHeader = new std::vector<std::string>{
      "id",          "create_time", "update_time",       "run_id", "lane_id", "contact_id",
      "phone",       "bsuid",       "subject",           "state",  "reason",  "attempt",
      "provider_id", "template",    "template_language", "text"};
  return *kHeader;
}

std::string Time(absl::Time time, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, zone);
}

// A phone too: a spreadsheet would make it a number, and keep seven digits of it.
std::vector<std::string> Cells(const LedgerMessage& m, absl::TimeZone zone) {
  return {m.id,
          Time(m.create_time, zone),
          Time(m.update_time, zone),
          base::GuardFormula(m.run_id),
          base::GuardFormula(m.lane_id),
          base::GuardFormula(m.contact_id),
          base::GuardFormula(m.phone),
          base::GuardFormula(m.bsuid),
          base::GuardFormula(m.subject),
          events::v1::MessageState_Name(static_cast<events::v1::MessageState>(m.state)),
          base::GuardFormula(m.reason),
          absl::StrCat(m.attempt),
          base::GuardFormula(m.provider_id),
          base::GuardFormula(m.form.name),
          m.form.language,
          base::GuardFormula(m.text)};
}

absl::StatusOr<MessageFilter> FilterOf(const v1::ExportMessagesRequest& request) {
  MessageFilter filter;
  if (request.has_from_time()) filter.from = ToTime(request.from_time());
  if (request.has_to_time()) filter.to = ToTime(request.to_time());
  if (filter.from >= filter.to) {
    return base::InvalidField("to_time", "is not behind from_time; nothing is between them");
  }
  if (!events::v1::MessageState_IsValid(request.state())) {
    return base::InvalidField("state", "is no state of a message");
  }
  filter.run_id = request.run_id();
  filter.state = static_cast<MessageState>(request.state());
  filter.contact_id = request.contact_id();
  if (!request.phone().empty() && !IsE164(request.phone())) {
    return base::InvalidField("phone", "must be in E.164 form, such as +6281234567890");
  }
  filter.phone = request.phone();
  filter.bsuid = request.bsuid();
  if (request.reason().size() > kMaxReason) {
    return base::InvalidField("reason", "has more than 200 bytes");
  }
  return filter;
}

// Empties the piece.
absl::Status Send(grpc::ServerWriter<v1::ExportMessagesResponse>* writer,
                  v1::ExportMessagesResponse& piece) {
  if (!writer->Write(piece)) return absl::CancelledError("the caller hung up");
  piece.clear_csv();
  return absl::OkStatus();
}

}  // namespace

grpc::Status Handler::ExportMessages(grpc::ServerContext* context,
                                     const v1::ExportMessagesRequest* request,
                                     grpc::ServerWriter<v1::ExportMessagesResponse>* writer) {
  return rpc::ServeStream(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(NeedOutlet(call));
        KABAR_ASSIGN_OR_RETURN(const MessageFilter filter, FilterOf(*request));
        const auto zone =
            base::LoadZone(request->time_zone().empty() ? "WIB" : request->time_zone());
        if (!zone.ok()) return base::InvalidField("time_zone", zone.status().message());
        KABAR_RETURN_IF_ERROR(store_.NoteExport(audit::ActorOf(call),
                                                {.outlet = call.outlet,
                                                 .action = "ExportMessages",
                                                 .target = "messages",
                                                 .reason = request->reason()},
                                                absl::Now() + kPageTimeout));
        v1::ExportMessagesResponse piece;
        piece.set_csv(base::CsvLine(Header()));
        MessagePlace place;
        for (bool first = true; !place.end; first = false) {
          KABAR_ASSIGN_OR_RETURN(
              const std::vector<LedgerMessage> page,
              store_.ExportMessages(call.outlet, filter, &place, absl::Now() + kPageTimeout));
          for (const LedgerMessage& message : page) {
            piece.mutable_csv()->append(base::CsvLine(Cells(message, *zone)));
            // Texts may be long: no piece outgrows what gRPC takes.
            if (piece.csv().size() < kPieceBytes) continue;
            KABAR_RETURN_IF_ERROR(Send(writer, piece));
          }
          if (first || !piece.csv().empty()) KABAR_RETURN_IF_ERROR(Send(writer, piece));
          // Never OK before the end: half a file must not look like a whole one.
          if (call.Cancelled()) {
            return absl::UnavailableError("the export was stopped before its end; export again");
          }
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::dispatcher
