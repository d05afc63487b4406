// What this worker sees of its numbers' requests: told to Redis, where the circuit of a number is
// kept for all workers (lua/tell_sender.lua), and whether what the worker still holds may start.
//
// Only numbers in trouble cost anything: a request that goes well is told only if the last ones of
// its number failed.
//
// Thread safety: safe for concurrent use. Never blocks: Redis is told by an errand. Errors: none;
// what could not be told is logged and forgotten (without Redis nothing is claimed anyway).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "libs/base/clock.h"
#include "services/dispatcher/errands.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/send_job.h"

namespace kabar::dispatcher {

class SenderWatch {
 public:
  SenderWatch(Queue& queue, Errands& errands, base::Clock& clock);

  // Of each claim that brought something; `asked_us`: BOOTTIME just before Redis was asked for it.
  void Claimed(const std::string& portfolio_id, const Claim& claim, std::int64_t asked_us);
  // True if the number's circuit has opened since the message was claimed: it goes back unsent.
  bool Refuses(const SendJob& job) const;
  // Of everything that was claimed, kNone if it was not sent.
  void Ended(const SendJob& job, SenderWord word);
  // A probe of which nothing will be sent.
  void ProbeUnused(const std::string& portfolio_id, const std::string& sender_id);

 private:
  struct Number {
    SenderNews news;              // not told yet
    bool telling = false;         // an errand is on its way
    bool suspect = false;         // the last requests failed, as far as known here
    bool open = false;            // its circuit
    std::int64_t opened_us = -1;  // BOOTTIME: what was asked for until then may not start
  };
  void TellLater(const std::string& portfolio, const std::string& sender, Number& number);
  void Tell(const std::string& portfolio, const std::string& sender, absl::Time deadline);
  void Told(const std::string& sender, const SenderHealth& health);

  Queue& queue_;
  Errands& errands_;
  base::Clock& clock_;
  mutable std::mutex mutex_;
  std::atomic<bool> trouble_ = false;      // numbers_ is not empty
  std::map<std::string, Number> numbers_;  // those in trouble
};

}  // namespace kabar::dispatcher
