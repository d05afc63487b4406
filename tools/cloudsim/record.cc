#include "tools/cloudsim/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/draw.h"

namespace kabar::cloudsim {
namespace {

constexpr absl::string_view kKindNames[kMessageKinds] = {
    "text",    "template", "image",    "document",    "video",   "audio",
    "sticker", "location", "contacts", "interactive", "reaction"};
constexpr absl::string_view kAnswerNames[] = {"none", "yes", "no", "other", "stop"};
constexpr absl::string_view kFinalNames[] = {"none", "sent", "delivered", "read", "failed"};

constexpr absl::string_view kIdPrefix = "wamid.";
// Meta's ids are base64 of a small tagged structure: who, direction, and a number in hexadecimal.
constexpr char kOutbound = 0x11;
constexpr char kInbound = 0x12;

void AppendBase64(const char* bytes, size_t size, std::string* out) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (i + j < size ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    const char text[] = {kAlphabet[group >> 18], kAlphabet[(group >> 12) & 63],
                         i + 1 < size ? kAlphabet[(group >> 6) & 63] : '=',
                         i + 2 < size ? kAlphabet[group & 63] : '='};
    out->append(text, sizeof(text));
  }
}

std::string TaggedId(absl::string_view who, char direction, uint64_t serial, uint64_t salt) {
  constexpr char kHex[] = "0123456789ABCDEF";
  char hex[18];
  for (int i = 0; i < 10; ++i) hex[i] = kHex[(serial >> (4 * (9 - i))) & 15];
  const uint64_t check = Mix(salt ^ serial);
  for (int i = 0; i < 8; ++i) hex[10 + i] = kHex[(check >> (4 * i)) & 15];
  char bytes[64];
  who = who.substr(0, 32);  // a phone has 15 digits at most
  size_t size = 0;
  const auto add = [&](const void* from, size_t count) {
    memcpy(bytes + size, from, count);
    size += count;
  };
  const char open[] = {0x1C, 0x18, static_cast<char>(who.size())};
  const char middle[] = {0x15, 0x02, 0x00, direction, 0x18, 0x12};
  add(open, sizeof(open));
  add(who.data(), who.size());
  add(middle, sizeof(middle));
  add(hex, sizeof(hex));
  add("", 1);
  std::string id;
  id.reserve(kIdPrefix.size() + 4 * (size / 3 + 1));
  id.append(kIdPrefix.data(), kIdPrefix.size());
  AppendBase64(bytes, size, &id);
  return id;
}

void CountBy(uint32_t number, std::vector<uint64_t>* counts) {
  if (number == UINT32_MAX) return;
  if (number >= counts->size()) counts->resize(number + 1);
  ++(*counts)[number];
}

}  // namespace

absl::string_view KindName(MessageKind kind) { return kKindNames[static_cast<int>(kind)]; }
absl::string_view AnswerName(AnswerKind kind) { return kAnswerNames[static_cast<int>(kind)]; }
absl::string_view FinalStatusName(FinalStatus status) {
  return kFinalNames[static_cast<int>(status)];
}

absl::string_view MessageOfCallback(absl::string_view callback) {
  const size_t dot = callback.rfind('.');
  if (dot == absl::string_view::npos || dot + 1 == callback.size()) return callback;
  for (const char c : callback.substr(dot + 1)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return callback;
  }
  return callback.substr(0, dot);
}

absl::string_view TextArena::Add(absl::string_view text) {
  if (text.empty()) return {};
  if (text.size() > kChunk) {
    // A text of its own, placed before the open chunk.
    std::unique_ptr<char[]> own(new char[text.size()]);
    memcpy(own.get(), text.data(), text.size());
    const absl::string_view kept(own.get(), text.size());
    chunks_.insert(chunks_.empty() ? chunks_.end() : chunks_.end() - 1, std::move(own));
    return kept;
  }
  if (used_ + text.size() > kChunk) {
    chunks_.emplace_back(new char[kChunk]);
    used_ = 0;
  }
  char* const place = chunks_.back().get() + used_;
  memcpy(place, text.data(), text.size());
  used_ += text.size();
  return {place, text.size()};
}

void TextArena::Clear() {
  chunks_.clear();
  used_ = kChunk;
}

Record::Record(bool summary_only)
    : salt_(Mix(static_cast<uint64_t>(NowUs()) ^ (static_cast<uint64_t>(getpid()) << 48))),
      summary_only_(summary_only) {}

Record::~Record() {
  if (file_ >= 0) close(file_);
}

absl::Status Record::OpenFile(const std::string& path) {
  file_ = open(path.c_str(), O_CREAT | O_APPEND | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0) {
    return absl::UnavailableError(absl::StrCat("cannot open the record file ", path, ": ",
                                               strerror(errno), "; choose another --record-file"));
  }
  // Count the accepted entries of earlier runs: their numbers are taken.
  std::string block(1 << 16, '\0');
  std::string line;
  for (ssize_t got = 0; (got = read(file_, block.data(), block.size())) > 0;) {
    for (const char c : absl::string_view(block.data(), static_cast<size_t>(got))) {
      if (c != '\n') {
        line.push_back(c);
        continue;
      }
      if (absl::StartsWith(line, "{\"n\":")) ++base_;
      line.clear();
    }
  }
  accepted_count_ = base_;
  return absl::OkStatus();
}

void Record::AppendToFile(absl::string_view line) {
  // A short write or a full disk must not stop the provider; the record in memory stays exact.
  [[maybe_unused]] const ssize_t written = write(file_, line.data(), line.size());
}

uint64_t Record::Accept(const Accepted& entry, const Surroundings* around) {
  const uint64_t number = accepted_count_++;
  CountBy(entry.number, &accepted_by_number_);
  if (entry.fault != FaultKind::kNone) ++faults_[static_cast<int>(entry.fault)];
  if (summary_only_) {
    starts_.push_back({entry.start_us, entry.number, entry.recipient, true, {}});
    DigestEntry(entry);
    return number;
  }
  Accepted& kept = entries_.emplace_back(entry);
  kept.callback = texts_.Add(entry.callback);
  kept.body = texts_.Add(entry.body);
  if (around != nullptr) around_.emplace(number, *around);
  return number;
}

void Record::Digest() {
  for (; digested_ < entries_.size(); ++digested_) DigestEntry(entries_[digested_]);
}

void Record::DigestEntry(const Accepted& entry) {
  // Without callback data nobody can tell attempts from messages: each counts as its own.
  const uint64_t message =
      entry.callback.empty()
          ? Mix(static_cast<uint64_t>(entry.start_us) ^
                Mix((static_cast<uint64_t>(entry.connection) << 32) | entry.request_on_connection))
          : HashText(MessageOfCallback(entry.callback));
  content_hash_ += Mix(HashText(entry.body) ^ message);
  messages_.insert(message);
  if (entry.recipient >= recipients_.size()) recipients_.resize(entry.recipient + 1024);
  if (recipients_[entry.recipient]) return;
  recipients_[entry.recipient] = true;
  ++distinct_recipients_;
}

void Record::Refuse(const Refused& entry) {
  ++refused_by_code_[entry.code];
  CountBy(entry.number, &refused_by_number_);
  if (entry.fault != FaultKind::kNone) ++faults_[static_cast<int>(entry.fault)];
  if (summary_only_) {
    if (entry.number == UINT32_MAX) return;
    starts_.push_back({entry.start_us, entry.number, entry.recipient, false, {}});
    return;
  }
  Refused& kept = refused_.emplace_back(entry);
  kept.callback = texts_.Add(entry.callback);
}

void Record::MarkSeen(uint64_t number) {
  if (summary_only_ || number < base_ || number - base_ >= entries_.size()) return;
  entries_[number - base_].seen = true;
}

const Surroundings* Record::around(uint64_t number) const {
  const auto found = around_.find(number);
  return found == around_.end() ? nullptr : &found->second;
}

std::string Record::MessageId(uint64_t entry, absl::string_view recipient) const {
  return TaggedId(recipient, kOutbound, entry, salt_);
}

std::string Record::InboundId(uint64_t inbound, absl::string_view sender) const {
  return TaggedId(sender, kInbound, inbound, salt_);
}

bool Record::FindMessage(absl::string_view message_id, uint64_t* entry) const {
  std::string bytes;
  if (!absl::StartsWith(message_id, kIdPrefix) ||
      !absl::Base64Unescape(message_id.substr(kIdPrefix.size()), &bytes) || bytes.size() < 28) {
    return false;
  }
  const absl::string_view serial = absl::string_view(bytes).substr(bytes.size() - 19, 10);
  uint64_t number = 0;
  for (const char c : serial) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
    number = number * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'A' + 10);
  }
  if (number < base_ || number - base_ >= entries_.size()) return false;
  const auto length = static_cast<size_t>(bytes[2]);
  if (length > bytes.size() || MessageId(number, bytes.substr(3, length)) != message_id)
    return false;
  *entry = number;
  return true;
}

uint64_t Record::accepted_of(uint32_t number) const {
  return number < accepted_by_number_.size() ? accepted_by_number_[number] : 0;
}

uint64_t Record::refused_of(uint32_t number) const {
  return number < refused_by_number_.size() ? refused_by_number_[number] : 0;
}

void Record::Reset() {
  // Numbers go on, so that no message id is ever given out twice.
  base_ = accepted_count_;
  entries_.clear();
  around_.clear();
  refused_.clear();
  starts_.clear();
  messages_.clear();
  recipients_.clear();
  distinct_recipients_ = 0;
  digested_ = 0;
  refused_by_code_.clear();
  accepted_by_number_.clear();
  refused_by_number_.clear();
  std::fill(std::begin(faults_), std::end(faults_), 0);
  content_hash_ = 0;
  texts_.Clear();
}

}  // namespace kabar::cloudsim
