// Renders again what stands in the lanes of automatic messages with a text too old to be sent (the
// sender was paused, failed messages were put back): the dispatcher does not send it until then.
//
// Thread safety: made, started and stopped by one thread; works in a thread of its own. Blocks:
// Stop until the batch at work is done. Errors: logged; everything is tried again.
#ifndef KABAR_SERVICES_TRIGGERS_STALE_LOOP_H_
#define KABAR_SERVICES_TRIGGERS_STALE_LOOP_H_

#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace kabar::base {
class Clock;
}

namespace kabar::triggers {

class HandOver;
class Peers;
class Store;
struct Lane;

class StaleLoop {
 public:
  struct Options {
    int page = 1000;  // as many as the dispatcher names at once
    int batch = 200;
    absl::Duration every = absl::Seconds(5);
    // Before one is rendered again whose provider template could not be sent, and one for which a
    // service had no answer.
    absl::Duration held_rest = absl::Minutes(2);
    absl::Duration failed_rest = absl::Seconds(30);
  };

  // All outlive the loop.
  StaleLoop(Store& store, Peers& peers, HandOver& hand_over, base::Clock& clock)
      : StaleLoop(store, peers, hand_over, clock, Options{}) {}
  StaleLoop(Store& store, Peers& peers, HandOver& hand_over, base::Clock& clock, Options options)
      : store_(store), peers_(peers), hand_over_(hand_over), clock_(clock), options_(options) {}
  ~StaleLoop() { Stop(); }
  StaleLoop(const StaleLoop&) = delete;
  StaleLoop& operator=(const StaleLoop&) = delete;

  void Start();
  void Stop();

  // Every lane once; how many messages were rendered again. For the loop and for tests.
  absl::StatusOr<int> RunOnce(std::stop_token stop = {});

 private:
  void Run(std::stop_token stop);
  absl::StatusOr<int> RenderLane(const Lane& lane, std::stop_token stop);
  // -1: nothing of it could be done.
  absl::StatusOr<int> RenderBatch(const Lane& lane, const std::vector<std::string>& ids);

  Store& store_;
  Peers& peers_;
  HandOver& hand_over_;
  base::Clock& clock_;
  const Options options_;
  std::map<std::string, absl::Time> resting_;  // message ids, until when
  std::jthread thread_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_STALE_LOOP_H_
