// The library: shown with its samples, and installed into an outlet.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/templates/convert.h"
#include "services/templates/handler.h"
#include "services/templates/library.h"
#include "services/templates/mutate.h"

namespace kabar::templates {
namespace {

// Those of the library that are asked for; all if none is.
absl::StatusOr<std::vector<LibraryTemplate>> Wanted(
    const v1::InstallLibraryTemplatesRequest& request) {
  KABAR_ASSIGN_OR_RETURN(std::vector<LibraryTemplate> library, Library());
  if (request.codes().empty()) return library;
  std::vector<LibraryTemplate> wanted;
  for (const std::string& code : request.codes()) {
    const auto found = std::find_if(library.begin(), library.end(),
                                    [&](const LibraryTemplate& one) { return one.code == code; });
    if (found == library.end()) {
      return base::InvalidField(
          "codes", absl::StrCat("the library has no ", code, ": list it to see which there are"));
    }
    const auto named = [&](const LibraryTemplate& one) { return one.code == code; };
    if (std::none_of(wanted.begin(), wanted.end(), named)) wanted.push_back(*found);
  }
  return wanted;
}

}  // namespace

grpc::Status Handler::ListLibraryTemplates(grpc::ServerContext* context,
                                           const v1::ListLibraryTemplatesRequest*,
                                           v1::ListLibraryTemplatesResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const std::vector<LibraryTemplate> library, Library());
    for (const LibraryTemplate& one : library) {
      v1::LibraryTemplate* shown = response->add_templates();
      shown->set_code(one.code);
      shown->set_title(one.title);
      shown->set_message(one.message);
      shown->set_sample_text(one.reads);
      shown->mutable_sample()->insert(one.sample.begin(), one.sample.end());
      for (const SampleValues& parcel : one.parcels) {
        shown->add_sample_parcels()->mutable_variables()->insert(parcel.begin(), parcel.end());
      }
    }
    return absl::OkStatus();
  });
}

grpc::Status Handler::InstallLibraryTemplates(grpc::ServerContext* context,
                                              const v1::InstallLibraryTemplatesRequest* request,
                                              v1::InstallLibraryTemplatesResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(const std::vector<LibraryTemplate> wanted, Wanted(*request));
      std::vector<std::string> codes;
      for (const LibraryTemplate& one : wanted) codes.push_back(one.code);
      KABAR_ASSIGN_OR_RETURN(const std::vector<std::string> taken, unit.CodesTaken(codes));
      for (const LibraryTemplate& one : wanted) {
        if (std::find(taken.begin(), taken.end(), one.code) != taken.end()) {
          response->add_present(one.code);
          continue;
        }
        KABAR_ASSIGN_OR_RETURN(const template_lang::Template compiled,
                               template_lang::Compile(one.message));
        MessageTemplate added;
        added.id = base::NewId("tpl");
        added.code = one.code;
        added.message = one.message;
        added.variables = VariableNames(compiled, {});
        added.version = 1;
        added.create_time = added.update_time = Now();
        KABAR_RETURN_IF_ERROR(unit.Insert(added));
        ToProto(added, response->add_installed());
      }
      return absl::OkStatus();
    };
    return Mutate(call, "InstallLibraryTemplates", *request, response, work);
  });
}

}  // namespace kabar::templates
