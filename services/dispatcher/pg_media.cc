#include "services/dispatcher/pg_media.h"

#include <map>
#include <pqxx/result>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr int kMaxMedia = 200;  // 3 GB

constexpr pg::Query kLockMedium{"dispatcher.lock_medium",
                                "SELECT mime_type, sha256 FROM media WHERE outlet_id = $1"
                                " AND name = $2 FOR UPDATE"};
constexpr pg::Query kPutMedium{
    "dispatcher.put_medium",
    "INSERT INTO media (outlet_id, name, mime_type, sha256, size, bytes)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (outlet_id, name) DO UPDATE SET"
    " mime_type = excluded.mime_type, sha256 = excluded.sha256, size = excluded.size,"
    " bytes = excluded.bytes, updated_at = now()"};
constexpr pg::Query kForgetIds{
    "dispatcher.forget_medium_ids",
    "UPDATE media_uploads SET provider_id = '', tries = 0, error = '', next_try = now()"
    " WHERE outlet_id = $1 AND name = $2"};
// Of a medium, and of a number, that people have mended.
constexpr pg::Query kTryAgain{"dispatcher.try_upload_again",
                              "UPDATE media_uploads SET tries = 0, next_try = now()"
                              " WHERE outlet_id = $1 AND name = $2 AND provider_id = ''"
                              " AND error <> ''"};
constexpr pg::Query kTrySenderAgain{"dispatcher.try_senders_uploads_again",
                                    "UPDATE media_uploads SET tries = 0, next_try = now()"
                                    " WHERE sender_id = $1 AND provider_id = '' AND error <> ''"};
constexpr pg::Query kCountMedia{"dispatcher.count_media",
                                "SELECT count(*) FROM media WHERE outlet_id = $1"};
#define KABAR_MEDIUM_QUERY \
  "SELECT name, mime_type, sha256, size, created_at, updated_at FROM media WHERE outlet_id = $1"
constexpr pg::Query kGetMedium{"dispatcher.get_medium", KABAR_MEDIUM_QUERY " AND name = $2"};
constexpr pg::Query kListMedia{"dispatcher.list_media",
                               KABAR_MEDIUM_QUERY " AND name > $2 ORDER BY name LIMIT $3::bigint"};
constexpr pg::Query kUploadsOf{
    "dispatcher.uploads_of_media",
    "SELECT name, sender_id, provider_id, uploaded_at, error FROM media_uploads"
    " WHERE outlet_id = $1 AND name = ANY($2::text[]) ORDER BY name, sender_id"};
constexpr pg::Query kUsedOfLate{"dispatcher.medium_used_of_late",
                                "SELECT 1 FROM media_uploads WHERE outlet_id = $1 AND name = $2"
                                " AND used_at > now() - interval '24 hours' LIMIT 1"};
constexpr pg::Query kDeleteMedium{"dispatcher.delete_medium",
                                  "DELETE FROM media WHERE outlet_id = $1 AND name = $2"};

constexpr pg::Query kWantMedia{"dispatcher.want_media",
                               "INSERT INTO media_uploads AS u (sender_id, name, outlet_id)"
                               " SELECT $1, n, $2 FROM unnest($3::text[]) AS n ORDER BY n"
                               " ON CONFLICT (sender_id, name) DO UPDATE SET used_at = now()"
                               " WHERE u.used_at < now() - interval '1 hour'"};
constexpr pg::Query kForgetId{
    "dispatcher.forget_medium_id",
    "UPDATE media_uploads SET provider_id = '', tries = 0, next_try = now()"
    " WHERE sender_id = $1 AND provider_id = $2"};

// A try that is under way has next_try in the future: its lease. An id is good for 30 days; it is
// renewed when 27 are over, as long as somebody uses it.
constexpr pg::Query kTakeWanted{
    "dispatcher.take_wanted_upload",
    "WITH w AS (SELECT u.sender_id, u.name, m.mime_type, m.sha256, m.bytes FROM media_uploads u"
    "   JOIN media m ON m.outlet_id = u.outlet_id AND m.name = u.name"
    "   JOIN senders s ON s.id = u.sender_id AND s.state = 1"
    "  WHERE u.next_try <= now() AND u.used_at > now() - interval '30 days'"
    "    AND (u.provider_id = '' OR u.uploaded_at < now() - interval '27 days')"
    "  ORDER BY u.next_try LIMIT 1 FOR UPDATE OF u SKIP LOCKED)"
    " UPDATE media_uploads u SET tries = u.tries + 1,"
    "   next_try = now() + $1::bigint * interval '1 millisecond'"
    " FROM w WHERE u.sender_id = w.sender_id AND u.name = w.name"
    " RETURNING u.outlet_id, u.sender_id, u.name, w.mime_type, w.sha256, w.bytes, u.tries"};
constexpr pg::Query kShareMedium{
    "dispatcher.share_medium",
    "SELECT sha256, mime_type FROM media WHERE outlet_id = $1 AND name = $2"
    " FOR SHARE"};
constexpr pg::Query kNoteUploaded{
    "dispatcher.note_uploaded",
    "UPDATE media_uploads SET provider_id = $3, uploaded_at = now(), tries = 0, error = '',"
    "   next_try = now() WHERE sender_id = $1 AND name = $2"};
constexpr pg::Query kNoteUploadFailed{
    "dispatcher.note_upload_failed",
    "UPDATE media_uploads SET error = $3, next_try = now() + $4::bigint * interval '1 millisecond'"
    " WHERE sender_id = $1 AND name = $2 AND tries > 0"};

audit::Fields FieldsOf(const std::string& mime_type, const std::string& sha256) {
  return {{"mime_type", mime_type}, {"sha256", base::HexEncode(sha256)}};
}

absl::Status MediumNotFound(const std::string& name) {
  return base::WithMeta(base::Error(absl::StatusCode::kNotFound, "MEDIUM_NOT_FOUND",
                                    "there is no such medium; `kabarctl media list` names all"),
                        "medium", name);
}

// The rows of kGetMedium or kListMedia, with their uploads.
std::vector<Medium> ReadMedia(pg::Transaction& tx, const std::string& outlet,
                              const pqxx::result& rows) {
  std::vector<Medium> media;
  std::vector<std::string> names;
  for (const pqxx::row& row : rows) {
    media.push_back({.outlet_id = outlet,
                     .name = pg::TextField(row[0]),
                     .mime_type = pg::TextField(row[1]),
                     .sha256 = pg::BytesField(row[2]),
                     .size = row[3].as<std::int64_t>(),
                     .create_time = pg::TimeField(row[4]),
                     .update_time = pg::TimeField(row[5])});
    names.push_back(media.back().name);
  }
  std::map<std::string, Medium*> by_name;
  for (Medium& medium : media) by_name[medium.name] = &medium;
  for (const pqxx::row& row : tx.Exec(kUploadsOf, outlet, pg::TextArray(names))) {
    by_name.at(pg::TextField(row[0]))
        ->uploads.push_back({.sender_id = pg::TextField(row[1]),
                             .provider_id = pg::TextField(row[2]),
                             .uploaded_at = pg::OptTimeField(row[3]),
                             .error = pg::TextField(row[4])});
  }
  return media;
}

absl::Status ReadMedium(pg::Transaction& tx, const std::string& outlet, const std::string& name,
                        Medium* medium) {
  const std::vector<Medium> media = ReadMedia(tx, outlet, tx.Exec(kGetMedium, outlet, name));
  if (media.empty()) return MediumNotFound(name);
  *medium = media.front();
  return absl::OkStatus();
}

}  // namespace

void TryUploadsAgain(pg::Transaction& tx, const std::string& sender_id) {
  tx.Exec(kTrySenderAgain, sender_id);
}

void WantMedia(pg::Transaction& tx, const std::string& outlet, const std::string& sender_id,
               const std::set<std::string>& names) {
  if (names.empty()) return;
  tx.Exec(kWantMedia, sender_id, outlet,
          pg::TextArray(std::vector<std::string>(names.begin(), names.end())));
}

void ForgetMediumId(pg::Transaction& tx, const std::string& sender_id,
                    const std::string& provider_id) {
  tx.Exec(kForgetId, sender_id, provider_id);
}

absl::StatusOr<Medium> PgStore::PutMedium(const Medium& medium, const std::string& bytes,
                                          const RequestKey& request, absl::Time deadline) {
  Medium kept;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "PutMedium", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const auto answered,
                               ReserveRequest(tx, medium.outlet_id, request.request_id,
                                              request.method, request.fingerprint));
        if (answered) return ReadMedium(tx, medium.outlet_id, medium.name, &kept);
        const auto before = tx.ExecMaybe(kLockMedium, medium.outlet_id, medium.name);
        const bool same = before && pg::BytesField((*before)[1]) == medium.sha256 &&
                          pg::TextField((*before)[0]) == medium.mime_type;
        if (!before && tx.ExecOne(kCountMedia, medium.outlet_id)[0].as<int>() >= kMaxMedia) {
          return base::Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_MEDIA",
                             absl::StrCat("an outlet keeps at most ", kMaxMedia,
                                          " media; delete those that nobody needs"));
        }
        if (same) {
          tx.Exec(kTryAgain, medium.outlet_id, medium.name);
        } else {
          tx.Exec(kPutMedium, medium.outlet_id, medium.name, medium.mime_type,
                  pg::Bytes(medium.sha256), medium.size, pg::Bytes(bytes));
          tx.Exec(kForgetIds, medium.outlet_id, medium.name);
          audit::Append(tx, request.by,
                        {.outlet = medium.outlet_id,
                         .action = "UploadMedia",
                         .target = "medium/" + medium.name,
                         .before = before ? FieldsOf(pg::TextField((*before)[0]),
                                                     pg::BytesField((*before)[1]))
                                          : audit::Fields(),
                         .after = FieldsOf(medium.mime_type, medium.sha256)});
        }
        SaveAnswer(tx, medium.outlet_id, request.request_id, medium.name);
        return ReadMedium(tx, medium.outlet_id, medium.name, &kept);
      }));
  return kept;
}

absl::StatusOr<std::vector<Medium>> PgStore::ListMedia(const std::string& outlet,
                                                       const std::string& after, int limit,
                                                       absl::Time deadline) {
  std::vector<Medium> media;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ListMedia", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       media = ReadMedia(tx, outlet,
                                                         tx.Exec(kListMedia, outlet, after, limit));
                                       return absl::OkStatus();
                                     }));
  return media;
}

absl::Status PgStore::DeleteMedium(const std::string& outlet, const std::string& name,
                                   const RequestKey& request, absl::Time deadline) {
  return pg::Transact(
      pool_, "DeleteMedium", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(
            const auto answered,
            ReserveRequest(tx, outlet, request.request_id, request.method, request.fingerprint));
        if (answered) return absl::OkStatus();
        const auto before = tx.ExecMaybe(kLockMedium, outlet, name);
        if (!before) return MediumNotFound(name);
        if (tx.ExecMaybe(kUsedOfLate, outlet, name)) {
          return base::WithMeta(
              base::Error(absl::StatusCode::kFailedPrecondition, "MEDIUM_IN_USE",
                          "messages with this medium were handed over within the last 24 hours and "
                          "may wait for it: delete it a day after the last, or upload other bytes "
                          "under its name"),
              "medium", name);
        }
        tx.Exec(kDeleteMedium, outlet, name);
        tx.Exec(kForgetIds, outlet, name);
        audit::Append(
            tx, request.by,
            {.outlet = outlet,
             .action = "DeleteMedia",
             .target = "medium/" + name,
             .before = FieldsOf(pg::TextField((*before)[0]), pg::BytesField((*before)[1]))});
        SaveAnswer(tx, outlet, request.request_id, name);
        return absl::OkStatus();
      });
}

absl::StatusOr<std::optional<WantedUpload>> PgStore::TakeWantedUpload(absl::Duration lease,
                                                                      absl::Time deadline) {
  std::optional<WantedUpload> wanted;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "TakeWantedUpload", {.deadline = deadline}, [&](pg::Transaction& tx) -> absl::Status {
        wanted.reset();
        const auto row = tx.ExecMaybe(kTakeWanted, absl::ToInt64Milliseconds(lease));
        if (!row) return absl::OkStatus();
        wanted = WantedUpload{.outlet_id = pg::TextField((*row)[0]),
                              .sender_id = pg::TextField((*row)[1]),
                              .name = pg::TextField((*row)[2]),
                              .mime_type = pg::TextField((*row)[3]),
                              .sha256 = pg::BytesField((*row)[4]),
                              .bytes = pg::BytesField((*row)[5]),
                              .tries = (*row)[6].as<std::int32_t>()};
        return absl::OkStatus();
      }));
  return wanted;
}

absl::Status PgStore::NoteUploaded(const WantedUpload& upload, const std::string& provider_id,
                                   absl::Time deadline) {
  return pg::Transact(
      pool_, "NoteUploaded", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        // Nobody gives it other bytes from here on.
        const auto medium = tx.ExecMaybe(kShareMedium, upload.outlet_id, upload.name);
        const bool same = medium && pg::BytesField((*medium)[0]) == upload.sha256 &&
                          pg::TextField((*medium)[1]) == upload.mime_type;
        tx.Exec(kNoteUploaded, upload.sender_id, upload.name, same ? provider_id : "");
        return absl::OkStatus();
      });
}

absl::Status PgStore::NoteUploadFailed(const WantedUpload& upload, const std::string& error,
                                       absl::Duration wait, absl::Time deadline) {
  return pg::Transact(pool_, "NoteUploadFailed", {.deadline = deadline, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        tx.Exec(kNoteUploadFailed, upload.sender_id, upload.name, error,
                                absl::ToInt64Milliseconds(wait));
                        return absl::OkStatus();
                      });
}

}  // namespace kabar::dispatcher
