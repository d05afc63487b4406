// Private to libs/http: HTTP/1.1 on the wire, as text appended to strings and as a parser that
// fills our own message types without an allocation a header field. Includes Boost.
//
// Thread safety: none; a parser belongs to one connection. Nothing blocks.
// Errors: boost error codes of beast::http::error, translated by the connections.
#ifndef KABAR_LIBS_HTTP_WIRE_H_
#define KABAR_LIBS_HTTP_WIRE_H_

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/optional/optional.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/http/message.h"

namespace kabar::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;
// The concrete executor instead of the polymorphic default: one virtual call less an operation.
using Socket = asio::basic_stream_socket<Tcp, asio::io_context::executor_type>;

// Microseconds of base::SystemClock()'s boot time: real sockets keep real time.
std::int64_t BootMicros();
// An absl::Time deadline on that clock; InfiniteFuture is INT64_MAX.
std::int64_t ToBootMicros(absl::Time deadline);

// "HTTP/1.1 200 OK\r\n...\r\n\r\n": the head only, response.body is not looked at.
void AppendResponseHead(const Response& response, std::size_t body_size, bool keep_alive,
                        std::string* out);
// `prefix` is the base URL's path, `host` the Host field's value.
void AppendRequestHead(absl::string_view method, absl::string_view prefix, absl::string_view target,
                       absl::string_view host, const Headers& headers, std::size_t body_size,
                       std::string* out);
// False when a CR, LF or NUL in a method, target or field could end it early.
bool IsSafeOnWire(absl::string_view text);

// Bytes received and not yet parsed. The parser wants a header in one piece.
class InputBuffer {
 public:
  explicit InputBuffer(std::size_t max) : max_(max) {}

  asio::mutable_buffer Space() {
    if (end_ == bytes_.size()) {
      if (begin_ > 0) {
        std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
      } else if (bytes_.size() < max_) {
        bytes_.resize(std::min(max_, std::max<std::size_t>(4096, bytes_.size() * 2)));
      }
    }
    return {bytes_.data() + end_, bytes_.size() - end_};
  }
  void Commit(std::size_t n) { end_ += n; }
  asio::const_buffer Data() const { return {bytes_.data() + begin_, end_ - begin_}; }
  void Consume(std::size_t n) {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  bool empty() const { return begin_ == end_; }

 private:
  std::size_t max_;
  std::vector<char> bytes_;
  std::size_t begin_ = 0, end_ = 0;
};

// One message being parsed. A parser object serves one message; emplace a new one for the next.
template <bool kIsRequest>
class MessageParser final : public beast::http::basic_parser<kIsRequest> {
 public:
  MessageParser(std::size_t header_limit, std::size_t body_limit) {
    this->eager(true);
    this->header_limit(static_cast<std::uint32_t>(header_limit));
    this->body_limit(body_limit);
  }

  // Feeds what the buffer holds. ok and !is_done(): more bytes are needed.
  ErrorCode Feed(InputBuffer* input) {
    ErrorCode error;
    while (!input->empty() && !this->is_done()) {
      const std::size_t used = this->put(input->Data(), error);
      input->Consume(used);
      if (error == beast::http::error::need_more) {
        error = {};
        if (used == 0) break;
      }
      if (error) break;
    }
    return error;
  }

  std::string method, target;  // requests
  int version = 11;            // requests: 10 or 11
  int status = 0;              // responses
  Headers headers;
  std::string body;
  bool expects_continue = false;

 private:
  static absl::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

  void on_request_impl(beast::http::verb, beast::string_view verb, beast::string_view path,
                       int number, ErrorCode&) override {
    version = number;
    method.assign(verb.data(), verb.size());
    target.assign(path.data(), path.size());
  }
  void on_response_impl(int code, beast::string_view, int, ErrorCode&) override { status = code; }
  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     ErrorCode&) override {
    if (field == beast::http::field::expect) expects_continue = true;
    headers.Add(View(name), View(value));
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode&) override {
    // The body limit has been checked against the length by now; still, nobody gets megabytes
    // reserved by announcing them.
    if (length) body.reserve(std::min<std::uint64_t>(*length, 64 * 1024));
  }
  std::size_t on_body_impl(beast::string_view part, ErrorCode&) override {
    body.append(part.data(), part.size());
    return part.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view part, ErrorCode&) override {
    body.append(part.data(), part.size());
    return part.size();
  }
  void on_finish_impl(ErrorCode&) override {}
};

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_WIRE_H_
