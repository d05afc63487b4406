// Between an importer and the store: writes its chunks, each with the import's figures in one
// transaction, and says why an import stopped.
//
// Thread safety: free functions; the writer is called by one importer. Blocks: until other imports
// of the outlet have written their chunks, then on the store, 30 s a chunk at most. Errors: those
// of store.h.
#ifndef KABAR_SERVICES_CONTACTS_IMPORT_WRITER_H_
#define KABAR_SERVICES_CONTACTS_IMPORT_WRITER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "services/contacts/import_state.h"
#include "services/contacts/importer.h"
#include "services/contacts/store.h"

namespace kabar::contacts {

// What else a chunk says, in its transaction.
using AlsoNote = std::function<absl::Status(Store::Unit& unit, const FileChunk& chunk)>;

// `store` outlives the writer.
Importer::WriteChunk WriteChunksTo(Store& store, const std::string& outlet, const ImportTurn& turn,
                                   AlsoNote also = nullptr);

// As well as it can: without a database the import stands as it was, and can be gone on with too.
void NoteStopped(Store& store, const std::string& outlet, const ImportTurn& turn,
                 const absl::Status& why);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORT_WRITER_H_
