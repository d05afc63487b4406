// An incremental HTTP/1.1 request parser over one growing buffer.
//
// Works in place: the caller keeps the bytes of the request at `data` (the address may move between
// calls, the content may not), calls Parse() whenever more have come, and gets views into them. It
// never looks at a byte twice except the last three, so a request may arrive in any pieces.
// Understands Content-Length and chunked bodies. Not thread-safe, never blocks; a malformed request
// is kBad with the HTTP status to answer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

struct HttpRequest {
  absl::string_view method;
  absl::string_view path;   // without the query
  absl::string_view query;  // without '?'
  absl::string_view authorization;
  absl::string_view content_type;
  absl::string_view body;
  bool keep_alive = true;
};

class HttpParser {
 public:
  enum class Result { kNeedMore, kContinue, kRequest, kBad };

  static constexpr size_t kMaxHeaderBytes = 64 * 1024;
  static constexpr size_t kMaxBodyBytes = 64 * 1024 * 1024;

  // `data[0, size)` begins with the first byte of the request. kContinue is returned once when the
  // client waits for "100 Continue"; call again afterwards. On kRequest, `*request` views `data`
  // and `*consumed` is the request's length; call Reset() before the next one.
  Result Parse(char* data, size_t size, HttpRequest* request, size_t* consumed);

  void Reset() { *this = HttpParser(); }

  // Bytes still missing as far as known; 0 when unknown. Lets the caller grow its buffer once.
  size_t missing() const { return missing_; }
  int bad_status() const { return bad_status_; }

 private:
  struct Span {
    uint32_t begin = 0;
    uint32_t size = 0;
    absl::string_view In(const char* data) const { return {data + begin, size}; }
  };

  bool ParseHead(absl::string_view head);
  bool ParseRequestLine(absl::string_view line);
  bool ParseField(const char* data, absl::string_view line);
  Result NeedMore(size_t size);
  Result ReadChunks(char* data, size_t size, size_t* end);
  Result Bad(int status) {
    bad_status_ = status;
    return Result::kBad;
  }

  size_t scanned_ = 0;   // no header end before this offset
  size_t head_end_ = 0;  // first byte of the body once the head is parsed
  size_t content_length_ = 0;
  size_t chunk_read_ = 0;   // next undecoded byte of a chunked body
  size_t chunk_write_ = 0;  // end of the decoded body
  size_t missing_ = 0;
  Span method_, path_, query_, authorization_, content_type_;
  int bad_status_ = 400;
  bool chunked_ = false;
  bool has_length_ = false;
  bool keep_alive_ = true;
  bool expects_continue_ = false;
  bool continued_ = false;
};

}  // namespace kabar::cloudsim
