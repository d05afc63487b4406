#include "libs/testing/server_process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "libs/testing/eventually.h"

namespace kabar::testing {
namespace {

// A word through the leash: the server's owner lives on and keeps the folder. The end of the leash:
// the owner died.
constexpr char kMinder[] = R"sh(
pidfile=$1 signal=$2 folder=$3; shift 3
"$@" 3<&- </dev/null &
echo $! >"$pidfile.part" && mv "$pidfile.part" "$pidfile"
server=$!
read -r word <&3
# Again and again: a server that is just starting may not listen to signals yet; one may be frozen.
(while kill -"$signal" $server 2>/dev/null; do kill -CONT $server; sleep 0.1; done) 2>/dev/null &
wait $server
[ -n "$word" ] || rm -rf "$folder"
)sh";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "test server: %s\n", what.c_str());
  std::abort();
}

// Only what is safe between fork and exec in a program with threads. Does not return.
void Exec(char* const* argv, const RunAs& user, const char* folder, int log, int leash) {
  setsid();
  dup2(log, 1);
  dup2(log, 2);
  if (leash == 3) {
    fcntl(3, F_SETFD, 0);  // dup2 onto itself would leave close-on-exec set
  } else if (leash >= 0) {
    dup2(leash, 3);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (user.change &&
      (setgroups(1, &user.gid) != 0 || setgid(user.gid) != 0 || setuid(user.uid) != 0)) {
    _exit(126);
  }
  if (chdir(folder) != 0) _exit(125);
  execvp(argv[0], argv);
  _exit(127);
}

pid_t Spawn(const std::vector<std::string>& argv, const RunAs& user, const std::string& folder,
            const std::string& log, int leash) {
  std::vector<char*> pointers;
  for (const std::string& arg : argv) pointers.push_back(const_cast<char*>(arg.c_str()));
  pointers.push_back(nullptr);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (log_fd < 0) Die("cannot write " + log);
  const pid_t pid = fork();
  if (pid < 0) Die("fork failed");
  if (pid == 0) Exec(pointers.data(), user, folder.c_str(), log_fd, leash);
  close(log_fd);
  return pid;
}

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    std::getline(file, line);
    const size_t end = line.rfind(')');  // the name may hold anything
    int ppid = 0;
    char state = 0;
    if (end == std::string::npos) continue;
    std::istringstream(line.substr(end + 1)) >> state >> ppid;
    if (ppid == parent && state != 'Z') children.push_back(pid);
  }
  return children;
}

bool Exists(pid_t pid) { return kill(pid, 0) == 0; }

}  // namespace

RunAs UserForPostgres() {
  if (geteuid() != 0) return {};
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) Die("root may not run PostgreSQL and there is no user postgres");
  return {.uid = user->pw_uid, .gid = user->pw_gid, .change = true};
}

int RunProgram(const std::vector<std::string>& argv, const RunAs& user, const std::string& folder,
               const std::string& log) {
  const pid_t pid = Spawn(argv, user, folder, log, -1);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

ServerProcess::ServerProcess(Options options) : options_(std::move(options)) {}

ServerProcess::~ServerProcess() {
  if (running()) Stop();
}

void ServerProcess::Start() {
  if (running()) Die(options_.argv[0] + " runs already");
  int ends[2];
  // Not a pipe: writing to a minder that is gone must not end the test by SIGPIPE.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) Die("socketpair failed");
  const std::string pidfile = options_.folder + "/server.pid";
  std::filesystem::remove(pidfile);
  std::vector<std::string> argv = {
      "sh", "-c", kMinder, "minder", pidfile, options_.stop_signal, options_.folder};
  argv.insert(argv.end(), options_.argv.begin(), options_.argv.end());
  minder_ = Spawn(argv, options_.user, options_.folder, options_.log, ends[0]);
  close(ends[0]);
  leash_ = ends[1];
  if (!Eventually([&] { return std::filesystem::exists(pidfile); })) {
    Die(options_.argv[0] + " did not start: " + LogTail());
  }
  std::ifstream(pidfile) >> server_;
}

bool ServerProcess::Alive() const { return running() && Exists(server_); }

void ServerProcess::EndMinder() {
  send(leash_, "keep\n", 5, MSG_NOSIGNAL);
  close(leash_);
  leash_ = -1;
  while (waitpid(minder_, nullptr, 0) < 0 && errno == EINTR) {
  }
  minder_ = -1;
  server_ = -1;
}

void ServerProcess::Stop() {
  if (!running()) return;
  Thaw();
  const std::vector<pid_t> children = ChildrenOf(server_);
  EndMinder();
  for (const pid_t child : children) {
    if (!Eventually([&] { return !Exists(child); })) Die("a child of the server did not end");
  }
}

void ServerProcess::SignalAll(int signal) const {
  const std::vector<pid_t> children = ChildrenOf(server_);
  kill(server_, signal);
  for (const pid_t child : children) kill(child, signal);
}

void ServerProcess::Kill() {
  if (!running()) return;
  const std::vector<pid_t> children = ChildrenOf(server_);
  SignalAll(SIGKILL);
  EndMinder();
  for (const pid_t child : children) {
    if (!Eventually([&] { return !Exists(child); })) Die("a child of the server did not end");
  }
}

void ServerProcess::Freeze() { SignalAll(SIGSTOP); }
void ServerProcess::Thaw() { SignalAll(SIGCONT); }

std::string ServerProcess::LogTail() const {
  std::ifstream file(options_.log);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  return all.substr(all.size() > 2000 ? all.size() - 2000 : 0);
}

}  // namespace kabar::testing
