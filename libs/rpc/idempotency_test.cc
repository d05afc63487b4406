#include "libs/rpc/idempotency.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "kabar/dispatcher/v1/dispatcher.pb.h"
#include "libs/base/status.h"

namespace kabar::rpc {
namespace {

using dispatcher::v1::CreatePortfolioRequest;
using dispatcher::v1::Portfolio;

// One outlet's request_log whose every call is a transaction of its own.
class MemoryLog {
 public:
  absl::Status Create(const std::string& request_id, const std::string& name, Portfolio* answer,
                      absl::Status outcome = absl::OkStatus(),
                      const std::string& method = "CreatePortfolio") {
    CreatePortfolioRequest request;
    request.mutable_portfolio()->set_name(name);
    request.set_request_id(request_id);
    const auto before = rows_;
    RequestLog log;
    log.reserve = [&](const RequestRecord& mine) -> absl::StatusOr<std::optional<RequestRecord>> {
      auto [row, added] = rows_.emplace(request_id, mine);
      if (added) return std::nullopt;
      return row->second;
    };
    log.save = [&](const std::string& response) {
      rows_[request_id].response = response;
      return absl::OkStatus();
    };
    absl::Status status = RunOnce(request_id, method, request, answer, log, [&] {
      ++works;
      answer->set_id(name + std::to_string(works));
      return outcome;
    });
    if (!status.ok()) rows_ = before;  // the transaction rolls back
    return status;
  }

  int works = 0;

 private:
  std::map<std::string, RequestRecord> rows_;
};

}  // namespace

TEST_CASE("RunOnce: the second call gets the first answer and does nothing", "[rpc]") {
  MemoryLog log;
  Portfolio first, second;
  REQUIRE(log.Create("r1", "a", &first).ok());
  REQUIRE(log.Create("r1", "a", &second).ok());
  CHECK(log.works == 1);
  CHECK(second.id() == "a1");
}

TEST_CASE("RunOnce: a failed call may be repeated", "[rpc]") {
  MemoryLog log;
  Portfolio answer;
  CHECK_FALSE(log.Create("r1", "a", &answer, absl::UnavailableError("away")).ok());
  CHECK(log.Create("r1", "a", &answer).ok());
  CHECK(log.works == 2);
}

TEST_CASE("RunOnce: the same id with another request or method is refused", "[rpc]") {
  MemoryLog log;
  Portfolio answer;
  REQUIRE(log.Create("r1", "a", &answer).ok());
  const absl::Status other = log.Create("r1", "b", &answer);
  CHECK(other.code() == absl::StatusCode::kInvalidArgument);
  CHECK(base::GetReason(other) == "REQUEST_ID_REUSED");
  CHECK(base::GetReason(log.Create("r1", "a", &answer, absl::OkStatus(), "Delete")) ==
        "REQUEST_ID_REUSED");
  CHECK(log.works == 1);
}

TEST_CASE("RunOnce: no id runs every time, an endless id is refused", "[rpc]") {
  MemoryLog log;
  Portfolio answer;
  CHECK(log.Create("", "a", &answer).ok());
  CHECK(log.Create("", "a", &answer).ok());
  CHECK(log.works == 2);
  const absl::Status status = log.Create(std::string(129, 'x'), "a", &answer);
  REQUIRE(base::GetFieldViolations(status).size() == 1);
  CHECK(base::GetFieldViolations(status)[0].field == "request_id");
}

}  // namespace kabar::rpc
