// The management side of the Graph API: templates, phone numbers, accounts.
//
//   GET    /{version}/{number}                      display number, quality, throughput level
//   GET    /{version}/{account}                     id and name
//   GET    /{version}/{account}/phone_numbers
//   GET    /{version}/{account}/message_templates   name, status, language, category, limit, after
//   POST   /{version}/{account}/message_templates
//   DELETE /{version}/{account}/message_templates   name, hsm_id
//   GET    /{version}/{template}
//   POST   /{version}/{number}/media                multipart: messaging_product, type, file
//   GET    /{version}/{medium}, DELETE /{version}/{medium}
// Not thread-safe (the loop's thread), never blocks. Errors: Graph errors to the caller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/http_loop.h"
#include "tools/cloudsim/world.h"

namespace kabar::cloudsim {

class Management {
 public:
  explicit Management(World* world) : world_(world) {}

  // `id` and `edge` are the path behind the version; `edge` may be empty.
  void Handle(const RequestInfo& info, const HttpRequest& request, absl::string_view id,
              absl::string_view edge);

 private:
  struct Reply {
    int status = 200;
    std::string body;
  };
  Reply Route(const HttpRequest& request, absl::string_view id, absl::string_view edge);
  Reply Error(const GraphError& error);
  Reply NoSuchObject(absl::string_view id, absl::string_view method);
  Reply Upload(const PhoneNumber& number, const HttpRequest& request);
  Reply OneMedium(const HttpRequest& request, absl::string_view id, const Medium& medium);
  Reply ListNumbers(const Account& account, absl::string_view query);
  Reply ListTemplates(const Account& account, absl::string_view query);
  Reply CreateTemplate(Account* account, absl::string_view body);
  Reply DeleteTemplate(Account* account, absl::string_view query);
  // A template whose review is over becomes APPROVED the next time anybody looks.
  void SettleReviews();
  void Announce(uint32_t account, const Template& changed, absl::string_view event, int64_t at_us);

  World* const world_;
};

}  // namespace kabar::cloudsim
