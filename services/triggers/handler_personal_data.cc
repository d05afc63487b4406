// What is kept of one person, page by page: each is a transaction of its own.
#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/rpc/guard.h"
#include "services/triggers/convert.h"
#include "services/triggers/handler.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kPersonalPage = absl::Seconds(30);
constexpr std::size_t kMaxAddresses = 100;

absl::Status CheckAddresses(absl::string_view field, const std::vector<std::string>& addresses) {
  if (addresses.size() > kMaxAddresses) return base::InvalidField(field, "names more than 100");
  for (const std::string& address : addresses) {
    if (address.empty() || !base::IsValidUtf8(address) || address.find('\0') != std::string::npos) {
      return base::InvalidField(field, "names one that is empty or no text");
    }
  }
  return absl::OkStatus();
}

}  // namespace

grpc::Status Handler::ExportPersonalData(
    grpc::ServerContext* context, const v1::ExportPersonalDataRequest* request,
    grpc::ServerWriter<v1::ExportPersonalDataResponse>* writer) {
  return rpc::ServeStream(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        const PersonAddresses person{{request->contact_ids().begin(), request->contact_ids().end()},
                                     {request->phones().begin(), request->phones().end()},
                                     {request->bsuids().begin(), request->bsuids().end()}};
        KABAR_RETURN_IF_ERROR(CheckAddresses("contact_ids", person.contact_ids));
        KABAR_RETURN_IF_ERROR(CheckAddresses("phones", person.phones));
        KABAR_RETURN_IF_ERROR(CheckAddresses("bsuids", person.bsuids));
        if (person.contact_ids.empty() && person.phones.empty() && person.bsuids.empty()) {
          return base::InvalidField("contact_ids", "nothing says whom it is about");
        }
        for (PersonPlace place; !place.end;) {
          KABAR_ASSIGN_OR_RETURN(
              const PersonalData found,
              store_.ReadPersonalData(call.outlet, person, &place, absl::Now() + kPersonalPage));
          v1::ExportPersonalDataResponse part;
          for (const BusinessEvent& event : found.events) ToProto(event, part.add_events());
          for (const CustomerAnswer& answer : found.answers) ToProto(answer, part.add_answers());
          // Never OK before the end: a part must not look like the whole.
          if (call.Cancelled()) return absl::UnavailableError("stopped before its end; ask again");
          if ((part.events_size() > 0 || part.answers_size() > 0) && !writer->Write(part)) {
            return absl::CancelledError("the caller hung up");
          }
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::triggers
