#include "tools/cloudsim/http_parser.h"

#include <string.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace kabar::cloudsim {
namespace {

constexpr absl::string_view kHeadEnd = "\r\n\r\n";

absl::string_view Trim(absl::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Hex length of a chunk, without extensions; false when there is none.
bool ParseChunkLength(absl::string_view line, size_t* length) {
  const size_t semicolon = line.find(';');
  line = Trim(line.substr(0, semicolon));
  uint64_t value = 0;
  if (line.empty() || line.size() > 8 || !absl::SimpleHexAtoi(line, &value)) return false;
  *length = value;
  return true;
}

}  // namespace

HttpParser::Result HttpParser::Parse(char* data, size_t size, HttpRequest* request,
                                     size_t* consumed) {
  if (head_end_ == 0) {
    const size_t from = scanned_ < 3 ? 0 : scanned_ - 3;
    const char* end = static_cast<const char*>(
        memmem(data + from, size - from, kHeadEnd.data(), kHeadEnd.size()));
    if (end == nullptr) {
      scanned_ = size;
      return size > kMaxHeaderBytes ? Bad(431) : Result::kNeedMore;
    }
    head_end_ = static_cast<size_t>(end - data) + kHeadEnd.size();
    if (head_end_ > kMaxHeaderBytes) return Bad(431);
    if (!ParseHead(absl::string_view(data, head_end_ - 2))) return Bad(bad_status_);
    chunk_read_ = chunk_write_ = head_end_;
  }
  size_t end = head_end_ + content_length_;
  if (chunked_) {
    const Result result = ReadChunks(data, size, &end);
    if (result == Result::kNeedMore) return NeedMore(size);
    if (result != Result::kRequest) return result;
  } else if (size < end) {
    missing_ = end - size;
    return NeedMore(size);
  }
  const size_t body_end = chunked_ ? chunk_write_ : end;
  request->method = method_.In(data);
  request->path = path_.In(data);
  request->query = query_.In(data);
  request->authorization = authorization_.In(data);
  request->content_type = content_type_.In(data);
  request->body = absl::string_view(data + head_end_, body_end - head_end_);
  request->keep_alive = keep_alive_;
  *consumed = end;
  return Result::kRequest;
}

HttpParser::Result HttpParser::NeedMore(size_t size) {
  if (!expects_continue_ || continued_ || size != head_end_) return Result::kNeedMore;
  continued_ = true;
  return Result::kContinue;
}

bool HttpParser::ParseHead(absl::string_view head) {
  const char* at = head.data();
  const char* const end = at + head.size();
  for (bool first = true; at < end; first = false) {
    const char* const feed =
        static_cast<const char*>(memchr(at, '\n', static_cast<size_t>(end - at)));
    if (feed == nullptr || feed == at || feed[-1] != '\r') return false;
    const absl::string_view line(at, static_cast<size_t>(feed - 1 - at));
    if (first ? !ParseRequestLine(line) : !ParseField(head.data(), line)) return false;
    at = feed + 1;
  }
  // Two lengths for one body are how requests get smuggled; refuse as RFC 9112 advises.
  return !(chunked_ && has_length_);
}

bool HttpParser::ParseRequestLine(absl::string_view line) {
  const size_t space = line.find(' ');
  const size_t last = line.rfind(' ');
  if (space == absl::string_view::npos || space == 0 || last <= space + 1) return false;
  const absl::string_view version = line.substr(last + 1);
  if (version == "HTTP/1.0") {
    keep_alive_ = false;
  } else if (version != "HTTP/1.1") {
    bad_status_ = absl::StartsWith(version, "HTTP/") ? 505 : 400;
    return false;
  }
  const absl::string_view target = line.substr(space + 1, last - space - 1);
  const size_t mark = target.find('?');
  const auto span = [&](size_t begin, size_t size) {
    return Span{static_cast<uint32_t>(begin), static_cast<uint32_t>(size)};
  };
  method_ = span(0, space);
  if (mark == absl::string_view::npos) {
    path_ = span(space + 1, target.size());
  } else {
    path_ = span(space + 1, mark);
    query_ = span(space + 1 + mark + 1, target.size() - mark - 1);
  }
  return true;
}

bool HttpParser::ParseField(const char* data, absl::string_view line) {
  const char* const found = static_cast<const char*>(memchr(line.data(), ':', line.size()));
  if (found == nullptr || found == line.data()) return false;
  const absl::string_view name(line.data(), static_cast<size_t>(found - line.data()));
  const absl::string_view value = Trim(line.substr(name.size() + 1));
  const auto spot = [&] {
    return Span{static_cast<uint32_t>(value.data() - data), static_cast<uint32_t>(value.size())};
  };
  // The length of the name sorts out all but the few fields that matter.
  switch (name.size()) {
    case 6:
      if (absl::EqualsIgnoreCase(name, "expect")) {
        expects_continue_ = absl::EqualsIgnoreCase(value, "100-continue");
      }
      break;
    case 10:
      if (absl::EqualsIgnoreCase(name, "connection")) {
        if (absl::EqualsIgnoreCase(value, "close")) keep_alive_ = false;
        if (absl::EqualsIgnoreCase(value, "keep-alive")) keep_alive_ = true;
      }
      break;
    case 12:
      if (absl::EqualsIgnoreCase(name, "content-type")) content_type_ = spot();
      break;
    case 13:
      if (absl::EqualsIgnoreCase(name, "authorization")) {
        authorization_ = spot();
      }
      break;
    case 14:
      if (absl::EqualsIgnoreCase(name, "content-length")) {
        uint64_t length = 0;
        if (has_length_ || value.empty() ||
            !absl::ascii_isdigit(static_cast<unsigned char>(value[0])) ||
            !absl::SimpleAtoi(value, &length)) {
          return false;
        }
        if (length > kMaxBodyBytes) {
          bad_status_ = 413;
          return false;
        }
        has_length_ = true;
        content_length_ = length;
      }
      break;
    case 17:
      if (absl::EqualsIgnoreCase(name, "transfer-encoding")) {
        if (!absl::EqualsIgnoreCase(value, "chunked")) return false;
        chunked_ = true;
      }
      break;
    default:
      break;
  }
  return true;
}

HttpParser::Result HttpParser::ReadChunks(char* data, size_t size, size_t* end) {
  while (true) {
    const absl::string_view rest(data + chunk_read_, size - chunk_read_);
    const size_t line_end = rest.find("\r\n");
    if (line_end == absl::string_view::npos) {
      return rest.size() > 256 ? Bad(400) : Result::kNeedMore;
    }
    size_t length = 0;
    if (!ParseChunkLength(rest.substr(0, line_end), &length)) return Bad(400);
    if (chunk_write_ - head_end_ + length > kMaxBodyBytes) return Bad(413);
    const size_t begin = chunk_read_ + line_end + 2;
    if (length == 0) {
      // No trailers: nobody who calls this API sends any.
      if (size < begin + 2) return Result::kNeedMore;
      if (data[begin] != '\r' || data[begin + 1] != '\n') return Bad(400);
      *end = begin + 2;
      return Result::kRequest;
    }
    if (size < begin + length + 2) {
      missing_ = begin + length + 2 - size;
      return Result::kNeedMore;
    }
    if (data[begin + length] != '\r' || data[begin + length + 1] != '\n') return Bad(400);
    memmove(data + chunk_write_, data + begin, length);
    chunk_write_ += length;
    chunk_read_ = begin + length + 2;
  }
}

}  // namespace kabar::cloudsim
