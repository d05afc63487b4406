// One chunk of a file among those around it. Two of them may be under way at once, each in a
// transaction of its own, if they name different people and parcels; the later one is committed
// behind the earlier one, or not at all.
//
// Thread safety: safe for concurrent use; its writer tells, the writer of the next chunk asks.
// Blocks: AwaitUnderWay until the chunk is under way or over, AwaitOver until it is over. Nothing
// fails.
#ifndef KABAR_SERVICES_CONTACTS_CHUNK_PLACE_H_
#define KABAR_SERVICES_CONTACTS_CHUNK_PLACE_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "services/contacts/import_chunk.h"

namespace kabar::contacts {

class ChunkPlace {
 public:
  // By its writer, in this order. Under way: it holds the locks that others may wait for, and these
  // of its people are in the store already. Once more when it looked again.
  void SetChunk(std::shared_ptr<const ImportChunk> chunk);
  void SetUnderWay(const std::vector<std::string>& known_people);
  void SetOver(bool written);

  // False: it is over.
  bool AwaitUnderWay() const;
  // Whether it was written.
  bool AwaitOver() const;
  // Whether nothing in the other chunk can be the same as in this one, as far as the file tells:
  // no phone, no tracking number. BSUIDs may be anybody's.
  bool Apart(const ImportChunk& other) const;
  // Whether this chunk is about one of these contacts: by another phone, that is.
  bool IsAbout(const std::vector<std::string>& contacts) const;

 private:
  enum class State { kAhead, kUnderWay, kWritten, kFailed };

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  State state_ = State::kAhead;
  std::shared_ptr<const ImportChunk> chunk_;
  absl::flat_hash_set<std::string> people_;
};

// Where a chunk stands as the store sees it. The names are those of locks: whoever writes a chunk
// holds its own until its transaction ends.
struct ChunkOrder {
  std::string name = {};
  ChunkPlace* place = nullptr;
  std::string name_ahead = {};  // of a chunk that may still be under way; empty: none is
  const ChunkPlace* place_ahead = nullptr;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_CHUNK_PLACE_H_
