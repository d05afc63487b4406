// The options that every `list` has, and what is said when not everything was shown.
//
// Thread safety: values and free functions. Nothing blocks. Errors: USAGE.
#ifndef KABAR_TOOLS_KABARCTL_PAGING_H_
#define KABAR_TOOLS_KABARCTL_PAGING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/kabarctl/arguments.h"

namespace google::protobuf {
class Message;
}

namespace kabar::kabarctl {

class Session;
class Table;

struct Paging {
  std::int64_t limit = 100;  // 0: all
  std::string token = {};

  bool Reached(std::int64_t have) const { return limit != 0 && have >= limit; }
  std::int32_t PageSize(std::int64_t have) const;
};

// --limit and --page-token behind `own`.
std::vector<Option> WithPaging(std::vector<Option> own = {});
absl::StatusOr<Paging> ReadPaging(const Arguments& arguments);

// Of a List response: the length of its one repeated field.
std::int64_t CountEntries(const google::protobuf::Message& response);

// As JSON, or as the table with its number of entries below; says when there are more.
void PrintList(Session& session, const google::protobuf::Message& response, const Table& table,
               const std::string& next_page_token);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_PAGING_H_
