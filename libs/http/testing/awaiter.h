// Collects completions of a Client on its io thread and hands them to the waiting test.
//
// Thread safety: any thread. Blocks: Await(), at most 10 s, then it fails the test.
// Errors: std::runtime_error, which Catch2 reports.
#ifndef KABAR_LIBS_HTTP_TESTING_AWAITER_H_
#define KABAR_LIBS_HTTP_TESTING_AWAITER_H_

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "libs/http/client.h"

namespace kabar::http {

class Awaiter {
 public:
  OnComplete Done() {
    return [this](Completion completion) {
      const std::lock_guard<std::mutex> lock(mutex_);
      completions_.push_back(std::move(completion));
      changed_.notify_all();
    };
  }
  // All completions so far, once there are `n`.
  std::vector<Completion> Await(std::size_t n) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return completions_.size() >= n; })) {
      throw std::runtime_error("no completion in 10 s");
    }
    return completions_;
  }
  Completion One() { return Await(1).front(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Completion> completions_;
};

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_TESTING_AWAITER_H_
