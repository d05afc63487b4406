#include "services/contacts/import_writer.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "services/contacts/import_chunk.h"
#include "services/contacts/import_turns.h"

namespace kabar::contacts {
namespace {

constexpr absl::Duration kChunkTimeout = absl::Seconds(30);
constexpr absl::Duration kNoteTimeout = absl::Seconds(5);

class ChunkWriter {
 public:
  ChunkWriter(Store& store, const std::string& outlet, const ImportTurn& turn, AlsoNote also)
      : store_(store),
        outlet_(outlet),
        turn_{.id = turn.id, .holder = turn.holder},
        stream_(absl::StrCat(turn.id, " ", turn.holder)),
        also_(std::move(also)) {}

  absl::StatusOr<ChunkCounts> Write(FileChunk& chunk) const {
    const auto merged = std::make_shared<const ImportChunk>(MergeRows(absl::MakeSpan(chunk.rows)));
    chunk.place->SetChunk(merged);
    // Its locks come behind those of the chunk ahead.
    const bool apart = chunk.ahead && chunk.ahead->AwaitUnderWay() && chunk.ahead->Apart(*merged);
    if (chunk.ahead && !apart && !chunk.ahead->AwaitOver()) return NotWritten();
    const ImportTurns::Turn my_turn(ImportTurns::Instance(), outlet_, stream_, apart);
    if (my_turn.beside()) {
      absl::StatusOr<ChunkCounts> counts = TryWrite(chunk, *merged, /*beside=*/true);
      // In each other's way after all: an API call in between, a chunk ahead that was tried again.
      const bool again =
          absl::IsAborted(counts.status()) || absl::IsDeadlineExceeded(counts.status()) ||
          absl::IsResourceExhausted(counts.status());  // no connection for the second one
      if (!again || base::GetReason(counts.status()) == "IMPORT_TAKEN_OVER") return counts;
    }
    if (chunk.ahead && !chunk.ahead->AwaitOver()) return NotWritten();
    return TryWrite(chunk, *merged, /*beside=*/false);
  }

 private:
  // Nobody hears it: the chunk ahead has the reason.
  static absl::Status NotWritten() { return absl::AbortedError("the chunk ahead was not written"); }

  std::string Name(int64_t behind) const { return absl::StrCat(stream_, " ", behind); }

  absl::StatusOr<ChunkCounts> TryWrite(const FileChunk& chunk, const ImportChunk& merged,
                                       bool beside) const {
    ChunkOrder order{.name = Name(chunk.behind), .place = chunk.place.get()};
    if (beside) {
      order.name_ahead = Name(chunk.ahead_behind);
      order.place_ahead = chunk.ahead.get();
    }
    ChunkCounts counts;
    const absl::Status written =
        store_.Write(outlet_, "ImportChunk", absl::Now() + kChunkTimeout,
                     [&](Store::Unit& unit) -> absl::Status {
                       KABAR_ASSIGN_OR_RETURN(counts, unit.Import(merged, order));
                       KABAR_RETURN_IF_ERROR(unit.NoteChunk(turn_, chunk, counts));
                       return also_ ? also_(unit, chunk) : absl::OkStatus();
                     });
    if (!written.ok()) return written;
    return counts;
  }

  Store& store_;
  const std::string outlet_;
  const ImportTurn turn_;
  const std::string stream_;
  const AlsoNote also_;
};

}  // namespace

Importer::WriteChunk WriteChunksTo(Store& store, const std::string& outlet, const ImportTurn& turn,
                                   AlsoNote also) {
  const auto writer = std::make_shared<const ChunkWriter>(store, outlet, turn, std::move(also));
  return [writer](FileChunk& chunk) { return writer->Write(chunk); };
}

void NoteStopped(Store& store, const std::string& outlet, const ImportTurn& turn,
                 const absl::Status& why) {
  const absl::Status noted = store.Write(
      outlet, "StopImport", absl::Now() + kNoteTimeout, [&](Store::Unit& unit) -> absl::Status {
        return unit.EndImport(turn, ImportState::kStopped, std::string(why.message()),
                              std::nullopt);
      });
  // Cancelled or taken over: it has its state from there.
  const bool over = absl::IsCancelled(noted) || absl::IsAborted(noted);
  if (!noted.ok() && !over) {
    log::Warn("an import's end could not be noted", {{"import", turn.id}, {"error", noted}});
  }
}

}  // namespace kabar::contacts
