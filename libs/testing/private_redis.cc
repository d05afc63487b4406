#include "libs/testing/private_redis.h"

#include <hiredis/hiredis.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "libs/testing/eventually.h"
#include "libs/testing/server_process.h"

namespace kabar::testing {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "test Redis: %s\n", what.c_str());
  std::abort();
}

// True when the server answered with anything but an error.
bool Ask(const std::string& socket, const char* command) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> context(
      redisConnectUnixWithTimeout(socket.c_str(), {2, 0}), &redisFree);
  if (context == nullptr || context->err != 0) return false;
  redisSetTimeout(context.get(), {5, 0});
  auto* reply = static_cast<redisReply*>(redisCommand(context.get(), command));
  if (reply == nullptr) return false;
  const bool ok = reply->type != REDIS_REPLY_ERROR;
  freeReplyObject(reply);
  return ok;
}

}  // namespace

struct PrivateRedis::State {
  void Start() {
    server->Start();
    const bool ready = Eventually([&] {
      if (!server->Alive()) Die("redis-server ended: " + server->LogTail());
      return Ask(socket, "PING");
    });
    if (!ready) Die("redis-server did not get ready: " + server->LogTail());
  }

  std::string folder;
  std::string socket;
  std::string url;
  std::unique_ptr<ServerProcess> server;
};

PrivateRedis::PrivateRedis() : state_(std::make_unique<State>()) {
  std::string folder = fs::temp_directory_path() / "kabar-redis-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) Die("cannot make " + folder);
  state_->folder = folder;
  state_->socket = folder + "/redis.sock";
  state_->url = "unix://" + state_->socket;
  state_->server = std::make_unique<ServerProcess>(
      ServerProcess::Options{.argv = {"redis-server", "--port", "0", "--unixsocket", state_->socket,
                                      "--dir", folder, "--save", "", "--appendonly", "no"},
                             .user = {},
                             .folder = folder,
                             .log = folder + "/log",
                             .stop_signal = "KILL"});
  state_->Start();
}

PrivateRedis::~PrivateRedis() {
  state_->server->Stop();
  std::error_code error;
  fs::remove_all(state_->folder, error);
}

const std::string& PrivateRedis::url() const { return state_->url; }

void PrivateRedis::FlushAll() {
  if (!Ask(state_->socket, "FLUSHALL")) Die("FLUSHALL failed");
}

void PrivateRedis::Kill() { state_->server->Kill(); }
void PrivateRedis::Freeze() { state_->server->Freeze(); }
void PrivateRedis::Thaw() { state_->server->Thaw(); }
void PrivateRedis::Start() { state_->Start(); }

void PrivateRedis::RestartWithData() {
  if (!Ask(state_->socket, "SAVE")) Die("SAVE failed");
  state_->server->Kill();
  state_->Start();
}

void PrivateRedis::RestartWithoutData() {
  state_->server->Kill();
  std::error_code error;
  fs::remove(state_->folder + "/dump.rdb", error);
  state_->Start();
}

PrivateRedis& TestRedis() {
  static PrivateRedis server;
  return server;
}

}  // namespace kabar::testing
