#include "tools/kabarctl/enum_option.h"

#include <google/protobuf/descriptor.h>

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kabar::kabarctl {
namespace {

std::string Letters(absl::string_view text) {
  std::string letters;
  for (const char c : text) {
    if (c != '_' && c != '-' && c != ' ')
      letters += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return letters;
}

}  // namespace

absl::StatusOr<int> ParseEnum(const google::protobuf::EnumDescriptor* descriptor,
                              absl::string_view option, absl::string_view text) {
  for (int i = 0; i < descriptor->value_count(); ++i) {
    const auto* value = descriptor->value(i);
    if (value->number() != 0 && Letters(value->name()) == Letters(text)) return value->number();
  }
  return UsageError(
      absl::StrCat("--", option, ": \"", text, "\" is none of ", EnumNames(descriptor)));
}

std::string EnumNames(const google::protobuf::EnumDescriptor* descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor->value_count(); ++i) {
    if (descriptor->value(i)->number() != 0) names.push_back(descriptor->value(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace kabar::kabarctl
