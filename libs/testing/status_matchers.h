// Catch2 matchers for absl::Status and absl::StatusOr<T>:
//
//   REQUIRE_THAT(store.Get("x"), StatusIs(absl::StatusCode::kNotFound));
//   REQUIRE_THAT(Parse(text), IsOk());
//   REQUIRE_THAT(Pause(id), ReasonIs("CAMPAIGN_FINISHED"));
//   REQUIRE_THAT(Create(bad), HasFieldViolation("rate"));
//
// Thread safety: as Catch2, one thread. Blocks: no. Errors: none.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/status.h"

namespace kabar::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Matches on the status alone, so one matcher fits Status and every StatusOr<T>.
template <typename Predicate>
class StatusMatcher : public Catch::Matchers::Impl::MatcherUntypedBase {
 public:
  StatusMatcher(std::string description, Predicate predicate)
      : description_(std::move(description)), predicate_(std::move(predicate)) {}

  template <typename T>
  bool match(const T& value) const {
    return predicate_(StatusOf(value));
  }

  auto operator!() const {
    return kabar::testing::StatusMatcher(
        "not: " + description_,
        std::function<bool(const absl::Status&)>(
            [predicate = predicate_](const absl::Status& status) { return !predicate(status); }));
  }

 protected:
  std::string describe() const override { return description_; }

 private:
  std::string description_;
  Predicate predicate_;
};

inline auto IsOk() {
  return StatusMatcher("is OK", [](const absl::Status& status) { return status.ok(); });
}

inline auto StatusIs(absl::StatusCode code) {
  return StatusMatcher("has code " + absl::StatusCodeToString(code),
                       [code](const absl::Status& status) { return status.code() == code; });
}

// With a part of the message too.
inline auto StatusIs(absl::StatusCode code, std::string part) {
  std::string description =
      "has code " + absl::StatusCodeToString(code) + " and a message with \"" + part + "\"";
  return StatusMatcher(std::move(description), [code, part = std::move(part)](
                                                   const absl::Status& status) {
    return status.code() == code && std::string(status.message()).find(part) != std::string::npos;
  });
}

inline auto ReasonIs(std::string reason) {
  std::string description = "has reason " + reason;
  return StatusMatcher(std::move(description),
                       [reason = std::move(reason)](const absl::Status& status) {
                         return !status.ok() && base::GetReason(status) == reason;
                       });
}

inline auto HasFieldViolation(std::string field) {
  std::string description = "has a violation of field " + field;
  return StatusMatcher(
      std::move(description), [field = std::move(field)](const absl::Status& status) {
        for (const base::FieldViolation& violation : base::GetFieldViolations(status)) {
          if (violation.field == field) return true;
        }
        return false;
      });
}

}  // namespace kabar::testing

namespace Catch {

template <>
struct StringMaker<absl::Status> {
  static std::string convert(const absl::Status& status) {
    return status.ToString(absl::StatusToStringMode::kWithEverything);
  }
};

template <typename T>
struct StringMaker<absl::StatusOr<T>> {
  static std::string convert(const absl::StatusOr<T>& result) {
    return StringMaker<absl::Status>::convert(result.status());
  }
};

}  // namespace Catch
