#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using templates::v1::ProviderTemplate;
using templates::v1::TemplatesService;

absl::StatusOr<int> Register(Session& session, const Arguments& arguments) {
  if (arguments.Has("body") == arguments.Has("body-file")) {
    return UsageError("say either --body TEXT or --body-file FILE");
  }
  templates::v1::RegisterProviderTemplateRequest request;
  ProviderTemplate* provider = request.mutable_provider_template();
  provider->set_name(arguments.Get("NAME"));
  provider->set_language(arguments.Get("LANGUAGE"));
  if (arguments.Has("body")) {
    provider->set_body(arguments.Get("body"));
  } else {
    KABAR_ASSIGN_OR_RETURN(*provider->mutable_body(),
                           ReadText(session, arguments.Get("body-file")));
  }
  provider->set_category(
      arguments.Has("category") ? absl::AsciiStrToUpper(arguments.Get("category")) : "UTILITY");
  provider->set_status(arguments.Has("status") ? absl::AsciiStrToUpper(arguments.Get("status"))
                                               : "APPROVED");
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const ProviderTemplate made,
                         api.Call(&TemplatesService::Stub::RegisterProviderTemplate, request));
  if (session.json()) {
    session.out() << Json(made);
  } else {
    session.out() << "provider template " << OneLine(made.name()) << " ("
                  << OneLine(made.language()) << ") registered, "
                  << Count(made.parameters(), "parameter") << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const templates::v1::ListProviderTemplatesResponse response,
                         api.List(&TemplatesService::Stub::ListProviderTemplates, {}, paging));
  Table table({{"NAME"}, {"LANGUAGE"}, {"CATEGORY"}, {"STATUS"}, {"PARAMETERS", true}, {"BODY"}});
  for (const ProviderTemplate& t : response.provider_templates()) {
    table.Row({t.name(), t.language(), t.category(), t.status(), absl::StrCat(t.parameters()),
               Shortened(t.body(), 60)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands ProviderTemplateCommands() {
  return {
      {.noun = "provider-templates",
       .verb = "register",
       .summary = "Tells the suite about a template that exists at WhatsApp.",
       .positionals = {{"NAME", "its name there", "provider_template.name"},
                       {"LANGUAGE", "e.g. id", "provider_template.language"}},
       .options = {{.name = "body",
                    .value = "TEXT",
                    .help = "its text with {{1}}, {{2}}, ...",
                    .field = "provider_template.body"},
                   {.name = "body-file", .value = "FILE", .help = "its text; - for standard input"},
                   {.name = "category",
                    .value = "CATEGORY",
                    .help = "UTILITY (default), MARKETING or AUTHENTICATION",
                    .field = "provider_template.category"},
                   {.name = "status",
                    .value = "STATUS",
                    .help = "APPROVED (default), PENDING, REJECTED, PAUSED, DISABLED or ARCHIVED",
                    .field = "provider_template.status"}},
       .run = Register},
      {.noun = "provider-templates",
       .verb = "list",
       .summary = "Lists the provider templates that the suite knows.",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
