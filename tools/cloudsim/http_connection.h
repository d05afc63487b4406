// One caller's connection: what was read of its request, and what is still to be written. Internal
// to the loop.
//
// Thread safety: belongs to the loop's thread. Nothing blocks. Errors: as recvmsg.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tools/cloudsim/http_loop.h"
#include "tools/cloudsim/http_parser.h"

namespace kabar::cloudsim {

struct HttpLoop::Connection {
  int fd = -1;
  ConnectionRef ref;
  uint64_t id = 0;
  uint32_t requests = 0;
  bool waiting = false;      // a request is with the handler, or will never be answered
  bool processing = false;   // inside OnRequest: answers must not start the next request
  bool close_after = false;  // once everything is written
  bool peer_done = false;    // the caller has sent its FIN
  bool dead = false;
  HttpParser parser;
  std::unique_ptr<char[]> buffer;
  size_t capacity = 0;
  size_t begin = 0;  // first byte of the request being read
  size_t end = 0;
  int64_t arrival_us = 0;       // of that byte
  int64_t last_arrival_us = 0;  // of the newest byte
  std::string out;
  size_t out_sent = 0;

  // For the rest of the request being read, or some bytes of the next.
  void MakeRoom();
};

// Reads and says when the kernel got the bytes; falls back to now.
ssize_t ReceiveStamped(int fd, char* buffer, size_t size, int64_t* arrival_us);

}  // namespace kabar::cloudsim
