#include "libs/pg/status.h"

#include <catch2/catch.hpp>
#include <pqxx/except>
#include <stdexcept>

#include "libs/base/status.h"
#include "libs/pg/exceptions.h"

namespace kabar::pg {
namespace {

template <typename Exception>
absl::Status Of(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return StatusOfException("Test");
  }
}

TEST_CASE("IsOfData: what no repetition cures, by what the server says", "[pg]") {
  const auto [state, of_data] = GENERATE(table<const char*, bool>({
      {"21000", true},  // a row twice in one statement
      {"22021", true},  // not UTF-8
      {"22003", true},  // out of range
      {"23505", true},
      {"23514", true},
      {"54000", true},   // too large
      {"42P01", false},  // no such table: not migrated
      {"42501", false},
      {"40001", false},
      {"53100", false},  // disk full
      {"55P03", false},
      {"57014", false},
      {"08006", false},
      {"XX000", false},
  }));
  CAPTURE(state);
  CHECK(IsOfData(StatusOfSqlState("Test", state, "ERROR:  x")) == of_data);
}

TEST_CASE("IsOfData: of what fails on our side only a value that cannot be written", "[pg]") {
  CHECK(IsOfData(Of(TextWithNul())));
  CHECK_FALSE(IsOfData(Of(DeadlinePassed())));
  CHECK_FALSE(IsOfData(Of(pqxx::conversion_error("a NULL"))));
  CHECK_FALSE(IsOfData(Of(pqxx::unexpected_rows("2 rows"))));
  CHECK_FALSE(IsOfData(Of(pqxx::broken_connection())));
  CHECK_FALSE(IsOfData(Of(std::bad_alloc())));
  CHECK_FALSE(IsOfData(Of(std::out_of_range("map::at"))));
  CHECK_FALSE(IsOfData(absl::OkStatus()));
  CHECK_FALSE(
      IsOfData(base::Error(absl::StatusCode::kInvalidArgument, "DB_CONNECTION_STRING", "no host")));
}

}  // namespace
}  // namespace kabar::pg
