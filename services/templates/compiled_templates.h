// Compiled versions, ready to render: looked up in a bounded cache, else read and compiled. A
// version never changes, so what is in the cache is never stale; least recently used ones go first.
//
// Thread safety: safe for concurrent use. Blocks: Find reads the store when the cache does not have
// the version (and always for version 0, the newest). Errors: the store's; INTERNAL
// (TEMPLATE_UNREADABLE) if a saved message does not compile.
#ifndef KABAR_SERVICES_TEMPLATES_COMPILED_TEMPLATES_H_
#define KABAR_SERVICES_TEMPLATES_COMPILED_TEMPLATES_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/template_lang/template.h"
#include "services/templates/store.h"

namespace kabar::templates {

struct CompiledTemplate {
  template_lang::Template program;
  template_lang::Mode missing_data = template_lang::Mode::kStrict;
  int32_t version = 0;
  CompiledParts parts = {};
};

class CompiledTemplates {
 public:
  // `store` outlives this. `max_bytes` bounds the cache, as estimated from the messages' sizes.
  CompiledTemplates(Store& store, size_t max_bytes) : store_(store), max_bytes_(max_bytes) {}

  absl::StatusOr<std::shared_ptr<const CompiledTemplate>> Find(const std::string& outlet,
                                                               const std::string& id,
                                                               int32_t version,
                                                               absl::Time deadline);

  size_t size() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const CompiledTemplate> compiled;
    size_t bytes = 0;
  };

  std::shared_ptr<const CompiledTemplate> Cached(const std::string& key);
  void Keep(Entry entry);

  Store& store_;
  const size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> by_key_;
  size_t bytes_ = 0;
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_COMPILED_TEMPLATES_H_
