// Values of protobuf enums as people type them: any case, with _, - or nothing between the words
// ("OrderCreated", "order-created", "ORDER_CREATED").
//
// Thread safety: free functions. Nothing blocks. Errors: USAGE naming the values there are.
#ifndef KABAR_TOOLS_KABARCTL_ENUM_OPTION_H_
#define KABAR_TOOLS_KABARCTL_ENUM_OPTION_H_

#include <google/protobuf/generated_enum_reflection.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/status.h"
#include "tools/kabarctl/arguments.h"

namespace kabar::kabarctl {

// The number; *_UNSPECIFIED cannot be said.
absl::StatusOr<int> ParseEnum(const google::protobuf::EnumDescriptor* descriptor,
                              absl::string_view option, absl::string_view text);

// "RUNNING, PAUSED, ..."
std::string EnumNames(const google::protobuf::EnumDescriptor* descriptor);

// The value of an option; the enum's zero if it was not given.
template <typename Enum>
absl::StatusOr<Enum> EnumOption(const Arguments& arguments, const std::string& option) {
  if (!arguments.Has(option)) return Enum{};
  KABAR_ASSIGN_OR_RETURN(const int number, ParseEnum(google::protobuf::GetEnumDescriptor<Enum>(),
                                                     option, arguments.Get(option)));
  return static_cast<Enum>(number);
}

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_ENUM_OPTION_H_
