// Reads the body of POST /{phone_number_id}/messages: all kinds, checked as the Cloud API does.
//
// One reader, reused for every request; what it returns views the request's bytes or the reader's
// own memory until the next call. Not thread-safe, never blocks. Errors: the Graph error to answer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/graph_errors.h"
#include "tools/cloudsim/record.h"
#include "tools/cloudsim/templates.h"

namespace kabar::cloudsim {

struct ReplyButton {
  absl::string_view id;     // or payload
  absl::string_view title;  // or text
};

struct Outgoing {
  MessageKind kind = MessageKind::kText;
  absl::string_view input;  // as the caller wrote it
  std::string phone;        // its digits; empty when addressed by BSUID
  absl::string_view user_id;
  absl::string_view callback;
  absl::string_view context_id;
  absl::string_view media_id;    // of an uploaded medium, wherever it stands
  absl::string_view media_kind;  // "image"
  absl::string_view body;        // not for templates: those are expanded by the caller
  absl::string_view template_name;
  absl::string_view template_language;
  TemplateArguments arguments;
  std::string header;  // interactive messages only
  std::string footer;
  std::vector<ReplyButton> buttons;  // reply buttons or list rows
  bool is_list = false;
  bool is_link = false;  // the one button opens an address
};

class MessageReader {
 public:
  MessageReader();
  ~MessageReader();
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  // `body` must have 64 readable bytes behind it. False: `*error` is the refusal; what was
  // understood until then (recipient, callback data) is in `*message` for the record.
  bool Read(absl::string_view body, Outgoing* message, GraphError* error);

 private:
  struct Parser;
  const std::unique_ptr<Parser> parser_;
};

}  // namespace kabar::cloudsim
