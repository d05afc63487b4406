// The seam between the templates service and its database.
//
// Thread safety: a Store is safe for concurrent use; a Unit belongs to the thread of its function.
// Blocks: every call, until the deadline at most. Errors: NOT_FOUND (TEMPLATE_NOT_FOUND,
// VERSION_NOT_FOUND), ALREADY_EXISTS (TEMPLATE_CODE_TAKEN), and those of the database
// (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNKNOWN after a lost COMMIT). What belongs
// to another outlet is not found.
#ifndef KABAR_SERVICES_TEMPLATES_STORE_H_
#define KABAR_SERVICES_TEMPLATES_STORE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/rpc/idempotency.h"
#include "services/templates/message_template.h"
#include "services/templates/provider_template.h"
#include "services/templates/template_use.h"

namespace kabar::templates {

// What the provider told of a template by itself. What is empty did not change.
struct ProviderNews {
  std::string account_id = {};
  ProviderKey key = {};
  std::string status = {};
  std::string category = {};
  std::string quality = {};
  std::string reason = {};  // of the status
  absl::Time time = absl::InfinitePast();
};

// Which templates are listed.
struct ListFilter {
  bool show_archived = false;
  std::optional<Kind> kind = {};
};

class Store {
 public:
  // One transaction, for one outlet. Committed when its function returns OK.
  class Unit {
   public:
    virtual ~Unit() = default;

    // The two statements of libs/rpc/idempotency.h.
    virtual absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
        const std::string& request_id, const rpc::RequestRecord& mine) = 0;
    virtual absl::Status SaveResponse(const std::string& request_id,
                                      const std::string& response) = 0;

    // A new template with its version 1.
    virtual absl::Status Insert(const MessageTemplate& added) = 0;
    // The newest version; nobody else changes the template before the unit ends.
    virtual absl::StatusOr<MessageTemplate> Lock(const std::string& id) = 0;
    // `changed` is a locked template with its next version.
    virtual absl::Status AddVersion(const MessageTemplate& changed) = 0;
    virtual absl::Status Archive(const std::string& id, absl::Time now) = 0;

    virtual absl::StatusOr<std::vector<ProviderTemplate>> FindProviderTemplates(
        absl::Span<const ProviderKey> keys) = 0;
    // As a person says it is; its category is agreed to.
    virtual absl::Status PutProviderTemplate(const ProviderTemplate& put, absl::Time now) = 0;
    // NOT_FOUND (PROVIDER_TEMPLATE_NOT_FOUND); the one with its category agreed to.
    virtual absl::StatusOr<ProviderTemplate> AgreeToCategory(const ProviderKey& key,
                                                             absl::Time now) = 0;
    virtual absl::StatusOr<std::vector<ProviderTemplate>> AllProviderTemplates() = 0;
    // As the provider told it when it was asked at `asked`: later news of it stand. A new one's
    // category is agreed to. What another account has under this name stays.
    virtual absl::Status PutSynced(const ProviderTemplate& put, absl::Time asked) = 0;
    // The same of one that the outlet has submitted just now: it has agreed to what `put` says it
    // has, whatever there was under this name before.
    virtual absl::Status PutSubmitted(const ProviderTemplate& put, absl::Time asked) = 0;
    // What another account than `named` has is nobody's: whoever has such a one takes it over.
    virtual absl::Status ReleaseAccounts(absl::Span<const std::string> named) = 0;
    // The account has only `there` of what was known of it; how many are gone.
    virtual absl::StatusOr<int> EndSync(const std::string& account_id,
                                        absl::Span<const ProviderKey> there, absl::Time asked) = 0;
    // Unless the provider was asked later.
    virtual absl::Status ApplyNews(const ProviderNews& news) = 0;

    // In place of the user's use before, if there is one.
    virtual absl::Status PutUse(const TemplateUse& use, absl::Time now) = 0;
    virtual absl::Status DeleteUse(const std::string& user) = 0;
    virtual absl::StatusOr<std::vector<TemplateUse>> ListUses(const std::string& template_id) = 0;
    // Of these, the ones that are taken.
    virtual absl::StatusOr<std::vector<std::string>> CodesTaken(
        absl::Span<const std::string> codes) = 0;
  };

  virtual ~Store() = default;

  // The function may run again after a conflict, so it sets its results anew each time.
  virtual absl::Status Write(const std::string& outlet, absl::string_view operation,
                             absl::Time deadline, absl::FunctionRef<absl::Status(Unit&)> work) = 0;

  // `version` 0: the newest.
  virtual absl::StatusOr<MessageTemplate> Get(const std::string& outlet, const std::string& id,
                                              int32_t version, absl::Time deadline) = 0;
  virtual absl::StatusOr<MessageTemplate> GetByCode(const std::string& outlet,
                                                    const std::string& code, int32_t version,
                                                    absl::Time deadline) = 0;
  // Newest versions by code, those behind `after_code` only.
  virtual absl::StatusOr<std::vector<MessageTemplate>> List(const std::string& outlet,
                                                            const std::string& after_code,
                                                            const ListFilter& filter, int limit,
                                                            absl::Time deadline) = 0;
  // Newest first, those below `below_version` only.
  virtual absl::StatusOr<std::vector<MessageTemplate>> ListVersions(const std::string& outlet,
                                                                    const std::string& id,
                                                                    int32_t below_version,
                                                                    int limit,
                                                                    absl::Time deadline) = 0;
  virtual absl::StatusOr<std::vector<ProviderTemplate>> FindProviderTemplates(
      const std::string& outlet, absl::Span<const ProviderKey> keys, absl::Time deadline) = 0;
  // By name and language, those behind `after` only.
  virtual absl::StatusOr<std::vector<ProviderTemplate>> ListProviderTemplates(
      const std::string& outlet, const ProviderKey& after, int limit, absl::Time deadline) = 0;

  // How many there are in all outlets, by status; RECATEGORISED: approved, but under a category
  // that nobody has agreed to.
  virtual absl::StatusOr<std::map<std::string, int64_t>> CountProviderTemplates(
      absl::Time deadline) = 0;

  // Forgets requests of all outlets from before `time`, at most `limit`; how many they were.
  virtual absl::StatusOr<int64_t> ForgetRequests(absl::Time time, int limit,
                                                 absl::Time deadline) = 0;
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_STORE_H_
