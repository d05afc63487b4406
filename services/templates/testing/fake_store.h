// A store for tests that need none: every call fails, each test overrides what it asks for.
//
// Thread safety: that of the test's overrides. Blocks: never. Errors: UNIMPLEMENTED.
#ifndef KABAR_SERVICES_TEMPLATES_TESTING_FAKE_STORE_H_
#define KABAR_SERVICES_TEMPLATES_TESTING_FAKE_STORE_H_

#include <string>
#include <vector>

#include "services/templates/store.h"

namespace kabar::templates::testing {

class FakeStore : public Store {
 public:
  absl::Status Write(const std::string&, absl::string_view, absl::Time,
                     absl::FunctionRef<absl::Status(Unit&)>) override {
    return Unexpected();
  }
  absl::StatusOr<MessageTemplate> Get(const std::string&, const std::string&, int32_t,
                                      absl::Time) override {
    return Unexpected();
  }
  absl::StatusOr<MessageTemplate> GetByCode(const std::string&, const std::string&, int32_t,
                                            absl::Time) override {
    return Unexpected();
  }
  absl::StatusOr<std::vector<MessageTemplate>> List(const std::string&, const std::string&,
                                                    const ListFilter&, int, absl::Time) override {
    return Unexpected();
  }
  absl::StatusOr<std::vector<MessageTemplate>> ListVersions(const std::string&, const std::string&,
                                                            int32_t, int, absl::Time) override {
    return Unexpected();
  }
  absl::StatusOr<std::vector<ProviderTemplate>> FindProviderTemplates(const std::string&,
                                                                      absl::Span<const ProviderKey>,
                                                                      absl::Time) override {
    return Unexpected();
  }
  absl::StatusOr<std::vector<ProviderTemplate>> ListProviderTemplates(const std::string&,
                                                                      const ProviderKey&, int,
                                                                      absl::Time) override {
    return Unexpected();
  }
  absl::StatusOr<std::map<std::string, int64_t>> CountProviderTemplates(absl::Time) override {
    return Unexpected();
  }
  absl::StatusOr<int64_t> ForgetRequests(absl::Time, int, absl::Time) override {
    return Unexpected();
  }

 private:
  static absl::Status Unexpected() {
    return absl::UnimplementedError("the test did not expect this call");
  }
};

}  // namespace kabar::templates::testing

#endif  // KABAR_SERVICES_TEMPLATES_TESTING_FAKE_STORE_H_
