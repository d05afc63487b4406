#include "tools/cloudsim/accounts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cloudsim/draw.h"
#include "tools/cloudsim/recipients.h"

namespace kabar::cloudsim {
namespace {

std::string TemplateKey(uint32_t account, absl::string_view name, absl::string_view language) {
  return absl::StrCat(account, "/", name, "/", language);
}

// Sixteen digits, the same for the same template in every run; below 2^53, since Meta writes
// template ids as JSON numbers in webhooks.
std::string TemplateId(absl::string_view account_id, const TemplateSetup& setup) {
  const uint64_t hash = HashText(absl::StrCat(account_id, "/", setup.name, "/", setup.language));
  return std::to_string(1000000000000000ULL + hash % 8000000000000000ULL);
}

}  // namespace

uint32_t Accounts::PortfolioIndex(const AccountSetup& setup) {
  const std::string name = setup.portfolio.empty() ? setup.id : setup.portfolio;
  const auto found = std::find(portfolios_.begin(), portfolios_.end(), name);
  if (found == portfolios_.end()) portfolios_.push_back(name);
  return static_cast<uint32_t>(std::find(portfolios_.begin(), portfolios_.end(), name) -
                               portfolios_.begin());
}

absl::Status Accounts::Apply(const Setup& setup) {
  // Compile everything before anything changes.
  std::vector<std::vector<Template>> compiled;
  for (const AccountSetup& account : setup.accounts) {
    std::vector<Template>& list = compiled.emplace_back();
    for (const TemplateSetup& one : account.templates) {
      absl::StatusOr<Template> result = CompileTemplate(one);
      if (!result.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "set-up: template ", one.name, " (", one.language, "): ", result.status().message()));
      }
      list.push_back(*std::move(result));
    }
  }
  for (size_t i = 0; i < setup.accounts.size(); ++i) {
    const AccountSetup& given = setup.accounts[i];
    const auto [place, added] =
        account_by_id_.try_emplace(given.id, static_cast<uint32_t>(accounts_.size()));
    if (added) {
      accounts_.push_back(std::make_unique<Account>());
      accounts_.back()->index = place->second;
      accounts_.back()->id = given.id;
    }
    Account& account = *accounts_[place->second];
    account.name = given.name;
    account.portfolio = PortfolioIndex(given);
    for (const NumberSetup& number : given.numbers) {
      const auto [slot, is_new] =
          number_by_id_.try_emplace(number.id, static_cast<uint32_t>(numbers_.size()));
      if (is_new) {
        numbers_.push_back(std::make_unique<PhoneNumber>());
        account.numbers.push_back(slot->second);
      }
      PhoneNumber& kept = *numbers_[slot->second];
      kept.index = slot->second;
      kept.account = account.index;
      kept.setup = number;
      std::string digits = PhoneDigits(number.display_phone_number);
      if (digits.empty()) digits = number.display_phone_number;
      kept.facts =
          std::make_shared<const NumberFacts>(NumberFacts{given.id, number.id, std::move(digits)});
    }
    for (Template& one : compiled[i]) PutTemplate(account.index, std::move(one));
  }
  for (const TokenSetup& token : setup.tokens) {
    std::vector<uint32_t> rights;
    for (const std::string& id : token.accounts) {
      const Account* const account = FindAccount(id);
      if (account == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("set-up: a token names the account ", id, ", which does not exist"));
      }
      rights.push_back(account->index);
    }
    tokens_[token.token] = std::move(rights);
  }
  return absl::OkStatus();
}

const std::vector<uint32_t>* Accounts::FindToken(absl::string_view token) const {
  const auto found = tokens_.find(token);
  return found == tokens_.end() ? nullptr : &found->second;
}

bool Accounts::Allowed(const std::vector<uint32_t>& rights, uint32_t account) {
  return rights.empty() || std::find(rights.begin(), rights.end(), account) != rights.end();
}

PhoneNumber* Accounts::FindNumber(absl::string_view id) {
  const auto found = number_by_id_.find(id);
  return found == number_by_id_.end() ? nullptr : numbers_[found->second].get();
}

Account* Accounts::FindAccount(absl::string_view id) {
  const auto found = account_by_id_.find(id);
  return found == account_by_id_.end() ? nullptr : accounts_[found->second].get();
}

Template* Accounts::FindTemplate(uint32_t account, absl::string_view name,
                                 absl::string_view language, uint32_t* index) {
  if (last_.index != UINT32_MAX && last_.account == account) {
    const TemplateSetup& setup = templates_[last_.index]->setup;
    if (setup.name == name && setup.language == language) {
      *index = last_.index;
      return templates_[last_.index].get();
    }
  }
  const auto found = template_by_key_.find(TemplateKey(account, name, language));
  if (found == template_by_key_.end()) return nullptr;
  *index = found->second;
  last_ = {account, found->second};
  return templates_[found->second].get();
}

Template* Accounts::FindTemplateById(absl::string_view id, uint32_t* account) {
  for (const auto& owner : accounts_) {
    for (const uint32_t index : owner->templates) {
      if (templates_[index]->id == id) {
        *account = owner->index;
        return templates_[index].get();
      }
    }
  }
  return nullptr;
}

uint32_t Accounts::PutTemplate(uint32_t account, Template compiled) {
  last_ = LastTemplate();
  Account& owner = *accounts_[account];
  if (compiled.id.empty()) compiled.id = TemplateId(owner.id, compiled.setup);
  const auto index = static_cast<uint32_t>(templates_.size());
  const auto [place, added] = template_by_key_.try_emplace(
      TemplateKey(account, compiled.setup.name, compiled.setup.language), index);
  if (added) {
    owner.templates.push_back(index);
  } else {
    std::replace(owner.templates.begin(), owner.templates.end(), place->second, index);
    place->second = index;
  }
  templates_.push_back(std::make_unique<Template>(std::move(compiled)));
  return index;
}

int Accounts::DeleteTemplates(uint32_t account, absl::string_view name, absl::string_view id) {
  last_ = LastTemplate();
  Account& owner = *accounts_[account];
  int removed = 0;
  for (size_t i = 0; i < owner.templates.size();) {
    const Template& one = *templates_[owner.templates[i]];
    if (one.setup.name != name || (!id.empty() && one.id != id)) {
      ++i;
      continue;
    }
    template_by_key_.erase(TemplateKey(account, one.setup.name, one.setup.language));
    owner.templates.erase(owner.templates.begin() + static_cast<std::ptrdiff_t>(i));
    ++removed;
  }
  return removed;
}

}  // namespace kabar::cloudsim
