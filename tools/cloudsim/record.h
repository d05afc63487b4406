// The exact record: every message accepted, every request refused, and when each began.
//
// Compact (about 60 bytes and the text a message; a million fit well within 1 GB). In summary mode
// only counters, hashes and start times are kept. Message ids have Meta's shape and hold the
// entry's number, so that a quoted id finds its entry without an index.
// Not thread-safe (the loop's thread owns it). Blocks: on the record file, if there is one (one
// write() per entry into the page cache, before the answer goes out, so that it survives a kill).
// Errors: OpenFile() says what could not be opened or read back.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/cloudsim/scenario.h"

namespace kabar::cloudsim {

enum class MessageKind : uint8_t {
  kText,
  kTemplate,
  kImage,
  kDocument,
  kVideo,
  kAudio,
  kSticker,
  kLocation,
  kContacts,
  kInteractive,
  kReaction,
};
inline constexpr int kMessageKinds = static_cast<int>(MessageKind::kReaction) + 1;
absl::string_view KindName(MessageKind kind);

enum class AnswerKind : uint8_t { kNone, kYes, kNo, kOther, kStop };
absl::string_view AnswerName(AnswerKind kind);

enum class FinalStatus : uint8_t { kNone, kSent, kDelivered, kRead, kFailed };
absl::string_view FinalStatusName(FinalStatus status);

// Texts that live until the next reset, in chunks that never move.
class TextArena {
 public:
  absl::string_view Add(absl::string_view text);
  void Clear();

 private:
  static constexpr size_t kChunk = 1 << 20;
  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t used_ = kChunk;
};

struct Accepted {
  int64_t start_us = 0;
  uint32_t number = 0;
  uint32_t recipient = 0;
  uint32_t connection = 0;
  uint32_t request_on_connection = 0;
  MessageKind kind = MessageKind::kText;
  FaultKind fault = FaultKind::kNone;
  FinalStatus plan = FinalStatus::kNone;  // what the statuses will have said in the end
  AnswerKind answer = AnswerKind::kNone;  // what the customer will answer
  bool seen = false;        // the answer reached the kernel: the caller could have seen it
  bool by_user_id = false;  // addressed by BSUID
  uint16_t failed_code_index = 0;
  int32_t template_index = -1;
  absl::string_view callback;
  absl::string_view body;  // as the customer reads it
};

// What a customer sees around the body, kept only where there is something.
struct Surroundings {
  std::string header;
  std::string footer;
  std::string buttons_json;
};

struct Refused {
  int64_t start_us = 0;
  uint32_t number = 0;
  uint32_t recipient = UINT32_MAX;
  int32_t code = 0;  // Graph code; below 0: an HTTP status without one, or a fault
  FaultKind fault = FaultKind::kNone;
  absl::string_view callback;
};

// A request's start, for counting windows.
struct Start {
  int64_t us = 0;
  uint32_t number = 0;
  uint32_t recipient = UINT32_MAX;
  bool accepted = false;
  absl::string_view callback;
};

class Record {
 public:
  explicit Record(bool summary_only);
  ~Record();
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  // Appends to `path` from now on; entries already in it keep their numbers, so that message ids
  // stay unique over a restart.
  absl::Status OpenFile(const std::string& path);

  // The entry's number. `entry`'s texts are copied.
  uint64_t Accept(const Accepted& entry, const Surroundings* around);
  void Refuse(const Refused& entry);
  void MarkSeen(uint64_t number);
  void AppendToFile(absl::string_view line);
  bool has_file() const { return file_ >= 0; }

  std::string MessageId(uint64_t entry, absl::string_view recipient) const;
  std::string InboundId(uint64_t inbound, absl::string_view sender) const;
  // The entry that a message id names; false when this record never gave it out.
  bool FindMessage(absl::string_view message_id, uint64_t* entry) const;

  bool summary_only() const { return summary_only_; }
  uint64_t base() const { return base_; }  // entries of an earlier run, in the file only
  uint64_t accepted() const { return accepted_count_ - base_; }
  uint64_t end() const { return accepted_count_; }
  const Accepted& entry(uint64_t number) const { return entries_[number - base_]; }
  const Surroundings* around(uint64_t number) const;
  const std::deque<Refused>& refused() const { return refused_; }
  // Every request that reached a number, in no particular order.
  template <typename Visit>
  void ForEachStart(const Visit& visit) const {
    for (const Start& start : starts_) visit(start);
    for (const Accepted& e : entries_)
      visit(Start{e.start_us, e.number, e.recipient, true, e.callback});
    for (const Refused& r : refused_) {
      if (r.number != UINT32_MAX)
        visit(Start{r.start_us, r.number, r.recipient, false, r.callback});
    }
  }

  // Brings the three figures up to date; whoever asks pays for it, not the request.
  void Digest();
  uint64_t distinct_messages() const { return messages_.size(); }
  uint64_t distinct_recipients() const { return distinct_recipients_; }
  const std::map<int32_t, uint64_t>& refused_by_code() const { return refused_by_code_; }
  uint64_t fault_count(FaultKind kind) const { return faults_[static_cast<int>(kind)]; }
  uint64_t accepted_of(uint32_t number) const;
  uint64_t refused_of(uint32_t number) const;
  // Independent of order: the same messages with the same texts give the same value.
  uint64_t content_hash() const { return content_hash_; }

  void Reset();

 private:
  void DigestEntry(const Accepted& entry);

  const uint64_t salt_;  // of this run: a restarted simulator repeats no message id
  const bool summary_only_;
  int file_ = -1;
  uint64_t base_ = 0;
  uint64_t accepted_count_ = 0;
  TextArena texts_;
  std::deque<Accepted> entries_;
  absl::flat_hash_map<uint64_t, Surroundings> around_;
  std::deque<Refused> refused_;
  std::deque<Start> starts_;                // summary mode only; else they stand in the entries
  absl::flat_hash_set<uint64_t> messages_;  // hash of the callback data without its attempt
  std::vector<bool> recipients_;            // by index: reached
  uint64_t distinct_recipients_ = 0;
  std::map<int32_t, uint64_t> refused_by_code_;
  std::vector<uint64_t> accepted_by_number_;
  std::vector<uint64_t> refused_by_number_;
  uint64_t faults_[kFaultKinds] = {};
  uint64_t content_hash_ = 0;
  uint64_t digested_ = 0;  // entries whose figures are in
};

// The message's own id in callback data of the form id.attempt.
absl::string_view MessageOfCallback(absl::string_view callback);

}  // namespace kabar::cloudsim
