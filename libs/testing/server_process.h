// A server program of a test, with a minder beside it: a shell that ends the server and removes its
// folder as soon as this process is gone, however it went (the minder waits on a socket whose
// other end only this process holds).
//
// Thread safety: one thread at a time. Blocks: Stop and Kill until the server has ended. Errors:
// the process is aborted with a message (a test cannot go on without its server).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace kabar::testing {

// Who the server runs as: this user, or `postgres` where this one is root.
struct RunAs {
  uid_t uid = 0;
  gid_t gid = 0;
  bool change = false;
};
RunAs UserForPostgres();

// Runs a program to its end; its output goes to `log`. The exit code.
int RunProgram(const std::vector<std::string>& argv, const RunAs& user, const std::string& folder,
               const std::string& log);

class ServerProcess {
 public:
  struct Options {
    std::vector<std::string> argv;
    RunAs user;
    std::string folder;  // working folder; removed when this process dies
    std::string log;     // file for its output
    std::string stop_signal = "TERM";
  };

  explicit ServerProcess(Options options);
  ~ServerProcess();  // stops; the folder stays, it is its owner's
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void Start();
  bool running() const { return minder_ > 0; }
  // By the stop signal.
  void Stop();
  // kill -9 of the server and all its children.
  void Kill();
  // SIGSTOP and SIGCONT of the server and all its children.
  void Freeze();
  void Thaw();

  // False once the server has ended by itself.
  bool Alive() const;
  std::string LogTail() const;

 private:
  void EndMinder();
  void SignalAll(int signal) const;

  Options options_;
  pid_t server_ = -1;
  pid_t minder_ = -1;
  int leash_ = -1;  // our end of the socket
};

}  // namespace kabar::testing
