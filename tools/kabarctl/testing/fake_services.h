// For kabarctl's tests: the services' contracts played in this process on one free port, and
// kabarctl run against them with words in, exit code and texts out.
//
// Thread safety: the fakes are guarded by one mutex. Blocks: as the calls do. Errors: what a test
// puts into `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_SERVICES_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_SERVICES_H_

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "libs/rpc/guard.h"
#include "libs/rpc/testing/local_server.h"
#include "tools/kabarctl/program.h"
#include "tools/kabarctl/testing/fake_analytics.h"
#include "tools/kabarctl/testing/fake_audit.h"
#include "tools/kabarctl/testing/fake_campaigns.h"
#include "tools/kabarctl/testing/fake_contacts.h"
#include "tools/kabarctl/testing/fake_dispatcher.h"
#include "tools/kabarctl/testing/fake_templates.h"
#include "tools/kabarctl/testing/fake_world.h"

namespace kabar::kabarctl::testing {

struct Outcome {
  int code = -1;
  std::string out;
  std::string error;
};

// All fakes on one server.
class Services {
 public:
  World world;

  // As the owner of toko-a, unless `key` says otherwise.
  Outcome Run(const std::vector<std::string>& words, const std::string& input = "",
              const std::string& key = "owner-a") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream error;
    Outcome outcome;
    outcome.code =
        kabarctl::Run(words,
                      [&](const std::string& name) -> std::optional<std::string> {
                        if (name == "KABAR_API_KEY") {
                          return key.empty() ? std::nullopt : std::optional<std::string>(key);
                        }
                        return server_.address();
                      },
                      {.in = &in, .out = &out, .error = &error});
    outcome.out = out.str();
    outcome.error = error.str();
    return outcome;
  }

  std::string address() const { return server_.address(); }

 private:
  rpc::Guard guard_{{.service = "kabarctltest"}, rpc::testing::TestKeys()};
  FakeContacts contacts_{world, guard_};
  FakeTemplates templates_{world, guard_};
  FakeCampaigns campaigns_{world, guard_};
  FakeAnalytics analytics_{world, guard_};
  FakeDispatcher dispatcher_{world, guard_};
  FakeAudit audit_{world, guard_};
  rpc::testing::LocalServer server_{
      guard_, {&contacts_, &templates_, &campaigns_, &analytics_, &dispatcher_, &audit_}};
};

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_SERVICES_H_
