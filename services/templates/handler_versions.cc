// What changed from one version to another.
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/templates/handler.h"
#include "services/templates/line_diff.h"

namespace kabar::templates {
namespace {

using Line = v1::DiffTemplateVersionsResponse::Line;

Line::Change Of(Change change) {
  switch (change) {
    case Change::kSame:
      return Line::SAME;
    case Change::kRemoved:
      return Line::REMOVED;
    case Change::kAdded:
      return Line::ADDED;
  }
  return Line::SAME;
}

// The fields of header, footer and buttons, each with its value.
std::vector<std::pair<std::string, std::string>> FieldsOf(const Parts& parts) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"header_kind", std::string(HeaderFormat(parts.header_kind))},
      {"header_text", parts.header_text},
      {"media_link", parts.media_link},
      {"filename", parts.filename},
      {"latitude", parts.latitude},
      {"longitude", parts.longitude},
      {"location_name", parts.location_name},
      {"location_address", parts.location_address},
      {"footer", parts.footer},
      {"buttons", ""}};
  for (const Button& button : parts.buttons) {
    absl::StrAppend(&fields.back().second, fields.back().second.empty() ? "" : ", ", button.title,
                    " (", button.url.empty() ? button.meaning() : button.url, ")");
  }
  return fields;
}

void Compare(const MessageTemplate& before, const MessageTemplate& after,
             v1::DiffTemplateVersionsResponse* response) {
  const auto differs = [&](absl::string_view field, absl::string_view was,
                           absl::string_view becomes) {
    if (was == becomes) return;
    response->add_others(absl::StrCat(field, ": ", was.empty() ? "nothing" : was, " -> ",
                                      becomes.empty() ? "nothing" : becomes));
  };
  for (const DiffLine& line : LineDiff(before.message, after.message)) {
    Line* shown = response->add_lines();
    shown->set_change(Of(line.change));
    shown->set_text(line.text);
  }
  differs("missing_data", MissingDataName(before.missing_data),
          MissingDataName(after.missing_data));
  const auto was = FieldsOf(before.parts), becomes = FieldsOf(after.parts);
  for (size_t i = 0; i < was.size(); ++i) {
    differs(was[i].first, was[i].second, becomes[i].second);
  }
}

}  // namespace

grpc::Status Handler::DiffTemplateVersions(grpc::ServerContext* context,
                                           const v1::DiffTemplateVersionsRequest* request,
                                           v1::DiffTemplateVersionsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        if (request->id().empty()) return base::InvalidField("id", "is required");
        KABAR_ASSIGN_OR_RETURN(
            const MessageTemplate after,
            store_.Get(call.outlet, request->id(), request->to_version(), call.deadline));
        int32_t from = request->from_version();
        if (from == 0) from = after.version - 1;
        if (from < 1) {
          return base::InvalidField("from_version", "there is no version before the first one");
        }
        KABAR_ASSIGN_OR_RETURN(const MessageTemplate before,
                               store_.Get(call.outlet, request->id(), from, call.deadline));
        response->set_from_version(before.version);
        response->set_to_version(after.version);
        Compare(before, after, response);
        return absl::OkStatus();
      });
}

}  // namespace kabar::templates
