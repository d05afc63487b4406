#include "tools/cloudsim/http_response.h"

#include "absl/strings/str_cat.h"

namespace kabar::cloudsim {
namespace {

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

}  // namespace

std::string HttpResponse(int status, absl::string_view body, absl::string_view content_type,
                         bool close) {
  if (content_type.empty()) content_type = "application/json; charset=UTF-8";
  return absl::StrCat("HTTP/1.1 ", status, " ", ReasonPhrase(status),
                      "\r\nContent-Type: ", content_type, "\r\nContent-Length: ", body.size(),
                      close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n", body);
}

void AppendHttpResponse(int status, absl::string_view body, std::string* out) {
  absl::StrAppend(out, "HTTP/1.1 ", status, " ", ReasonPhrase(status),
                  "\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: ",
                  body.size(), "\r\n\r\n", body);
}

}  // namespace kabar::cloudsim
