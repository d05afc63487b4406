#include "services/dispatcher/stored_parts.h"

#include "absl/time/time.h"
#include "libs/log/log.h"

namespace kabar::dispatcher {

Parts PartsFromProto(const content::v1::Parts& from) {
  Parts to{.header_kind = static_cast<HeaderKind>(from.header_kind()),
           .header_text = from.header_text(),
           .media_link = from.media_link(),
           .filename = from.filename(),
           .latitude = from.latitude(),
           .longitude = from.longitude(),
           .location_name = from.location_name(),
           .location_address = from.location_address(),
           .footer = from.footer()};
  for (const auto& button : from.buttons()) {
    to.buttons.push_back({.title = button.title(), .answer = button.answer(), .url = button.url()});
  }
  return to;
}

void ToProto(const Parts& from, content::v1::Parts* to) {
  to->set_header_kind(static_cast<content::v1::Parts::HeaderKind>(from.header_kind));
  to->set_header_text(from.header_text);
  to->set_media_link(from.media_link);
  to->set_filename(from.filename);
  to->set_latitude(from.latitude);
  to->set_longitude(from.longitude);
  to->set_location_name(from.location_name);
  to->set_location_address(from.location_address);
  to->set_footer(from.footer);
  for (const Button& button : from.buttons) {
    auto* added = to->add_buttons();
    added->set_title(button.title);
    added->set_answer(button.answer);
    added->set_url(button.url);
  }
}

void FormRestFromProto(const v1::ProviderForm& from, ProviderForm* to) {
  to->parameter_names.assign(from.parameter_names().begin(), from.parameter_names().end());
  to->header_parameters.assign(from.header_parameters().begin(), from.header_parameters().end());
  to->links.insert(from.links().begin(), from.links().end());
  to->replies.insert(from.replies().begin(), from.replies().end());
  to->with_header = from.with_header();
}

void FormRestToProto(const ProviderForm& from, v1::ProviderForm* to) {
  for (const std::string& name : from.parameter_names) to->add_parameter_names(name);
  for (const std::string& one : from.header_parameters) to->add_header_parameters(one);
  to->mutable_links()->insert(from.links.begin(), from.links.end());
  to->mutable_replies()->insert(from.replies.begin(), from.replies.end());
  to->set_with_header(from.with_header);
}

std::string EncodeParts(const Parts& parts, const ProviderForm& form) {
  if (parts == Parts() && !form.has_rest()) return "";
  v1::StoredParts stored;
  ToProto(parts, stored.mutable_parts());
  FormRestToProto(form, stored.mutable_form());
  return stored.SerializeAsString();
}

void DecodeParts(const std::string& bytes, Parts* parts, ProviderForm* form) {
  if (bytes.empty()) return;
  v1::StoredParts stored;
  if (!stored.ParseFromString(bytes)) {
    static log::Throttle throttle(absl::Seconds(10));
    log::Error(throttle, "stored header and buttons of a message cannot be read: left out", {});
    return;
  }
  *parts = PartsFromProto(stored.parts());
  FormRestFromProto(stored.form(), form);
}

}  // namespace kabar::dispatcher
