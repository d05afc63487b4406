#include "services/templates/compiled_templates.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/metrics/metrics.h"

namespace kabar::templates {
namespace {

// A program takes at most some 16 times its text (measured on texts of nothing but variables), and
// something whatever the text.
size_t EstimatedBytes(absl::string_view message) { return 2048 + 16 * message.size(); }

// Ids hold no such byte, and the outlet comes from the key file: keys of two outlets never meet.
std::string KeyOf(const std::string& outlet, const std::string& id, int32_t version) {
  return absl::StrCat(outlet, absl::string_view("\0", 1), id, absl::string_view("\0", 1), version);
}

metrics::Counter& Lookups(const char* result) {
  return metrics::GetCounter("kabar_templates_cache_lookups_total",
                             "Lookups of compiled template versions.", {{"result", result}});
}

}  // namespace

absl::StatusOr<std::shared_ptr<const CompiledTemplate>> CompiledTemplates::Find(
    const std::string& outlet, const std::string& id, int32_t version, absl::Time deadline) {
  static metrics::Counter& hits = Lookups("hit");
  static metrics::Counter& misses = Lookups("miss");
  if (version != 0) {
    if (std::shared_ptr<const CompiledTemplate> cached = Cached(KeyOf(outlet, id, version))) {
      hits.Increment();
      return cached;
    }
  }
  KABAR_ASSIGN_OR_RETURN(const MessageTemplate found, store_.Get(outlet, id, version, deadline));
  std::string key = KeyOf(outlet, id, found.version);
  if (std::shared_ptr<const CompiledTemplate> cached = Cached(key)) {
    hits.Increment();
    return cached;
  }
  misses.Increment();
  absl::StatusOr<template_lang::Template> program = template_lang::Compile(found.message);
  if (!program.ok()) {
    return base::Error(absl::StatusCode::kInternal, "TEMPLATE_UNREADABLE",
                       absl::StrCat("template ", found.code, " version ", found.version,
                                    " was saved but does not compile: ", program.status().message(),
                                    "; save it again"));
  }
  absl::StatusOr<CompiledParts> parts = CompiledParts::Compile(found.parts);
  if (!parts.ok()) {
    return base::Error(absl::StatusCode::kInternal, "TEMPLATE_UNREADABLE",
                       absl::StrCat("template ", found.code, " version ", found.version,
                                    " was saved with parts that do not compile: ",
                                    parts.status().message(), "; save it again"));
  }
  auto compiled = std::make_shared<const CompiledTemplate>(
      CompiledTemplate{*std::move(program), found.missing_data, found.version, *std::move(parts)});
  Keep(Entry{std::move(key), compiled, EstimatedBytes(found.message)});
  return compiled;
}

std::shared_ptr<const CompiledTemplate> CompiledTemplates::Cached(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->compiled;
}

void CompiledTemplates::Keep(Entry entry) {
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(entry.key)) return;  // another call was quicker
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  by_key_[entries_.front().key] = entries_.begin();
  while (bytes_ > max_bytes_ && !entries_.empty()) {
    bytes_ -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

size_t CompiledTemplates::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace kabar::templates
