#include "services/contacts/import_writer.h"

#include <map>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "services/contacts/import_chunk.h"

namespace kabar::contacts {
namespace {

constexpr absl::Duration kChunkTimeout = absl::Seconds(30);
constexpr absl::Duration kNoteTimeout = absl::Seconds(5);

// The imports of an outlet take turns before they take a connection: waiting for each other in the
// database they could hold all of them.
std::mutex& TurnOf(const std::string& outlet) {
  static std::mutex mutex;
  static auto* const turns = new std::map<std::string, std::mutex>();
  const std::lock_guard<std::mutex> lock(mutex);
  return (*turns)[outlet];
}

}  // namespace

Importer::WriteChunk WriteChunksTo(Store& store, const std::string& outlet, const ImportTurn& turn,
                                   AlsoNote also) {
  return [&store, outlet, turn = ImportTurn{.id = turn.id, .holder = turn.holder},
          also = std::move(also)](FileChunk& chunk) -> absl::StatusOr<ChunkCounts> {
    const ImportChunk merged = MergeRows(absl::MakeSpan(chunk.rows));
    const std::lock_guard<std::mutex> my_turn(TurnOf(outlet));
    ChunkCounts counts;
    KABAR_RETURN_IF_ERROR(store.Write(
        outlet, "ImportChunk", absl::Now() + kChunkTimeout, [&](Store::Unit& unit) -> absl::Status {
          KABAR_ASSIGN_OR_RETURN(counts, unit.Import(merged));
          const absl::Status noted = unit.NoteChunk(turn, chunk, counts);
          return noted.ok() && also ? also(unit, chunk) : noted;
        }));
    return counts;
  };
}

void NoteStopped(Store& store, const std::string& outlet, const ImportTurn& turn,
                 const absl::Status& why) {
  const absl::Status noted = store.Write(
      outlet, "StopImport", absl::Now() + kNoteTimeout, [&](Store::Unit& unit) -> absl::Status {
        return unit.EndImport(turn, ImportState::kStopped, std::string(why.message()));
      });
  // Cancelled or taken over: it has its state from there.
  const bool over = absl::IsCancelled(noted) || absl::IsAborted(noted);
  if (!noted.ok() && !over) {
    log::Warn("an import's end could not be noted", {{"import", turn.id}, {"error", noted}});
  }
}

}  // namespace kabar::contacts
