// What is asked of the dispatcher: WhatsApp business accounts and their message templates.
//
// Thread safety: safe for concurrent use. Blocks: each call for its timeout at most. Errors: the
// dispatcher's, with its reasons (PROVIDER_REFUSED with WhatsApp's words, ACCOUNT_NOT_FOUND);
// UNAVAILABLE when it or WhatsApp cannot be reached.
#ifndef KABAR_SERVICES_TEMPLATES_PEERS_H_
#define KABAR_SERVICES_TEMPLATES_PEERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/templates/provider_template.h"
#include "services/templates/store.h"

namespace kabar::templates {

struct Account {
  std::string outlet = {};
  std::string id = {};

  auto operator<=>(const Account&) const = default;
};

// A value for each parameter, as the provider's reviewers want to see them.
struct Samples {
  std::vector<std::string> body = {};
  std::string header = {};
  std::vector<std::string> links = {};
};

class Peers {
 public:
  Peers(const std::string& dispatcher_address, const std::string& service_key);
  ~Peers();

  // Of all outlets, or of one.
  absl::StatusOr<std::vector<Account>> ListAccounts(const std::string& outlet = "");
  // All templates of the account.
  absl::StatusOr<std::vector<ProviderTemplate>> ListTemplates(const Account& account);
  // Its status and category as the provider has them now.
  absl::StatusOr<ProviderTemplate> Submit(const Account& account, const ProviderTemplate& wanted,
                                          const Samples& samples);

  struct NewsPage {
    int64_t last = 0;  // number of the last one; as asked for without any
    std::vector<ProviderNews> news = {};
  };
  absl::StatusOr<NewsPage> ListNews(int64_t after);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_PEERS_H_
