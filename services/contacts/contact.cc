#include "services/contacts/contact.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/phone/phone.h"
#include "services/contacts/time_zone.h"

namespace kabar::contacts {
namespace {

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return absl::ascii_isdigit(c); });
}

void CheckText(const std::string& field, absl::string_view text, std::size_t max,
               absl::Status& status) {
  const std::string fault = TextFault(text, max);
  if (!fault.empty()) base::AddFieldViolation(status, field, fault);
}

void CheckPhone(const std::string& field, std::string& phone, absl::Status& status) {
  if (phone.empty()) return;
  absl::StatusOr<std::string> normal = phone::NormalizePhone(phone);
  if (normal.ok()) {
    phone = *std::move(normal);
  } else {
    base::AddFieldViolation(status, field, normal.status().message());
  }
}

}  // namespace

absl::Span<const ContactText> ContactTexts() {
  static constexpr ContactText kTexts[] = {
      {"name", &Contact::name, kMaxShortText},
      {"phone", &Contact::phone, kMaxShortText},
      {"bsuid", &Contact::bsuid, kMaxShortText},
      {"username", &Contact::username, kMaxShortText},
      {"address", &Contact::address, kMaxLongText},
      {"city", &Contact::city, kMaxShortText},
      {"province", &Contact::province, kMaxShortText},
      {"service_type", &Contact::service_type, kMaxShortText},
      {"preferred_time", &Contact::preferred_time, kMaxShortText},
      {"notes", &Contact::notes, kMaxLongText},
      {"subdistrict", &Contact::subdistrict, kMaxShortText},
      {"district", &Contact::district, kMaxShortText},
      {"postcode", &Contact::postcode, kMaxShortText},
      {"language", &Contact::language, kMaxShortText},
      {"style", &Contact::style, kMaxShortText},
      {"time_zone", &Contact::time_zone, kMaxShortText},
  };
  return kTexts;
}

const char* IdentityKindName(IdentityKind kind) {
  switch (kind) {
    case IdentityKind::kPhone:
      return "phone";
    case IdentityKind::kBsuid:
      return "bsuid";
    case IdentityKind::kUsername:
      return "username";
  }
  return "";
}

const std::string& IdentityOf(const Contact& contact, IdentityKind kind) {
  switch (kind) {
    case IdentityKind::kBsuid:
      return contact.bsuid;
    case IdentityKind::kUsername:
      return contact.username;
    case IdentityKind::kPhone:
      break;
  }
  return contact.phone;
}

absl::string_view PurposeName(Purpose purpose) {
  return purpose == Purpose::kMarketing ? "MARKETING" : "DELIVERY_UPDATES";
}

std::string TextFault(absl::string_view text, std::size_t max_characters) {
  const std::size_t invalid = base::FirstInvalidUtf8(text);
  if (invalid != absl::string_view::npos) {
    return absl::StrCat("byte ", invalid + 1, " is not UTF-8 text; save the file as \"CSV UTF-8\"");
  }
  if (text.find('\0') != absl::string_view::npos) return "holds a zero byte; remove it";
  const std::size_t characters = base::CountCodepoints(text);
  if (characters > max_characters) {
    return absl::StrCat("has ", characters, " characters; at most ", max_characters,
                        " are allowed");
  }
  return "";
}

absl::Status NormalizeContact(absl::string_view prefix, Contact& contact) {
  absl::Status status;
  auto field = [&](absl::string_view name) { return absl::StrCat(prefix, name); };
  CheckPhone(field("phone"), contact.phone, status);
  contact.username = NormalizeUsername(contact.username);
  for (const ContactText& text : ContactTexts()) {
    CheckText(field(text.name), contact.*text.member, text.max, status);
  }
  std::string fault;
  contact.time_zone = NormalizeTimeZone(contact.time_zone, &fault);
  if (!fault.empty()) base::AddFieldViolation(status, field("time_zone"), fault);
  if (contact.satisfaction < 0 || contact.satisfaction > kMaxSatisfaction) {
    base::AddFieldViolation(status, field("satisfaction"),
                            "is 1 (bad) to 5 (good), or 0 where it is not known");
  }
  if (contact.attributes.size() > kMaxAttributes) {
    base::AddFieldViolation(status, field("attributes"),
                            absl::StrCat("at most ", kMaxAttributes, " attributes are allowed"));
  }
  for (const auto& [key, value] : contact.attributes) {
    if (key.empty()) base::AddFieldViolation(status, field("attributes"), "a name is empty");
    CheckText(field("attributes"), key, kMaxShortText, status);
    CheckText(field("attributes"), value, kMaxLongText, status);
  }
  contact.tags = NormalizeTags(contact.tags);
  if (contact.tags.size() > kMaxTags) {
    base::AddFieldViolation(status, field("tags"),
                            absl::StrCat("at most ", kMaxTags, " tags are allowed"));
  }
  for (const std::string& tag : contact.tags) {
    CheckText(field("tags"), tag, kMaxShortText, status);
  }
  return status;
}

absl::Status NormalizeShipment(absl::string_view prefix, Shipment& shipment) {
  absl::Status status;
  auto field = [&](absl::string_view name) { return absl::StrCat(prefix, name); };
  std::string fault;
  shipment.tracking_number = NormalizeTrackingNumber(shipment.tracking_number, &fault);
  if (shipment.tracking_number.empty() && fault.empty()) fault = "is required";
  if (!fault.empty()) base::AddFieldViolation(status, field("tracking_number"), fault);
  CheckText(field("status"), shipment.status, kMaxShortText, status);
  CheckText(field("location"), shipment.location, kMaxLongText, status);
  CheckText(field("estimate"), shipment.estimate, kMaxShortText, status);
  CheckText(field("driver_name"), shipment.driver_name, kMaxShortText, status);
  CheckPhone(field("driver_phone"), shipment.driver_phone, status);
  CheckText(field("destination_address"), shipment.destination_address, kMaxLongText, status);
  if (shipment.cod_amount < 0) {
    base::AddFieldViolation(status, field("cod_amount"), "cannot be below 0");
  }
  CheckText(field("delay_reason"), shipment.delay_reason, kMaxLongText, status);
  CheckText(field("new_estimate"), shipment.new_estimate, kMaxShortText, status);
  CheckText(field("service_type"), shipment.service_type, kMaxShortText, status);
  return status;
}

std::string NormalizeTrackingNumber(absl::string_view raw, std::string* fault) {
  fault->clear();
  absl::string_view text = base::Trim(raw);
  absl::ConsumePrefix(&text, "'");
  absl::string_view head = text;
  if (absl::ConsumeSuffix(&head, ".0") && head.size() >= 8 && AllDigits(head)) text = head;
  *fault = TextFault(text, 100);
  const std::size_t e = text.find_first_of("eE");
  if (fault->empty() && e != absl::string_view::npos && e > 0 && e + 2 < text.size() &&
      text[e + 1] == '+' && AllDigits(text.substr(e + 2)) &&
      text.substr(0, e).find_first_not_of("0123456789.,") == absl::string_view::npos) {
    *fault =
        "was turned into a calculation value by the spreadsheet, which lost its last digits; "
        "format "
        "the column as text, enter the numbers again, export again";
  }
  return std::string(text);
}

std::vector<std::string> NormalizeTags(const std::vector<std::string>& tags) {
  std::vector<std::string> out;
  for (const std::string& raw : tags) {
    std::string tag = base::CollapseSpaces(raw);
    if (tag.empty()) continue;
    const bool known = std::any_of(out.begin(), out.end(), [&](const std::string& other) {
      return absl::EqualsIgnoreCase(other, tag);
    });
    if (!known) out.push_back(std::move(tag));
  }
  return out;
}

std::string NormalizeUsername(absl::string_view written) {
  absl::string_view text = base::Trim(written);
  absl::ConsumePrefix(&text, "@");
  return absl::AsciiStrToLower(text);
}

std::vector<std::string> SplitTags(absl::string_view cell) {
  return NormalizeTags(absl::StrSplit(cell, absl::ByAnyChar(",;|")));
}

}  // namespace kabar::contacts
