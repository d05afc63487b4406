#include "tools/kabarctl/paging.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "libs/base/status.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {
namespace {

constexpr std::int64_t kMostOfOnePage = 100;

}  // namespace

std::int32_t Paging::PageSize(std::int64_t have) const {
  return static_cast<std::int32_t>(limit == 0 ? kMostOfOnePage
                                              : std::min(kMostOfOnePage, limit - have));
}

std::vector<Option> WithPaging(std::vector<Option> own) {
  own.push_back({.name = "limit",
                 .value = "N",
                 .help = "at most that many (default 100; 0: all)",
                 .field = "page_size"});
  own.push_back({.name = "page-token",
                 .value = "TOKEN",
                 .help = "go on where an earlier list ended (next_page_token of its --json)",
                 .field = "page_token"});
  return own;
}

absl::StatusOr<Paging> ReadPaging(const Arguments& arguments) {
  Paging paging;
  KABAR_ASSIGN_OR_RETURN(paging.limit, arguments.Integer("limit", paging.limit));
  paging.token = arguments.Get("page-token");
  return paging;
}

std::int64_t CountEntries(const google::protobuf::Message& response) {
  const auto* descriptor = response.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (descriptor->field(i)->is_repeated()) {
      return response.GetReflection()->FieldSize(response, descriptor->field(i));
    }
  }
  return 0;
}

void PrintList(Session& session, const google::protobuf::Message& response, const Table& table,
               const std::string& next_page_token) {
  if (session.json()) {
    session.out() << Json(response);
    return;
  }
  const std::int64_t count = CountEntries(response);
  if (count == 0) {
    session.out() << "none\n";
  } else {
    session.out() << table.Render();
  }
  if (!next_page_token.empty()) {
    session.error() << "the first " << count << "; --limit 0 shows all\n";
  }
}

}  // namespace kabar::kabarctl
