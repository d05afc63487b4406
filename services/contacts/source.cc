#include "services/contacts/source.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/local_time.h"
#include "libs/base/status.h"
#include "services/contacts/contact.h"
#include "services/contacts/import_columns.h"

namespace kabar::contacts {
namespace {

constexpr std::size_t kMaxMapping = 100;

bool IsFileName(absl::string_view name) {
  return !name.empty() && name.size() <= 100 && name[0] != '.' &&
         name.find_first_of("/\\") == absl::string_view::npos &&
         name.find('\0') == absl::string_view::npos;
}

// What is wrong with a header's name; "" if nothing.
std::string HeaderFault(const std::string& name) {
  if (name.size() > 100 ||
      name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
          std::string::npos) {
    return "is no header's name";
  }
  // They say where a request ends, to whom it goes, or what its answer looks like.
  const std::string lower = absl::AsciiStrToLower(name);
  for (const char* taken :
       {"host", "connection", "content-length", "content-type", "content-encoding",
        "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect", "accept",
        "accept-encoding", "range", "http2-settings"}) {
    if (lower == taken) return "belongs to the request itself; name the header of the secret";
  }
  if (absl::StartsWith(lower, "proxy-") || absl::StartsWith(lower, "x-forwarded-") ||
      absl::StartsWith(lower, "x-http-method") || absl::StartsWith(lower, "x-original-")) {
    return "belongs to proxies; name the header of the secret";
  }
  return "";
}

class Checker {
 public:
  Checker(const SourceRules& rules, Source& source) : rules_(rules), source_(source) {}

  absl::Status Check() {
    Defaults();
    const std::string name = TextFault(source_.name, kMaxShortText);
    if (source_.name.empty()) Fault("name", "is required");
    if (!name.empty()) Fault("name", name);
    CheckPlace();
    CheckPaging();
    CheckMapping();
    CheckTime();
    return status_;
  }

 private:
  void Fault(absl::string_view field, absl::string_view what) {
    base::AddFieldViolation(status_, absl::StrCat("source.", field), what);
  }

  void Defaults() {
    if (source_.settings.auth_header.empty()) source_.settings.auth_header = "Authorization";
    if (source_.schedule.empty()) source_.schedule = "07:00";
    if (source_.time_zone.empty()) source_.time_zone = rules_.zone;
  }

  void CheckPlace() {
    const SourceSettings& s = source_.settings;
    if (const std::string fault = UrlFault(s.url, rules_.hosts, !s.auth_secret.empty());
        !fault.empty()) {
      Fault("url", fault);
    }
    if (const std::string name = SecretParameter(s.url); !name.empty()) {
      Fault("url", absl::StrCat("holds \"", name,
                                "\", which looks like a secret that everybody would see here; put "
                                "it into the file of auth_secret, for a header"));
    }
    if (const std::string fault = HeaderFault(s.auth_header); !fault.empty()) {
      Fault("auth_header", fault);
    }
    if (s.auth_secret.empty()) return;
    if (!IsFileName(s.auth_secret)) {
      Fault("auth_secret", "is no file name; write the name alone, without a folder");
    } else if (rules_.secrets.empty()) {
      Fault("auth_secret",
            "names a file, but this installation has no folder for them; its administrator names "
            "it in --source-secrets of kabar-contacts");
    }
  }

  void CheckPaging() {
    const SourceSettings& s = source_.settings;
    const bool by_parameter = s.paging == Paging::kPageNumber || s.paging == Paging::kCursor;
    if (by_parameter && s.page_parameter.empty()) {
      Fault("page_parameter", "is required by this kind of paging");
    }
    const bool by_next = s.paging == Paging::kCursor || s.paging == Paging::kNextLink;
    if (by_next && s.next_path.empty()) {
      Fault("next_path", "is required by this kind of paging");
    }
    if (s.first_page < 0) Fault("first_page", "is below 0");
    if (!s.since_path.empty() && s.since_parameter.empty()) {
      Fault("since_parameter", "is required with since_path: it takes the token");
    }
    for (const auto& [field, text] :
         {std::pair<const char*, const std::string&>{"page_parameter", s.page_parameter},
          {"next_path", s.next_path},
          {"items_path", s.items_path},
          {"since_parameter", s.since_parameter},
          {"since_path", s.since_path}}) {
      if (const std::string fault = TextFault(text, kMaxShortText); !fault.empty()) {
        Fault(field, fault);
      }
    }
  }

  void CheckMapping() {
    const auto& mapping = source_.settings.mapping;
    if (mapping.empty()) return Fault("mapping", "is required: which value is which field");
    if (mapping.size() > kMaxMapping) return Fault("mapping", "has more than 100 places");
    std::vector<std::string> fields;
    for (const auto& [place, field] : mapping) {
      if (place.empty() || !TextFault(place, kMaxShortText).empty()) {
        return Fault("mapping", "has a place that is empty, or no text of 200 characters at most");
      }
      if (field.empty()) return Fault("mapping", "has a place without a field");
      fields.push_back(field);
    }
    const auto columns = ImportColumns::Resolve(fields, {});
    if (!columns.ok()) {
      Fault("mapping", columns.status().message());
    } else if (const std::vector<std::string> unknown = columns->Ignored(); !unknown.empty()) {
      Fault("mapping",
            absl::StrCat("\"", unknown[0],
                         "\" is no field; use a canonical name such as phone or status"));
    }
  }

  void CheckTime() {
    const auto zone = base::CanonicalZoneName(source_.time_zone);
    if (!zone.ok()) return Fault("time_zone", zone.status().message());
    source_.time_zone = *zone;
    if (!NextPull(source_, absl::UnixEpoch()).ok()) {
      Fault("schedule", "is no time of day; write 07:00");
    }
  }

  const SourceRules& rules_;
  Source& source_;
  absl::Status status_;
};

}  // namespace

absl::Status CheckSource(const SourceRules& rules, Source& source) {
  return Checker(rules, source).Check();
}

absl::StatusOr<absl::Time> NextPull(const Source& source, absl::Time now) {
  // A date in it would be one moment, not one a day.
  if (source.schedule.size() > 8) return base::InvalidField("source.schedule", "is no time of day");
  return base::ParseLocalTime(source.schedule, now, source.time_zone);
}

}  // namespace kabar::contacts
