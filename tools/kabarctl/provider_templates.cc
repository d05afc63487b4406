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

// "URL Lacak https://toko.id/{{1}}" or "YA": a link with its address, or a quick reply.
absl::Status ReadButtons(const Arguments& arguments, ProviderTemplate* provider) {
  for (const std::string& title : arguments.All("quick-reply")) {
    auto* button = provider->add_buttons();
    button->set_type("QUICK_REPLY");
    button->set_text(title);
  }
  for (const std::string& link : arguments.All("link")) {
    const std::size_t at = link.find('=');
    if (at == std::string::npos) {
      return UsageError(absl::StrCat("--link ", link, ": write TITLE=https://..."));
    }
    auto* button = provider->add_buttons();
    button->set_type("URL");
    button->set_text(link.substr(0, at));
    button->set_url(link.substr(at + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Submit(Session& session, const Arguments& arguments) {
  templates::v1::SubmitProviderTemplateRequest request;
  request.set_account_id(arguments.Get("account"));
  ProviderTemplate* provider = request.mutable_provider_template();
  provider->set_name(arguments.Get("NAME"));
  provider->set_language(arguments.Get("LANGUAGE"));
  provider->set_category(
      arguments.Has("category") ? absl::AsciiStrToUpper(arguments.Get("category")) : "UTILITY");
  provider->set_body(arguments.Get("body"));
  provider->set_footer(arguments.Get("footer"));
  if (arguments.Has("header")) {
    provider->set_header_format("TEXT");
    provider->set_header(arguments.Get("header"));
  }
  KABAR_RETURN_IF_ERROR(ReadButtons(arguments, provider));
  for (const std::string& sample : arguments.All("sample")) request.add_samples(sample);
  request.set_header_sample(arguments.Get("header-sample"));
  for (const std::string& sample : arguments.All("link-sample")) request.add_link_samples(sample);
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const ProviderTemplate made,
                         api.Call(&TemplatesService::Stub::SubmitProviderTemplate, request));
  if (session.json()) {
    session.out() << Json(made);
    return kExitOk;
  }
  session.out() << "provider template " << OneLine(made.name()) << " (" << OneLine(made.language())
                << ") submitted: " << OneLine(made.status()) << ", " << OneLine(made.category())
                << "\n";
  if (!made.trouble_text().empty()) session.out() << OneLine(made.trouble_text()) << "\n";
  return kExitOk;
}

absl::StatusOr<int> Sync(Session& session, const Arguments&) {
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const templates::v1::SyncProviderTemplatesResponse response,
                         api.Call(&TemplatesService::Stub::SyncProviderTemplates,
                                  templates::v1::SyncProviderTemplatesRequest()));
  if (session.json()) {
    session.out() << Json(response);
  } else {
    session.out() << Count(response.accounts(), "account")
                  << " asked: " << Count(response.templates(), "template") << ", "
                  << response.changed() << " changed\n";
  }
  return kExitOk;
}

absl::StatusOr<int> Accept(Session& session, const Arguments& arguments) {
  templates::v1::AcceptProviderTemplateRequest request;
  request.set_name(arguments.Get("NAME"));
  request.set_language(arguments.Get("LANGUAGE"));
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const ProviderTemplate agreed,
                         api.Call(&TemplatesService::Stub::AcceptProviderTemplate, request));
  if (session.json()) {
    session.out() << Json(agreed);
  } else {
    session.out() << "provider template " << OneLine(agreed.name()) << " ("
                  << OneLine(agreed.language()) << ") may be sent as " << OneLine(agreed.category())
                  << "\n";
    if (!agreed.trouble_text().empty()) session.out() << OneLine(agreed.trouble_text()) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const templates::v1::ListProviderTemplatesResponse response,
                         api.List(&TemplatesService::Stub::ListProviderTemplates, {}, paging));
  Table table({{"NAME"},
               {"LANGUAGE"},
               {"CATEGORY"},
               {"STATUS"},
               {"QUALITY"},
               {"PARAMETERS", true},
               {"BODY"},
               {"TROUBLE"}});
  for (const ProviderTemplate& t : response.provider_templates()) {
    table.Row({t.name(), t.language(), t.category(), t.status(), t.quality(),
               absl::StrCat(t.parameters()), Shortened(t.body(), 60), t.trouble_text()});
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
       .verb = "submit",
       .summary = "Creates a template at WhatsApp, which reviews it.",
       .details = "WhatsApp's reviewers want a sample for each parameter. What becomes of the\n"
                  "review shows in kabarctl provider-templates list.",
       .positionals = {{"NAME", "small letters, digits and _", "provider_template.name"},
                       {"LANGUAGE", "e.g. id", "provider_template.language"}},
       .options = {{.name = "body",
                    .value = "TEXT",
                    .help = "its text with {{1}}, {{2}}, ... or {{nama}}, ...",
                    .field = "provider_template.body",
                    .required = true},
                   {.name = "sample",
                    .value = "TEXT",
                    .help = "a value for each parameter, in order of first use",
                    .field = "samples",
                    .repeated = true},
                   {.name = "category",
                    .value = "CATEGORY",
                    .help = "UTILITY (default), MARKETING or AUTHENTICATION",
                    .field = "provider_template.category"},
                   {.name = "header",
                    .value = "TEXT",
                    .help = "its header",
                    .field = "provider_template.header_format"},
                   {.name = "header-sample", .value = "TEXT", .help = "a value for its parameter"},
                   {.name = "footer", .value = "TEXT", .help = "its footer"},
                   {.name = "quick-reply",
                    .value = "TITLE",
                    .help = "a button that answers",
                    .repeated = true},
                   {.name = "link",
                    .value = "TITLE=URL",
                    .help = "a button that opens an address; it may end in {{1}}",
                    .repeated = true},
                   {.name = "link-sample",
                    .value = "URL",
                    .help = "a whole address for each link that ends in {{1}}",
                    .repeated = true},
                   {.name = "account",
                    .value = "ID",
                    .help = "of the outlet's WhatsApp business accounts; default: its only one",
                    .field = "account_id"}},
       .run = Submit},
      {.noun = "provider-templates",
       .verb = "sync",
       .summary = "Looks at WhatsApp now for what the outlet's accounts have.",
       .run = Sync},
      {.noun = "provider-templates",
       .verb = "accept",
       .summary = "Agrees to the category that WhatsApp has moved a template to, at its price.",
       .positionals = {{"NAME", "the provider template", "name"},
                       {"LANGUAGE", "e.g. id", "language"}},
       .run = Accept},
      {.noun = "provider-templates",
       .verb = "list",
       .summary = "Lists the provider templates that the suite knows.",
       .options = WithPaging(),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
