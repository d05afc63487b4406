#include "libs/testing/private_postgres.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "libs/testing/eventually.h"
#include "libs/testing/server_process.h"

#ifdef __SANITIZE_ADDRESS__
// libpqxx 6.4 loses one PGresult whenever a connection breaks under a statement.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libpqxx-6.4.so\n"; }
#endif

namespace kabar::testing {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "test PostgreSQL: %s\n", what.c_str());
  std::abort();
}

// Debian keeps each version's programs apart; elsewhere they are in the PATH.
std::string Program(const std::string& name) {
  if (const char* folder = std::getenv("KABAR_PG_BIN")) return std::string(folder) + "/" + name;
  std::string newest;
  int newest_version = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    const int version = std::atoi(entry.path().filename().c_str());
    const fs::path program = entry.path() / "bin" / name;
    if (version <= newest_version || !fs::exists(program)) continue;
    newest_version = version;
    newest = program;
  }
  return newest.empty() ? name : newest;
}

std::string Quoted(const std::string& value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// `connection` with another database, in key=value form.
std::string WithDatabase(const std::string& connection, const std::string& database) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(connection.c_str(), nullptr), &PQconninfoFree);
  if (parsed == nullptr) Die("KABAR_TEST_PG is not a libpq connection string");
  std::string result;
  for (const PQconninfoOption* o = parsed.get(); o->keyword != nullptr; ++o) {
    if (o->val == nullptr || std::string(o->keyword) == "dbname") continue;
    result += std::string(o->keyword) + "=" + Quoted(o->val) + " ";
  }
  return result + "dbname=" + Quoted(database);
}

std::string RunSql(const std::string& connection, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(connection.c_str()),
                                                             &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK) Die(PQerrorMessage(session.get()));
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(session.get(), sql.c_str()),
                                                             &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    Die(sql + ": " + PQerrorMessage(session.get()));
  }
  if (PQntuples(result.get()) == 0 || PQnfields(result.get()) == 0) return "";
  return PQgetvalue(result.get(), 0, 0);
}

std::string MakeFolder(const RunAs& user) {
  // Short: a unix socket's path has 107 letters.
  std::string folder = fs::temp_directory_path() / "kabar-pg-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) Die("cannot make " + folder);
  if (user.change && chown(folder.c_str(), user.uid, user.gid) != 0) Die("cannot chown " + folder);
  return folder;
}

}  // namespace

struct PrivatePostgres::State {
  void StartServer() {
    server->Start();
    const bool ready = Eventually(
        [&] {
          if (!server->Alive()) Die("PostgreSQL ended: " + server->LogTail());
          return PQping(admin.c_str()) == PQPING_OK;
        },
        absl::Seconds(60));
    if (!ready) Die("PostgreSQL did not get ready: " + server->LogTail());
  }

  ServerProcess& Own() {
    if (server == nullptr) Die("the server of KABAR_TEST_PG cannot be stopped by a test");
    return *server;
  }

  std::string folder;
  std::string admin;  // connection to the database postgres
  std::unique_ptr<ServerProcess> server;
  std::mutex mutex;
  int databases = 0;
  std::vector<std::string> to_drop;
};

PrivatePostgres::PrivatePostgres() : state_(std::make_unique<State>()) {
  if (const char* given = std::getenv("KABAR_TEST_PG"); given != nullptr && *given != '\0') {
    state_->admin = WithDatabase(given, "postgres");
    return;
  }
  const RunAs user = UserForPostgres();
  state_->folder = MakeFolder(user);
  const std::string& folder = state_->folder;
  const std::string log = folder + "/log";
  const std::string data = folder + "/data";
  if (RunProgram({Program("initdb"), "-D", data, "-U", "kabar", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync", "--no-instructions"},
                 user, folder, log) != 0) {
    Die("initdb failed; see " + log);
  }
  state_->admin = "host=" + Quoted(folder) + " user=kabar dbname=postgres";
  state_->server = std::make_unique<ServerProcess>(ServerProcess::Options{
      .argv = {Program("postgres"), "-D", data, "-k", folder, "-h", "", "-c", "fsync=off", "-c",
               "full_page_writes=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB",
               "-c", "jit=off"},
      .user = user,
      .folder = folder,
      .log = log,
      .stop_signal = "QUIT"});
  state_->StartServer();
}

PrivatePostgres::~PrivatePostgres() {
  for (const std::string& database : state_->to_drop) {
    RunSql(state_->admin, "DROP DATABASE IF EXISTS " + database + " WITH (FORCE)");
  }
  if (state_->server == nullptr) return;
  state_->server->Stop();
  std::error_code error;
  fs::remove_all(state_->folder, error);
}

std::string PrivatePostgres::CreateDatabase() {
  const std::lock_guard lock(state_->mutex);
  const std::string name =
      "kabar_test_" + std::to_string(getpid()) + "_" + std::to_string(++state_->databases);
  RunSql(state_->admin, "CREATE DATABASE " + name);
  if (state_->server == nullptr) state_->to_drop.push_back(name);
  return WithDatabase(state_->admin, name);
}

std::string PrivatePostgres::Sql(const std::string& connection, const std::string& sql) {
  return RunSql(connection, sql);
}

void PrivatePostgres::Kill() { state_->Own().Kill(); }
void PrivatePostgres::StopImmediately() { state_->Own().Stop(); }
void PrivatePostgres::Freeze() { state_->Own().Freeze(); }
void PrivatePostgres::Thaw() { state_->Own().Thaw(); }

void PrivatePostgres::Start() {
  state_->Own();
  state_->StartServer();
}

PrivatePostgres& TestPostgres() {
  static PrivatePostgres server;
  return server;
}

}  // namespace kabar::testing
