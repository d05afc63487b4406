// Media that were uploaded: each belongs to the number that uploaded it and ends after 30 days.
//
// Their bytes are not kept, only what tells them apart. Not thread-safe (the loop's thread), never
// blocks. Errors: the Graph error to answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/graph_errors.h"

namespace kabar::cloudsim {

struct Medium {
  uint32_t number = 0;
  std::string mime_type;
  std::string filename;
  std::string sha256;  // hex
  size_t bytes = 0;
  int64_t until_us = 0;
  uint64_t sends = 0;  // accepted messages with it
};

class Media {
 public:
  // Reads a multipart upload of `number`. False: `*error` is the refusal.
  bool Upload(uint32_t number, absl::string_view content_type, absl::string_view body,
              int64_t now_us, std::string* id, GraphError* error);

  // Null: never was, ended, or deleted.
  Medium* Find(absl::string_view id, int64_t now_us);
  bool Delete(absl::string_view id) { return media_.erase(std::string(id)) > 0; }

  // All that were uploaded and not deleted.
  const std::map<std::string, Medium>& all() const { return media_; }

 private:
  std::map<std::string, Medium> media_;
  uint64_t serial_ = 0;
};

}  // namespace kabar::cloudsim
