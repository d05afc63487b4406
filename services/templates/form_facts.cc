#include "services/templates/form_facts.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/log/log.h"

namespace kabar::templates {
namespace {

constexpr absl::Duration kBelieved = absl::Seconds(3);
constexpr absl::Duration kForgotten = absl::Minutes(10);
constexpr size_t kMany = 10'000;

std::string MeaningOf(const std::string& title, const Parts& parts) {
  for (const Button& button : parts.buttons) {
    if (button.title == title && button.url.empty()) return button.meaning();
  }
  return title;
}

// Nothing is known of the provider template.
FormFacts Supposed(const Parts& parts) {
  FormFacts facts;
  int32_t place = 0;
  for (const Button& button : parts.buttons) {
    if (!button.url.empty()) continue;
    facts.replies.emplace_back(place++, button.meaning());
  }
  facts.links = {place, place + 1};
  facts.with_header =
      parts.header_kind != HeaderKind::kNone && parts.header_kind != HeaderKind::kText;
  return facts;
}

FormFactsCache::All FactsOfAll(const CompiledTemplate& compiled,
                               const std::vector<ProviderTemplate>& known) {
  FormFactsCache::All all;
  for (const template_lang::ProviderMapping& mapping : compiled.program.providers()) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const ProviderTemplate& one) {
      return one.name == mapping.name && one.language == mapping.language;
    });
    all.push_back(
        FactsOf(mapping, compiled.parts.source(), found == known.end() ? nullptr : &*found));
  }
  return all;
}

}  // namespace

FormFacts FactsOf(const template_lang::ProviderMapping& mapping, const Parts& parts,
                  const ProviderTemplate* known) {
  if (known == nullptr) return Supposed(parts);
  FormFacts facts{.trouble = TroubleOf(mapping, parts.header_kind, *known).code,
                  .with_header = TakesHeaderOfParts(*known)};
  for (size_t i = 0; i < known->buttons.size(); ++i) {
    const ProviderButton& button = known->buttons[i];
    const auto place = static_cast<int32_t>(i);
    if (button.takes_parameter()) facts.links.push_back(place);
    if (button.type == "QUICK_REPLY") {
      facts.replies.emplace_back(place, MeaningOf(button.text, parts));
    }
  }
  return facts;
}

absl::StatusOr<std::shared_ptr<const FormFactsCache::All>> FormFactsCache::Find(
    const std::string& outlet, const std::string& template_id, const CompiledTemplate& compiled,
    absl::Time deadline) {
  const auto& mappings = compiled.program.providers();
  if (mappings.empty()) return std::make_shared<const All>();
  const Key key(outlet, template_id, compiled.version);
  const absl::Time now = clock_.Now();
  std::shared_ptr<const All> before;
  const bool saved = compiled.version != 0;
  uint64_t forgotten = 0;
  if (saved) {
    const std::lock_guard lock(mutex_);
    forgotten = forgotten_;
    if (const auto found = known_.find(key); found != known_.end()) {
      if (now - found->second.at < kBelieved) return found->second.facts;
      before = found->second.facts;
    }
  }
  std::vector<ProviderKey> keys;
  for (const auto& mapping : mappings) keys.emplace_back(mapping.name, mapping.language);
  const auto read = store_.FindProviderTemplates(outlet, keys, deadline);
  if (!read.ok()) {
    if (before == nullptr) return read.status();
    static log::Throttle throttle(absl::Seconds(30));
    log::Warn(throttle, "provider templates not read", {{"error", read.status()}});
    return before;
  }
  auto facts = std::make_shared<const All>(FactsOfAll(compiled, *read));
  if (!saved) return facts;
  const std::lock_guard lock(mutex_);
  if (forgotten != forgotten_) return facts;
  if (known_.size() >= kMany) {
    std::erase_if(known_, [&](const auto& one) { return now - one.second.at > kForgotten; });
  }
  known_[key] = {facts, now};
  return facts;
}

void FormFactsCache::Forget() {
  const std::lock_guard lock(mutex_);
  ++forgotten_;
  known_.clear();
}

}  // namespace kabar::templates
