// The seam between the service and its database. A Unit is one transaction for one outlet: what it
// reads and writes belongs to that outlet alone, and all its writes, the consent events they cause
// and the record of the request id become visible together or not at all.
//
//   store.Write(outlet, "CreateContact", deadline, [&](Store::Unit& unit) -> absl::Status {
//     KABAR_ASSIGN_OR_RETURN(saved, unit.InsertContact(contact));
//     ...
//   });
//
// Thread safety: a Store is safe for concurrent use; a Unit belongs to the thread of its function.
// Blocks: every call, until the deadline. Errors: those of libs/pg/status.h; NOT_FOUND
// (CONTACT_NOT_FOUND, SHIPMENT_NOT_FOUND, SEGMENT_NOT_FOUND, RUN_NOT_FOUND, SOURCE_NOT_FOUND);
// ALREADY_EXISTS (CONTACT_EXISTS, with the metadata contact_id). The function may run twice after a
// deadlock: it sets its outputs anew each time.
#ifndef KABAR_SERVICES_CONTACTS_STORE_H_
#define KABAR_SERVICES_CONTACTS_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/audit/audit.h"
#include "libs/rpc/idempotency.h"
#include "services/contacts/attribute_type.h"
#include "services/contacts/chunk_place.h"
#include "services/contacts/contact.h"
#include "services/contacts/fact.h"
#include "services/contacts/import_chunk.h"
#include "services/contacts/import_state.h"
#include "services/contacts/segment.h"
#include "services/contacts/source.h"

namespace kabar::contacts {

struct SegmentSize {
  int64_t contacts = 0;
  int64_t shipments = 0;
  int64_t contacts_with_shipments = 0;
};

// How the clauses of a filter narrow it, or widen it where OR joins them.
struct SegmentExplanation {
  struct Clause {
    std::string text;
    int64_t alone = 0;     // contacts that it finds by itself
    int64_t together = 0;  // with all the clauses before it
  };
  int64_t everyone = 0;
  int64_t contacts = 0;
  bool any_of = false;  // OR joins the clauses
  std::vector<Clause> clauses = {};
};

struct AudienceQuery {
  std::string run_id = {};
  int64_t after_ordinal = 0;
  int limit = 0;
  std::vector<int64_t> ordinals = {};    // instead of a page
  std::vector<std::string> fields = {};  // canonical, an alias, or the name of a free attribute
  Purpose purpose = Purpose::kDeliveryUpdates;
  std::vector<std::string> parcel_fields = {};  // of shipments, for kContactParcels
};

// A contact, and which of those merged into him the alias came with that named him now.
struct Recognized {
  Contact contact = {};
  std::string merged_from = {};
};

class Store {
 public:
  class Unit {
   public:
    virtual ~Unit() = default;

    // See libs/rpc/idempotency.h.
    virtual absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
        const std::string& request_id, const rpc::RequestRecord& mine) = 0;
    // Whether the id is reserved; reserves nothing.
    virtual absl::StatusOr<bool> KnowsRequest(const std::string& request_id) = 0;
    virtual absl::Status SaveResponse(const std::string& request_id,
                                      const std::string& response) = 0;

    // Contacts. Ids and times are given by the store.
    virtual absl::StatusOr<Contact> InsertContact(const Contact& contact) = 0;
    virtual absl::StatusOr<Contact> GetContact(const std::string& id) = 0;
    // Those of these that are there.
    virtual absl::StatusOr<std::vector<Contact>> GetContacts(
        const std::vector<std::string>& ids) = 0;
    virtual absl::StatusOr<Activity> GetActivity(const std::string& id) = 0;
    // The contact, locked until the end of the unit.
    virtual absl::StatusOr<Contact> LockContact(const std::string& id) = 0;
    // All fields as given; phone and bsuid replace those before.
    virtual absl::StatusOr<Contact> ReplaceContact(const Contact& contact) = 0;
    virtual absl::Status DeleteContact(const std::string& id) = 0;
    virtual absl::StatusOr<std::vector<Contact>> ListContacts(const SegmentFilter& filter,
                                                              const std::string& after_id,
                                                              int limit) = 0;
    // The contact of this phone or, failing that, bsuid or username; an empty id: none.
    virtual absl::StatusOr<Contact> FindContact(const Contact& wanted) = 0;
    // The same, made of `wanted` where there is none. A new identity beside a known one is added to
    // the contact.
    virtual absl::StatusOr<Contact> FindOrInsertContact(const Contact& wanted) = 0;
    // By the phone alone, and by whose alias: nobody has written from it, so a former one will do.
    virtual absl::StatusOr<Recognized> FindOrInsertByPhone(const Contact& wanted) = 0;
    virtual absl::StatusOr<std::vector<Identity>> ListIdentities(const std::string& contact_id) = 0;

    // Whoever writes, as the provider names him; created if nobody knows him. Two contacts that he
    // shows to be one are merged (README, "Who is who"). `written_to`: the contact of our message
    // that the person had before, as the ledger says; may be empty.
    virtual absl::StatusOr<Recognized> RecognizeSender(const Contact& sender,
                                                       const std::string& written_to) = 0;
    // His phone and bsuid were those of `before` and are those of `after`.
    virtual absl::StatusOr<Recognized> ChangeNumber(const Contact& before, const Contact& after,
                                                    absl::Time at) = 0;
    virtual absl::Status TouchInbound(const Recognized& sender, absl::Time at) = 0;

    // FAILED_PRECONDITION: SAME_CONTACT, CONTACT_DELETED (the survivor). `by` empty: the provider's
    // word.
    virtual absl::StatusOr<Merge> MergeContacts(const std::string& survivor_id,
                                                const std::string& merged_id,
                                                const std::string& reason,
                                                const std::string& by) = 0;
    // FAILED_PRECONDITION: MERGE_UNDONE, MERGE_COVERED (a later merge goes first). NOT_FOUND:
    // MERGE_NOT_FOUND.
    virtual absl::StatusOr<Merge> UndoMerge(const std::string& merge_id, const std::string& by) = 0;
    // Newest first, those with a number below `before` (0: all); of one contact, or of everybody.
    virtual absl::StatusOr<std::vector<Merge>> ListMerges(const std::string& contact_id,
                                                          int64_t before, int limit) = 0;
    // By the two ids, each pair once; `after`: "first second" of the last one seen.
    virtual absl::StatusOr<std::vector<DuplicatePair>> ListDuplicates(const std::string& after,
                                                                      int limit) = 0;

    // What a customer wrote; the same id again changes nothing.
    virtual absl::Status AddInbound(const Recognized& sender, const TimelineEntry& entry) = 0;
    // Newest first, what stands behind `after`.
    virtual absl::StatusOr<std::vector<TimelineEntry>> ListTimeline(
        const std::string& contact_id, const std::optional<TimelinePlace>& after, int limit) = 0;

    // Until the unit ends nobody merges, parts, moves or erases contacts of the outlet (but
    // itself); `alone`: nor does anybody add any. What the unit found of them before may be out of
    // date, what it finds from then on is not. Those who do such a thing below hold it by
    // themselves; ask before, where a look and an act must agree.
    virtual void HoldPeople(bool alone) = 0;

    // Everything of one person goes, but for his opt-outs, as hashes; others are told by an event.
    virtual absl::StatusOr<Erased> EraseContact(const std::string& id) = 0;
    // Whether somebody of the outlet was erased since; whether it was he, by his phone, his BSUID
    // or the id of his contact.
    virtual absl::StatusOr<bool> AnyErasedSince(absl::Time time) = 0;
    virtual absl::StatusOr<bool> ErasedSince(const Contact& who, absl::Time time) = 0;
    // He refused just before he was erased, and it is read only now. Nothing happens if it was not
    // he (by his contact's id alone).
    virtual absl::Status RefuseForErased(const Contact& who,
                                         absl::Span<const Purpose> purposes) = 0;

    // Types of free attributes; those that are not there are texts.
    virtual absl::StatusOr<AttributeKinds> GetAttributeKinds() = 0;
    // kText: none. FAILED_PRECONDITION: ATTRIBUTE_VALUES_MISFIT.
    virtual absl::Status SetAttributeKind(const std::string& name, AttributeKind kind) = 0;

    // What an operator did, in the audit log.
    virtual void Audit(const audit::Actor& by, const audit::Entry& entry) = 0;

    // Shipments. An upsert replaces everything; an empty contact_id keeps the contact.
    virtual absl::StatusOr<Shipment> UpsertShipment(const Shipment& shipment) = 0;
    virtual absl::StatusOr<Shipment> GetShipment(const std::string& id) = 0;
    virtual absl::StatusOr<Shipment> FindShipment(const std::string& tracking_number) = 0;
    virtual absl::StatusOr<std::vector<Shipment>> ListShipments(const SegmentFilter& filter,
                                                                const std::string& after_id,
                                                                int limit) = 0;

    // Of one contact, by id.
    virtual absl::StatusOr<std::vector<Shipment>> ListShipmentsOf(const std::string& contact_id,
                                                                  const std::string& after_id,
                                                                  int limit) = 0;

    // With a chunk ahead of it (`order`) it writes beside that one and returns when that is over.
    virtual absl::StatusOr<ChunkCounts> Import(const ImportChunk& chunk,
                                               const ChunkOrder& order = {}) = 0;

    // A new import, or the one that broke off under this request id (import_state.h). `options`: a
    // digest of what it was asked. FAILED_PRECONDITION (IMPORT_CANCELLED, IMPORT_COMPLETED),
    // INVALID_ARGUMENT (REQUEST_ID_REUSED: other options).
    virtual absl::StatusOr<ImportTurn> BeginImport(const std::string& request_id,
                                                   const std::string& options) = 0;
    // In the transaction that writes the chunk, behind Import. CANCELLED (IMPORT_CANCELLED),
    // ABORTED (IMPORT_TAKEN_OVER; IMPORT_CHUNK_EARLY: the rows before it are not in the store): it
    // must not be written.
    virtual absl::Status NoteChunk(const ImportTurn& turn, const FileChunk& chunk,
                                   const ChunkCounts& counts) = 0;
    // `rows`: how many it must have by now, or it does not end (chunks' commits do not wait for the
    // disk: a crash of PostgreSQL may have taken the last away); nullopt: any. Errors as of
    // NoteChunk.
    virtual absl::Status EndImport(const ImportTurn& turn, ImportState state,
                                   const std::string& error, std::optional<int64_t> rows) = 0;
    // By `id` or, where that is empty, by `request_id`. NOT_FOUND (IMPORT_NOT_FOUND).
    virtual absl::StatusOr<ImportRecord> GetImport(const std::string& id,
                                                   const std::string& request_id) = 0;
    // Newest first, behind `before_id`.
    virtual absl::StatusOr<std::vector<ImportRecord>> ListImports(const std::string& before_id,
                                                                  int limit) = 0;
    virtual absl::Status CancelImport(const std::string& id) = 0;

    // Tracking APIs. What other settings than before begin anew, and end: sources.proto.
    // Its next_at is that of its schedule; one that was due, or had just failed, is due now.
    virtual absl::StatusOr<Source> PutSource(const Source& source, absl::Time now) = 0;
    virtual absl::StatusOr<std::vector<SourceState>> ListSources() = 0;
    virtual absl::Status DeleteSource(const std::string& name) = 0;
    virtual absl::StatusOr<Source> PullSourceNow(const std::string& name, bool from_start,
                                                 absl::Time now) = 0;
    // Newest first, behind `after`.
    virtual absl::StatusOr<std::vector<RefusedRow>> ListRefusedRows(
        const std::string& name, const std::optional<RefusedRow>& after, int limit) = 0;
    // Those of one person, of whatever source.
    virtual absl::StatusOr<std::vector<RefusedRow>> ListRefusedRowsOf(
        const std::string& contact_id) = 0;
    // The pull in hand; ABORTED (SOURCE_CHANGED): it is of no account any more. BeginPull: an
    // import of its own, and the end of one that a dead process left.
    virtual absl::StatusOr<ImportTurn> BeginPull(const DueSource& due) = 0;
    // In the transaction that writes the chunk.
    virtual absl::Status NotePulled(const DueSource& due, const PulledRows& rows) = 0;
    // CANCELLED (IMPORT_CANCELLED): by somebody, meanwhile. FAILED_PRECONDITION
    // (SOURCE_ROWS_REFUSED): no more refused rows can be kept.
    virtual absl::Status EndPull(const DueSource& due, const PullEnd& end) = 0;

    // The consent as it is then. The same state again changes nothing and is no event.
    virtual absl::StatusOr<Consent> SetConsent(const Consent& wanted) = 0;
    // An opt-out of the provider's word about this contact; nobody there: nothing to do.
    virtual absl::Status RefuseMarketing(const std::string& contact_id, absl::Time at) = 0;
    // Every change, newest first, those with a number below `before` (0: all).
    virtual absl::StatusOr<std::vector<Consent>> ListConsents(const std::string& contact_id,
                                                              int64_t before, int limit) = 0;

    virtual absl::Status InsertSegment(const Segment& segment) = 0;
    virtual absl::StatusOr<Segment> GetSegment(const std::string& id) = 0;
    virtual absl::Status ReplaceSegment(const Segment& segment) = 0;
    virtual absl::Status DeleteSegment(const std::string& id) = 0;
    virtual absl::StatusOr<std::vector<Segment>> ListSegments(const std::string& after_id,
                                                              int limit) = 0;
    // Those of this id first, then those of this name without regard to case; two at most.
    virtual absl::StatusOr<std::vector<Segment>> FindSegments(const std::string& name_or_id) = 0;
    // Until the end of the unit nobody else of this outlet comes past here.
    virtual void LockSegments() = 0;
    // Those whose filters may name others.
    virtual absl::StatusOr<std::vector<Segment>> ListSegmentsWithCalls() = 0;
    // `contacts_only`: shipments are not counted.
    virtual absl::StatusOr<SegmentSize> CountSegment(const SegmentFilter& filter,
                                                     bool contacts_only = false) = 0;
    virtual absl::StatusOr<SegmentExplanation> ExplainSegment(const SegmentFilter& filter) = 0;

    // The fact as it stands then: a newer word than this one stays. CONTACT_NOT_FOUND: nothing is
    // kept, tell it again once the contact is known.
    virtual absl::StatusOr<Fact> RecordFact(const Fact& fact) = 0;
    // The one of this kind, source and reference.
    virtual absl::StatusOr<std::optional<Fact>> FindFact(const Fact& fact) = 0;
    // By kind, source and reference, behind `after`.
    virtual absl::StatusOr<std::vector<Fact>> ListFacts(const std::string& contact_id,
                                                        const std::optional<Fact>& after,
                                                        int limit) = 0;
    virtual absl::StatusOr<MarketingSuppressions> GetMarketingSuppressions() = 0;
    virtual absl::Status SetMarketingSuppressions(const MarketingSuppressions& wanted) = 0;

    // Writes the audience unless the run has one; as it is either way.
    virtual absl::StatusOr<Audience> CreateAudience(const std::string& run_id, Subject subject,
                                                    const SegmentFilter& filter,
                                                    bool temporary = false) = 0;
    virtual absl::StatusOr<Audience> GetAudience(const std::string& run_id) = 0;
    // A temporary one, if there is one; its members go with the next sweep.
    virtual absl::Status DeleteAudience(const std::string& run_id) = 0;
    virtual absl::StatusOr<std::vector<AudienceMember>> ListAudience(
        const AudienceQuery& query) = 0;
  };

  using Work = absl::FunctionRef<absl::Status(Unit&)>;

  virtual ~Store() = default;
  virtual absl::Status Write(const std::string& outlet, absl::string_view operation,
                             absl::Time deadline, Work work) = 0;
  virtual absl::Status Read(const std::string& outlet, absl::string_view operation,
                            absl::Time deadline, Work work) = 0;

  // Forgets up to `limit` request ids reserved before `time`; how many.
  virtual absl::StatusOr<int64_t> ForgetRequests(absl::Time time, int limit,
                                                 absl::Time deadline) = 0;
  // Gives up imports that stopped before `time`, and what is kept to go on with them: up to
  // `limit`; how many.
  virtual absl::StatusOr<int64_t> GiveUpImports(absl::Time time, int limit,
                                                absl::Time deadline) = 0;
  // Leases a source whose time has come, of an outlet of which none is pulled. nullopt: there is
  // none.
  virtual absl::StatusOr<std::optional<DueSource>> LeaseSource(absl::Time now, absl::Time until,
                                                               absl::Time deadline) = 0;
  // ABORTED (SOURCE_CHANGED): it was changed, or deleted, or another process pulls it.
  virtual absl::Status RenewLease(const DueSource& due, absl::Time until, absl::Time deadline) = 0;
  // Forgets refused rows and ended imports of pulls from before `time`: up to `limit` of each; how
  // many.
  virtual absl::StatusOr<int64_t> ForgetPulls(absl::Time time, int limit, absl::Time deadline) = 0;
  // Forgets audiences of runs that ended before: up to `limit` of their members; how many.
  virtual absl::StatusOr<int64_t> ForgetAudiences(absl::Time before, int limit,
                                                  absl::Time deadline) = 0;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_STORE_H_
