// Between an importer and the store: writes its chunks, each with the import's figures in one
// transaction, and says why an import stopped. Two chunks are written at once, on two connections,
// if the importer hands them over so, they are about different people and parcels, and no other
// import of the outlet waits; the later one is committed behind the earlier one.
//
// Thread safety: free functions; the writer is called by one importer, for two chunks at once at
// most. Blocks: until other imports
// of the outlet have written their chunks, then on the store, 30 s a chunk at most. Errors: those
// of store.h.
#ifndef KABAR_SERVICES_CONTACTS_IMPORT_WRITER_H_
#define KABAR_SERVICES_CONTACTS_IMPORT_WRITER_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "services/contacts/import_state.h"
#include "services/contacts/importer.h"
#include "services/contacts/store.h"

namespace kabar::contacts {

// What ImportOptions::chunks_at_once may be.
inline constexpr std::size_t kChunksAtOnce = 2;

// What else a chunk says, in its transaction, behind all chunks before.
using AlsoNote = std::function<absl::Status(Store::Unit& unit, const FileChunk& chunk)>;

// `store` outlives the writer.
Importer::WriteChunk WriteChunksTo(Store& store, const std::string& outlet, const ImportTurn& turn,
                                   AlsoNote also = nullptr);

// As well as it can: without a database the import stands as it was, and can be gone on with too.
void NoteStopped(Store& store, const std::string& outlet, const ImportTurn& turn,
                 const absl::Status& why);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORT_WRITER_H_
