#include "services/contacts/merge.h"

#include <algorithm>
#include <string>
#include <vector>

namespace kabar::contacts {
namespace {

bool Has(const std::vector<std::string>& tags, const std::string& tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

template <typename T>
void Undo(T Contact::*member, const Contact& before, const Contact& after, Contact* now) {
  if (now->*member == after.*member) now->*member = before.*member;
}

}  // namespace

Contact Merged(const Contact& survivor, const Contact& other) {
  Contact out = survivor;
  for (const ContactText& text : ContactTexts()) {
    if ((out.*text.member).empty()) out.*text.member = other.*text.member;
  }
  out.vip = survivor.vip || other.vip;
  if (out.satisfaction == 0) out.satisfaction = other.satisfaction;
  for (const auto& [key, value] : other.attributes) {
    if (out.attributes.size() < kMaxAttributes) out.attributes.emplace(key, value);
  }
  out.tags.insert(out.tags.end(), other.tags.begin(), other.tags.end());
  out.tags = NormalizeTags(out.tags);
  if (out.tags.size() > kMaxTags) out.tags.resize(kMaxTags);
  if (other.last_inbound_at &&
      (!out.last_inbound_at || *out.last_inbound_at < *other.last_inbound_at)) {
    out.last_inbound_at = other.last_inbound_at;
  }
  return out;
}

Contact Unmerged(const Contact& now, const Contact& before, const Contact& after) {
  Contact out = now;
  for (const ContactText& text : ContactTexts()) Undo(text.member, before, after, &out);
  Undo(&Contact::vip, before, after, &out);
  Undo(&Contact::satisfaction, before, after, &out);
  Undo(&Contact::last_inbound_at, before, after, &out);
  std::erase_if(out.attributes, [&](const auto& attribute) {
    const auto given = after.attributes.find(attribute.first);
    return before.attributes.count(attribute.first) == 0 && given != after.attributes.end() &&
           given->second == attribute.second;
  });
  std::erase_if(out.tags, [&](const std::string& tag) {
    return Has(after.tags, tag) && !Has(before.tags, tag);
  });
  return out;
}

}  // namespace kabar::contacts
