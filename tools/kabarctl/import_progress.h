// What a terminal shows while a file is imported: how much of it was sent, and what the service has
// taken of it, which it is asked every half second.
//
// Thread safety: Sent from one thread; asks and writes in a thread of its own. Blocks: the
// destructor until the question in hand is answered (seconds). Errors: a question that fails is
// asked again.
#ifndef KABAR_TOOLS_KABARCTL_IMPORT_PROGRESS_H_
#define KABAR_TOOLS_KABARCTL_IMPORT_PROGRESS_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "tools/kabarctl/live_line.h"

namespace kabar::kabarctl {

class Session;

class ImportProgress {
 public:
  // `size`: of the file in bytes; 0: unknown. The session outlives it; nobody else writes to its
  // error stream meanwhile.
  ImportProgress(Session& session, std::string request_id, std::int64_t size);
  ~ImportProgress();  // ends the line
  ImportProgress(const ImportProgress&) = delete;
  ImportProgress& operator=(const ImportProgress&) = delete;

  void Sent(std::int64_t bytes) { sent_ = bytes; }

 private:
  void Run(std::stop_token stop);
  std::string Text(const std::string& taken) const;
  std::string Taken();

  Session& session_;
  const std::string request_id_;
  const std::int64_t size_;
  std::atomic<std::int64_t> sent_ = 0;
  LiveLine line_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_IMPORT_PROGRESS_H_
