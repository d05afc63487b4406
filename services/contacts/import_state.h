// One import as the store keeps it, from its first chunk to its end.
//
// Thread safety: plain values. Nothing blocks, nothing fails.
#ifndef KABAR_SERVICES_CONTACTS_IMPORT_STATE_H_
#define KABAR_SERVICES_CONTACTS_IMPORT_STATE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "services/contacts/importer.h"

namespace kabar::contacts {

// kRunning -> kCompleted, kCancelled, or kStopped, which goes on (kRunning) with the same file.
enum class ImportState { kRunning, kStopped, kCompleted, kCancelled };

struct ImportRecord {
  std::string id = {};
  std::string request_id = {};  // may be empty: then nobody can go on with it
  ImportState state = ImportState::kRunning;
  ImportProgress progress = {};  // of what is in the store
  std::string error = {};        // of kStopped, kCancelled
  absl::Time created_at = {};
  absl::Time updated_at = {};
};

// A stream's right to write an import, until another stream takes it up or somebody cancels it.
struct ImportTurn {
  std::string id = {};
  int64_t holder = 0;
  ImportSoFar done = {};  // by streams before
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORT_STATE_H_
