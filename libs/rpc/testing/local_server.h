// For tests of handlers: the handlers on a real gRPC server on a free loopback port, and keys of
// two outlets. Include only from tests; header only.
//
//   rpc::Guard guard({.service = "contacts"}, rpc::testing::TestKeys());
//   rpc::testing::LocalServer server(guard, {&handler});
//   auto stub = contacts::v1::ContactsService::NewStub(server.channel());
//   grpc::ClientContext context;
//   rpc::testing::As(context, "operator-a");                  // a person of outlet toko-a
//   rpc::testing::As(context, "service", "toko-b");           // a service acting for toko-b
//
// Thread safety: one thread builds and destroys it. Blocks: the destructor until calls have ended.
// Errors: a server that cannot start ends the test program.
#ifndef KABAR_LIBS_RPC_TESTING_LOCAL_SERVER_H_
#define KABAR_LIBS_RPC_TESTING_LOCAL_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/key_file.h"
#include "libs/rpc/server_runner.h"

namespace kabar::rpc::testing {

// Keys named like themselves: owner-a, operator-a, viewer-a (outlet toko-a); owner-b, operator-b,
// viewer-b (toko-b); service (for any outlet or none).
inline const KeyFile& TestKeys() {
  static const KeyFile* const keys = [] {
    std::string json = "{\"keys\":[";
    auto add = [&](absl::string_view key, absl::string_view outlet, absl::string_view role) {
      absl::StrAppend(&json, "{\"name\":\"", key, "\",\"sha256\":\"", HashKey(key),
                      "\",\"outlet\":\"", outlet, "\",\"role\":\"", role, "\"},");
    };
    for (absl::string_view outlet : {"a", "b"}) {
      const std::string name = absl::StrCat("toko-", outlet);
      add(absl::StrCat("owner-", outlet), name, "OWNER");
      add(absl::StrCat("operator-", outlet), name, "OPERATOR");
      add(absl::StrCat("viewer-", outlet), name, "VIEWER");
    }
    add("service", "", "SERVICE");
    json.back() = ']';
    auto parsed = KeyFile::Parse(absl::StrCat(json, "}"));
    if (!parsed.ok()) {
      std::cerr << "test keys: " << parsed.status() << "\n";
      std::abort();
    }
    return parsed->release();
  }();
  return *keys;
}

inline void As(grpc::ClientContext& context, absl::string_view key, absl::string_view outlet = "",
               absl::Duration timeout = absl::Seconds(30)) {
  Caller(key).Prepare(context, {.outlet = std::string(outlet), .timeout = timeout});
}

class LocalServer {
 public:
  LocalServer(Guard& guard, std::initializer_list<grpc::Service*> services)
      : runner_({.address = "127.0.0.1:0",
                 .drain_pause = absl::ZeroDuration(),
                 .shutdown_grace = absl::Seconds(5)},
                guard) {
    for (grpc::Service* service : services) runner_.Register(service);
    if (absl::Status status = runner_.Start(); !status.ok()) {
      std::cerr << "local server: " << status << "\n";
      std::abort();
    }
    channel_ = MakeChannel(runner_.address());
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  std::string address() const { return runner_.address(); }
  ServerRunner& runner() { return runner_; }

 private:
  ServerRunner runner_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace kabar::rpc::testing

#endif  // KABAR_LIBS_RPC_TESTING_LOCAL_SERVER_H_
