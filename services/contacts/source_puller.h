// Pulls the tracking APIs when their time has come: asks page after page, and imports what they say
// as a file's rows. What fails is tried again after 1, 2, 4, ... 30 minutes.
//
// Several processes may pull: a source is leased to one at a time, and a pull whose process died is
// begun anew when its lease has run out; rows pulled twice change nothing. Of each outlet one
// source is pulled at a time, and each pull has a deadline, so that slow APIs do not keep the
// others waiting for long.
//
// Thread safety: made, started and stopped by one thread; PullOne from any. Blocks: PullOne; Stop
// until the chunk in hand is written (requests under way are broken off). Errors: noted with the
// source, shown by ListSources; logged.
#ifndef KABAR_SERVICES_CONTACTS_SOURCE_PULLER_H_
#define KABAR_SERVICES_CONTACTS_SOURCE_PULLER_H_

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/contacts/importer.h"
#include "services/contacts/source.h"

namespace kabar::base {
class Clock;
}
namespace kabar::http {
struct Response;
}

namespace kabar::contacts {

class SourcePages;
class Store;

class SourcePuller {
 public:
  struct Options {
    SourceRules rules = {};
    int threads = 4;
    absl::Duration every = absl::Seconds(5);  // between two looks for due ones
    absl::Duration page_timeout = absl::Seconds(30);
    absl::Duration pull_timeout = absl::Hours(1);
    std::size_t max_page_bytes = 4 << 20;
  };

  // Both outlive the puller.
  SourcePuller(Options options, Store& store, base::Clock& clock);
  ~SourcePuller() { Stop(); }
  SourcePuller(const SourcePuller&) = delete;
  SourcePuller& operator=(const SourcePuller&) = delete;

  void Start();
  void Stop();

  // Pulls one source that is due; false: none is. For the threads, and tests without them.
  absl::StatusOr<bool> PullOne(std::stop_token stop = {});

 private:
  void Run(std::stop_token stop);
  absl::Status Pull(const DueSource& due, const std::stop_token& stop, PullEnd* end);
  // What the pages hold goes to `importer`, which is there from the first row on. `began` becomes
  // the earliest moment that the API's clock told.
  absl::Status ReadPages(const DueSource& due, const std::stop_token& stop, SourcePages& pages,
                         absl::Time& began, std::unique_ptr<Importer>& importer, ImportTurn* turn);
  absl::StatusOr<std::unique_ptr<Importer>> Begin(const DueSource& due, const SourcePages& pages,
                                                  ImportTurn* turn);
  // "" where the source has none.
  absl::StatusOr<std::string> Secret(const DueSource& due) const;
  absl::StatusOr<http::Response> Ask(const DueSource& due, const std::string& url,
                                     const std::string& secret, absl::Duration left,
                                     const std::stop_token& stop) const;
  absl::Status End(const DueSource& due, const PullEnd& end);

  const Options options_;
  Store& store_;
  base::Clock& clock_;
  std::vector<std::jthread> threads_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SOURCE_PULLER_H_
