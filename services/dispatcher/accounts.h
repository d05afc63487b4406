// The management API of WhatsApp business accounts: their message templates and media. A few calls
// an hour, each on a connection of its own, apart from the workers' connections.
//
// Thread safety: immutable, any thread. Blocks: each call until its answer or the deadline. Errors:
// UNAVAILABLE (no answer, or trouble of WhatsApp's that may pass), DEADLINE_EXCEEDED,
// FAILED_PRECONDITION (PROVIDER_REFUSED) with WhatsApp's words. No message holds the token.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/whatsapp/account_template.h"
#include "services/dispatcher/media_store.h"
#include "services/dispatcher/send_job.h"

namespace kabar::dispatcher {

class Accounts {
 public:
  // `policy` outlives this.
  Accounts(std::string url, std::string version, const whatsapp::ErrorPolicy& policy)
      : url_(std::move(url)), version_(std::move(version)), policy_(policy) {}

  // The page behind the cursor `after`; empty: the first one.
  absl::StatusOr<whatsapp::AccountTemplatePage> ListTemplates(const std::string& account,
                                                              const std::string& token,
                                                              const std::string& after,
                                                              absl::Time deadline) const;
  // Its id, status and category.
  absl::StatusOr<whatsapp::AccountTemplate> CreateTemplate(const std::string& account,
                                                           const std::string& token,
                                                           std::string body,
                                                           absl::Time deadline) const;

  // A medium for a number: its id.
  absl::StatusOr<std::string> UploadMedium(const SenderCredentials& sender,
                                           const WantedUpload& medium, absl::Time deadline) const;

 private:
  const std::string url_;
  const std::string version_;
  const whatsapp::ErrorPolicy& policy_;
};

}  // namespace kabar::dispatcher
