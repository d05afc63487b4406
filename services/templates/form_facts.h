// What rendering has to know, for every batch, of the provider templates that a version names:
// whether they can be sent now, and which of their buttons take what. Looked up in the store, and
// believed for a few seconds.
//
// Thread safety: safe for concurrent use. Blocks: Find reads the store when what it knows is old.
// Errors: the store's, where nothing was known before: a guess could have a message refused. Else,
// while the store cannot be read, what was known last holds, so that rendering goes on without it.
#ifndef KABAR_SERVICES_TEMPLATES_FORM_FACTS_H_
#define KABAR_SERVICES_TEMPLATES_FORM_FACTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/templates/compiled_templates.h"
#include "services/templates/store.h"

namespace kabar::base {
class Clock;
}

namespace kabar::templates {

// Of one mapping of the program.
struct FormFacts {
  std::string trouble = {};         // Trouble::code; empty: none
  std::vector<int32_t> links = {};  // places of the link buttons that take something
  std::vector<std::pair<int32_t, std::string>> replies =
      {};                    // place and meaning of each quick reply
  bool with_header = false;  // its header is that of the parts
};

// `known`: nullptr if nothing is known of it: then its buttons are taken to be those of the parts.
FormFacts FactsOf(const template_lang::ProviderMapping& mapping, const Parts& parts,
                  const ProviderTemplate* known);

class FormFactsCache {
 public:
  // By mapping, in their order.
  using All = std::vector<FormFacts>;

  // Both outlive this.
  FormFactsCache(Store& store, base::Clock& clock) : store_(store), clock_(clock) {}

  // Of what is not saved (version 0) nothing is remembered.
  absl::StatusOr<std::shared_ptr<const All>> Find(const std::string& outlet,
                                                  const std::string& template_id,
                                                  const CompiledTemplate& compiled,
                                                  absl::Time deadline);

  // Provider templates were changed here: whoever did it sees the effect at once.
  void Forget();

 private:
  struct Known {
    std::shared_ptr<const All> facts;
    absl::Time at;
  };
  using Key = std::tuple<std::string, std::string, int32_t>;

  Store& store_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::map<Key, Known> known_;
  uint64_t forgotten_ = 0;  // times; what was read before is not kept
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_FORM_FACTS_H_
