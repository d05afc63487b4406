#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/lookup.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/template_parts.h"

namespace kabar::kabarctl {
namespace {

using templates::v1::Template;
using templates::v1::TemplatesService;

// --message or --message-file; exactly one of them.
absl::StatusOr<std::string> ReadMessage(Session& session, const Arguments& arguments) {
  if (arguments.Has("message") == arguments.Has("message-file")) {
    return UsageError("say either --message TEXT or --message-file FILE");
  }
  if (arguments.Has("message")) return arguments.Get("message");
  return ReadText(session, arguments.Get("message-file"));
}

absl::StatusOr<templates::v1::MissingData> ReadMissingData(const Arguments& arguments) {
  if (arguments.Has("strict") && arguments.Has("lenient")) {
    return UsageError("--strict and --lenient exclude each other");
  }
  if (arguments.Has("strict")) return templates::v1::STRICT;
  if (arguments.Has("lenient")) return templates::v1::LENIENT;
  return templates::v1::MISSING_DATA_UNSPECIFIED;
}

// 0, the newest, if none is said.
absl::StatusOr<std::int32_t> ReadVersion(const Arguments& arguments, const std::string& which) {
  KABAR_ASSIGN_OR_RETURN(const std::int64_t version, arguments.Integer(which, 0));
  if (version > std::numeric_limits<std::int32_t>::max()) {
    return UsageError(absl::StrCat(arguments.Get(which), " is no version: it is too large"));
  }
  return static_cast<std::int32_t>(version);
}

void PrintSaved(Session& session, const Template& saved, absl::string_view done) {
  if (session.json()) {
    session.out() << Json(saved);
    return;
  }
  session.out() << "template " << OneLine(saved.code()) << " " << done << ": " << saved.id()
                << ", version " << saved.version() << "\n";
  if (saved.variables_size() > 0) {
    session.out() << "variables: " << absl::StrJoin(saved.variables(), ", ") << "\n";
  }
}

absl::StatusOr<int> Create(Session& session, const Arguments& arguments) {
  templates::v1::CreateTemplateRequest request;
  request.mutable_template_()->set_code(arguments.Get("CODE"));
  if (arguments.Has("quick-reply")) {
    request.mutable_template_()->set_kind(templates::v1::QUICK_REPLY);
  }
  content::v1::Parts parts;
  KABAR_ASSIGN_OR_RETURN(const bool has_parts, ReadParts(arguments, &parts));
  if (has_parts) *request.mutable_template_()->mutable_parts() = parts;
  KABAR_ASSIGN_OR_RETURN(*request.mutable_template_()->mutable_message(),
                         ReadMessage(session, arguments));
  KABAR_ASSIGN_OR_RETURN(const auto missing_data, ReadMissingData(arguments));
  request.mutable_template_()->set_missing_data(missing_data);
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const Template made,
                         api.Call(&TemplatesService::Stub::CreateTemplate, request));
  PrintSaved(session, made, "created");
  return kExitOk;
}

absl::StatusOr<int> Update(Session& session, const Arguments& arguments) {
  templates::v1::UpdateTemplateRequest request;
  KABAR_ASSIGN_OR_RETURN(const auto missing_data, ReadMissingData(arguments));
  if (missing_data != templates::v1::MISSING_DATA_UNSPECIFIED) {
    request.mutable_template_()->set_missing_data(missing_data);
    request.mutable_update_mask()->add_paths("missing_data");
  }
  const bool has_message = arguments.Has("message") || arguments.Has("message-file");
  if (has_message) {
    KABAR_ASSIGN_OR_RETURN(*request.mutable_template_()->mutable_message(),
                           ReadMessage(session, arguments));
    request.mutable_update_mask()->add_paths("message");
  }
  content::v1::Parts parts;
  KABAR_ASSIGN_OR_RETURN(const bool has_parts, ReadParts(arguments, &parts));
  if (has_parts || arguments.Has("no-parts")) {
    *request.mutable_template_()->mutable_parts() = parts;
    request.mutable_update_mask()->add_paths("parts");
  }
  if (request.update_mask().paths_size() == 0) {
    return UsageError(
        "say what to change: --message, --message-file, --strict, --lenient, or header, footer and "
        "buttons (all of them at once)");
  }
  KABAR_ASSIGN_OR_RETURN(const Template found, FindTemplate(session, arguments.Get("CODE-or-ID")));
  request.mutable_template_()->set_id(found.id());
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const Template saved,
                         api.Call(&TemplatesService::Stub::UpdateTemplate, request));
  PrintSaved(session, saved, "saved");
  return kExitOk;
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<TemplatesService> api(session, Area::kTemplates);
  templates::v1::ListTemplatesRequest request;
  request.set_show_archived(arguments.Has("archived"));
  if (arguments.Has("quick-replies")) request.set_kind(templates::v1::QUICK_REPLY);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const templates::v1::ListTemplatesResponse response,
                         api.List(&TemplatesService::Stub::ListTemplates, request, paging));
  Table table({{"CODE"}, {"ID"}, {"VERSION", true}, {"STATE"}, {"MISSING DATA"}, {"MESSAGE"}});
  for (const Template& t : response.templates()) {
    table.Row({t.code(), t.id(), absl::StrCat(t.version()), TemplateState_Name(t.state()),
               MissingData_Name(t.missing_data()), Shortened(t.message(), 50)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

void PrintRendered(Session& session, const templates::v1::Rendered& rendered) {
  if (rendered.has_failure()) {
    session.out() << "nothing is sent to this recipient: " << OneLine(rendered.failure().reason());
    if (!rendered.failure().variable().empty()) {
      session.out() << " (" << OneLine(rendered.failure().variable())
                    << (rendered.failure().reason() == "MISSING_VARIABLE"
                            ? "; give it with --var, or a default in the template)"
                            : ")");
    }
    session.out() << "\n";
    return;
  }
  session.out() << rendered.text() << "\n";
  if (!rendered.has_provider_form()) return;
  const auto& form = rendered.provider_form();
  session.out() << "\nwhen the customer's window is closed: template " << OneLine(form.name())
                << " (" << OneLine(form.language()) << ")\n";
  for (int i = 0; i < form.parameters_size(); ++i) {
    session.out() << "  {{" << i + 1 << "}} = " << OneLine(form.parameters(i)) << "\n";
  }
}

absl::StatusOr<int> Preview(Session& session, const Arguments& arguments) {
  const bool saved = arguments.Has("CODE-or-ID");
  if (saved && (arguments.Has("message") || arguments.Has("message-file"))) {
    return UsageError("say either a template or a message, not both");
  }
  templates::v1::PreviewTemplateRequest request;
  KABAR_ASSIGN_OR_RETURN(const std::int32_t version, ReadVersion(arguments, "version"));
  KABAR_ASSIGN_OR_RETURN(const auto missing_data, ReadMissingData(arguments));
  KABAR_ASSIGN_OR_RETURN(const auto variables, arguments.Pairs("var"));
  request.mutable_variables()->insert(variables.begin(), variables.end());
  request.set_missing_data(missing_data);
  if (saved) {
    request.set_version(version);
    KABAR_ASSIGN_OR_RETURN(const Template found,
                           FindTemplate(session, arguments.Get("CODE-or-ID"), request.version()));
    request.set_template_id(found.id());
  } else {
    KABAR_ASSIGN_OR_RETURN(*request.mutable_message(), ReadMessage(session, arguments));
  }
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const templates::v1::PreviewTemplateResponse response,
                         api.Call(&TemplatesService::Stub::PreviewTemplate, request));
  if (session.json()) {
    session.out() << Json(response);
  } else {
    PrintRendered(session, response.rendered());
  }
  return response.rendered().has_failure() ? kExitRefused : kExitOk;
}

void PrintProblems(Session& session, const templates::v1::ValidateTemplateResponse& response) {
  for (const auto& problem : response.problems()) {
    session.out() << (problem.severity() == templates::v1::TemplateProblem::ERROR ? "error"
                                                                                  : "warning");
    if (problem.line() > 0) session.out() << " " << problem.line() << ":" << problem.column();
    session.out() << ": " << OneLine(problem.message()) << " [" << OneLine(problem.reason())
                  << "]\n";
  }
  if (response.variables_size() > 0) {
    session.out() << "variables: " << absl::StrJoin(response.variables(), ", ") << "\n";
  }
  if (response.unknown_variables_size() > 0) {
    session.out() << "of these no field, so they must come from attributes or events: "
                  << absl::StrJoin(response.unknown_variables(), ", ") << "\n";
  }
  for (const auto& form : response.provider_forms()) {
    session.out() << "provider template: " << OneLine(form.name()) << " ("
                  << OneLine(form.language()) << ")\n";
  }
  session.out() << (response.valid() ? "valid\n" : "not valid: it cannot be saved\n");
}

absl::StatusOr<int> Lint(Session& session, const Arguments& arguments) {
  templates::v1::ValidateTemplateRequest request;
  KABAR_ASSIGN_OR_RETURN(*request.mutable_message(), ReadText(session, arguments.Get("FILE")));
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const templates::v1::ValidateTemplateResponse response,
                         api.Call(&TemplatesService::Stub::ValidateTemplate, request));
  if (session.json()) {
    session.out() << Json(response);
  } else {
    PrintProblems(session, response);
  }
  return response.valid() ? kExitOk : kExitRefused;
}

absl::StatusOr<int> Diff(Session& session, const Arguments& arguments) {
  using Line = templates::v1::DiffTemplateVersionsResponse::Line;
  templates::v1::DiffTemplateVersionsRequest request;
  KABAR_ASSIGN_OR_RETURN(const std::int32_t from, ReadVersion(arguments, "VERSION"));
  KABAR_ASSIGN_OR_RETURN(const std::int32_t to, ReadVersion(arguments, "OTHER-VERSION"));
  KABAR_ASSIGN_OR_RETURN(const Template found,
                         FindTemplate(session, arguments.Get("CODE-or-ID"), 0));
  request.set_id(found.id());
  request.set_from_version(from);
  request.set_to_version(to);
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const templates::v1::DiffTemplateVersionsResponse response,
                         api.Call(&TemplatesService::Stub::DiffTemplateVersions, request));
  if (session.json()) {
    session.out() << Json(response);
    return kExitOk;
  }
  session.out() << "- version " << response.from_version() << "\n+ version "
                << response.to_version() << "\n";
  for (const std::string& other : response.others()) session.out() << OneLine(other) << "\n";
  session.out() << "\n";
  for (const Line& line : response.lines()) {
    session.out() << (line.change() == Line::ADDED     ? "+ "
                      : line.change() == Line::REMOVED ? "- "
                                                       : "  ")
                  << line.text() << "\n";
  }
  return kExitOk;
}

void PrintSample(Session& session, const templates::v1::LibraryTemplate& one) {
  session.out() << OneLine(one.title()) << "\n\n" << one.message() << "\n\nwith\n";
  const auto print = [&](const char* indent, const auto& values) {
    const std::map<std::string, std::string> sorted(values.begin(), values.end());
    for (const auto& [name, value] : sorted) {
      session.out() << indent << name << " = " << OneLine(value) << "\n";
    }
  };
  print("  ", one.sample());
  for (const auto& parcel : one.sample_parcels()) {
    session.out() << "  a parcel\n";
    print("    ", parcel.variables());
  }
  session.out() << "the customer reads\n\n" << one.sample_text() << "\n";
}

absl::StatusOr<int> ShowLibrary(Session& session, const Arguments& arguments) {
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const templates::v1::ListLibraryTemplatesResponse response,
                         api.Call(&TemplatesService::Stub::ListLibraryTemplates,
                                  templates::v1::ListLibraryTemplatesRequest()));
  if (const std::string& code = arguments.Get("CODE"); !code.empty()) {
    for (const auto& one : response.templates()) {
      if (one.code() != code) continue;
      if (session.json()) {
        session.out() << Json(one);
      } else {
        PrintSample(session, one);
      }
      return kExitOk;
    }
    return UsageError(absl::StrCat("the library has no template \"", code,
                                   "\": kabarctl templates library lists them"));
  }
  Table table({{"CODE"}, {"TITLE"}, {"SAMPLE"}});
  for (const auto& one : response.templates()) {
    table.Row({one.code(), one.title(), Shortened(one.sample_text(), 60)});
  }
  PrintList(session, response, table, "");
  return kExitOk;
}

absl::StatusOr<int> InstallLibrary(Session& session, const Arguments& arguments) {
  templates::v1::InstallLibraryTemplatesRequest request;
  for (const std::string& code : arguments.All("CODE")) request.add_codes(code);
  Api<TemplatesService> api(session, Area::kTemplates);
  KABAR_ASSIGN_OR_RETURN(const templates::v1::InstallLibraryTemplatesResponse response,
                         api.Call(&TemplatesService::Stub::InstallLibraryTemplates, request));
  if (session.json()) {
    session.out() << Json(response);
    return kExitOk;
  }
  for (const Template& made : response.installed()) PrintSaved(session, made, "created");
  session.out() << response.installed_size() << " templates installed";
  if (response.present_size() > 0) {
    session.out() << ", " << response.present_size()
                  << " left as they are: " << absl::StrJoin(response.present(), ", ");
  }
  session.out()
      << "\nnone names a provider template yet: they reach only customers who wrote within "
         "the last 24 hours\n";
  return kExitOk;
}

constexpr char kFileEnd[] =
    "One line break at the end of a file is the editor's, not the message's.";

std::vector<Option> MessageOptions() {
  return {{.name = "message", .value = "TEXT", .help = "the message", .field = "template.message"},
          {.name = "message-file", .value = "FILE", .help = "the message; - for standard input"}};
}

std::vector<Option> MissingDataOptions(std::vector<Option> options) {
  options.push_back({.name = "strict",
                     .help = "a recipient whose data lacks a variable gets nothing (the default)"});
  options.push_back({.name = "lenient",
                     .help = "missing data is printed as -",
                     .field = "template.missing_data"});
  return options;
}

}  // namespace

Commands TemplateCommands() {
  std::vector<Option> create = PartsOptions(MissingDataOptions(MessageOptions()));
  create.push_back({.name = "quick-reply",
                    .help = "it is a canned text that people answer customers with",
                    .field = "template.kind"});
  std::vector<Option> update = PartsOptions(MissingDataOptions(MessageOptions()));
  update.push_back({.name = "no-parts", .help = "takes header, footer and buttons away"});
  std::vector<Option> preview = MissingDataOptions(MessageOptions());
  preview.push_back({.name = "var",
                     .value = "NAME=VALUE",
                     .help = "a variable of the recipient",
                     .field = "variables",
                     .repeated = true});
  preview.push_back(
      {.name = "version", .value = "N", .help = "default: the newest", .field = "version"});
  return {
      {.noun = "templates",
       .verb = "create",
       .summary = "Saves a new template.",
       .details = kFileEnd,
       .positionals = {{"CODE", "its name in calls, e.g. morning-update", "template.code"}},
       .options = create,
       .run = Create},
      {.noun = "templates",
       .verb = "update",
       .summary = "Saves a new version; runs under way keep theirs.",
       .details = kFileEnd,
       .positionals = {{"CODE-or-ID", "the template", "template.id"}},
       .options = update,
       .run = Update},
      {.noun = "templates",
       .verb = "list",
       .summary = "Lists the templates.",
       .options = WithPaging({{.name = "archived", .help = "those too"},
                              {.name = "quick-replies", .help = "these alone"}}),
       .run = List},
      {.noun = "templates",
       .verb = "preview",
       .summary = "Shows what one recipient would read; exit code 1 if nothing would be sent.",
       .details = kFileEnd,
       .positionals = {{"CODE-or-ID", "a saved template; else --message or --message-file",
                        "template_id", false}},
       .options = preview,
       .run = Preview},
      {.noun = "templates",
       .verb = "lint",
       .summary = "Checks a message without saving it; exit code 1 if it is not valid.",
       .details = kFileEnd,
       .positionals = {{"FILE", "the message; - for standard input", "message"}},
       .run = Lint},
      {.noun = "templates",
       .verb = "diff",
       .summary = "Shows what changed from one version to another, line by line.",
       .positionals = {{"CODE-or-ID", "the template", "id"},
                       {"VERSION", "the version before; default: the one before the other",
                        "from_version", false},
                       {"OTHER-VERSION", "the version after; default: the newest", "to_version",
                        false}},
       .run = Diff},
      {.noun = "templates",
       .verb = "library",
       .summary = "Lists the ready-made templates that come with the suite, or shows one whole.",
       .positionals = {{"CODE", "this one, with its sample", "code", false}},
       .run = ShowLibrary},
      {.noun = "templates",
       .verb = "install-library",
       .summary = "Creates the ready-made templates whose codes are free; the others stay.",
       .positionals = {{"CODE", "these; default: all", "codes", false, true}},
       .run = InstallLibrary},
  };
}

}  // namespace kabar::kabarctl
