// The simulated business side: who may call, which accounts, numbers and templates exist.
//
// Numbers and templates keep their index for ever (the record refers to them); a set-up applied
// again updates in place. Not thread-safe (the loop's thread owns it), never blocks. Errors:
// Apply() refuses a template that does not compile, and then changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/cloudsim/setup.h"
#include "tools/cloudsim/templates.h"

namespace kabar::cloudsim {

// What webhooks say about a number. Shared with the webhook thread, never changed once made.
struct NumberFacts {
  std::string account_id;
  std::string number_id;
  std::string display_digits;
};

struct PhoneNumber {
  uint32_t index = 0;
  uint32_t account = 0;
  NumberSetup setup;
  std::shared_ptr<const NumberFacts> facts;
};

struct Account {
  uint32_t index = 0;
  uint32_t portfolio = 0;
  std::string id;
  std::string name;
  std::vector<uint32_t> numbers;
  std::vector<uint32_t> templates;  // newest versions, in order of creation
};

class Accounts {
 public:
  // Adds and updates; nothing is removed.
  absl::Status Apply(const Setup& setup);

  // Null: no such token. Otherwise the accounts it may use (empty: all).
  const std::vector<uint32_t>* FindToken(absl::string_view token) const;
  static bool Allowed(const std::vector<uint32_t>& rights, uint32_t account);

  PhoneNumber* FindNumber(absl::string_view id);
  Account* FindAccount(absl::string_view id);
  // Templates are kept by pointer: an entry of the record names its version by index.
  Template* FindTemplate(uint32_t account, absl::string_view name, absl::string_view language,
                         uint32_t* index);
  Template* FindTemplateById(absl::string_view id, uint32_t* account);

  // A new version replaces one with the same name and language.
  uint32_t PutTemplate(uint32_t account, Template compiled);
  // Empty language: all languages. Number removed.
  int DeleteTemplates(uint32_t account, absl::string_view name, absl::string_view id);

  const PhoneNumber& number(uint32_t index) const { return *numbers_[index]; }
  const Account& account(uint32_t index) const { return *accounts_[index]; }
  const Template& template_at(uint32_t index) const { return *templates_[index]; }
  Template& mutable_template(uint32_t index) { return *templates_[index]; }
  size_t number_count() const { return numbers_.size(); }
  uint32_t account_count() const { return static_cast<uint32_t>(accounts_.size()); }

 private:
  struct LastTemplate {
    uint32_t account = 0;
    uint32_t index = UINT32_MAX;
  };
  uint32_t PortfolioIndex(const AccountSetup& setup);

  absl::flat_hash_map<std::string, std::vector<uint32_t>> tokens_;
  std::vector<std::unique_ptr<Account>> accounts_;
  std::vector<std::unique_ptr<PhoneNumber>> numbers_;
  std::vector<std::unique_ptr<Template>> templates_;
  std::vector<std::string> portfolios_;
  absl::flat_hash_map<std::string, uint32_t> account_by_id_;
  absl::flat_hash_map<std::string, uint32_t> number_by_id_;
  absl::flat_hash_map<std::string, uint32_t> template_by_key_;
  LastTemplate last_;  // a campaign asks for the same one again and again
};

}  // namespace kabar::cloudsim
