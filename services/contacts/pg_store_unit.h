// One transaction of PgStore; private to pg_store*.cc.
//
// Thread safety: one thread. Blocks: every call. Errors: as store.h says; statements also throw
// what libpqxx throws, which pg::Transact turns into a Status.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_UNIT_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_UNIT_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/filter_lang/sql.h"
#include "libs/pg/transaction.h"
#include "services/contacts/store.h"

namespace kabar::contacts {

// ABORTED (SOURCE_CHANGED).
absl::Status SourceChanged();

class PgUnit : public Store::Unit {
 public:
  // Consent changes go to `events`; whoever owns the transaction appends them to the outbox, last.
  PgUnit(pg::Transaction& tx, std::string outlet, const std::string& zone,
         events::v1::EventBatch* events)
      : tx_(tx), outlet_(std::move(outlet)), zone_(zone), events_(events) {}

  absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
      const std::string& request_id, const rpc::RequestRecord& mine) override;
  absl::StatusOr<bool> KnowsRequest(const std::string& request_id) override;
  absl::Status SaveResponse(const std::string& request_id, const std::string& response) override;

  // pg_store_contacts.cc
  absl::StatusOr<Contact> InsertContact(const Contact& contact) override;
  absl::StatusOr<Contact> GetContact(const std::string& id) override;
  absl::StatusOr<std::vector<Contact>> GetContacts(const std::vector<std::string>& ids) override;
  absl::StatusOr<Activity> GetActivity(const std::string& id) override;
  absl::StatusOr<Contact> LockContact(const std::string& id) override;
  absl::StatusOr<Contact> ReplaceContact(const Contact& contact) override;
  absl::Status DeleteContact(const std::string& id) override;
  absl::StatusOr<std::vector<Contact>> ListContacts(const SegmentFilter& filter,
                                                    const std::string& after_id,
                                                    int limit) override;

  // pg_store_identity.cc
  void HoldPeople(bool alone) override;
  absl::StatusOr<Contact> FindContact(const Contact& wanted) override;
  absl::StatusOr<Contact> FindOrInsertContact(const Contact& wanted) override;
  absl::StatusOr<std::vector<Identity>> ListIdentities(const std::string& contact_id) override;

  // pg_store_senders.cc
  absl::StatusOr<Recognized> FindOrInsertByPhone(const Contact& wanted) override;
  absl::StatusOr<Recognized> RecognizeSender(const Contact& sender,
                                             const std::string& written_to) override;
  absl::StatusOr<Recognized> ChangeNumber(const Contact& before, const Contact& after,
                                          absl::Time at) override;
  absl::Status TouchInbound(const Recognized& sender, absl::Time at) override;

  // pg_store_merges.cc
  absl::StatusOr<Merge> MergeContacts(const std::string& survivor_id, const std::string& merged_id,
                                      const std::string& reason, const std::string& by) override;
  absl::StatusOr<Merge> UndoMerge(const std::string& merge_id, const std::string& by) override;
  absl::StatusOr<std::vector<Merge>> ListMerges(const std::string& contact_id, int64_t before,
                                                int limit) override;
  absl::StatusOr<std::vector<DuplicatePair>> ListDuplicates(const std::string& after,
                                                            int limit) override;

  // pg_store_timeline.cc
  absl::Status AddInbound(const Recognized& sender, const TimelineEntry& entry) override;
  absl::StatusOr<std::vector<TimelineEntry>> ListTimeline(const std::string& contact_id,
                                                          const std::optional<TimelinePlace>& after,
                                                          int limit) override;

  // pg_store_erasure.cc
  absl::StatusOr<Erased> EraseContact(const std::string& id) override;
  absl::StatusOr<bool> AnyErasedSince(absl::Time time) override;
  absl::StatusOr<bool> ErasedSince(const Contact& who, absl::Time time) override;
  absl::Status RefuseForErased(const Contact& who, absl::Span<const Purpose> purposes) override;

  // pg_store_attribute_types.cc
  absl::StatusOr<AttributeKinds> GetAttributeKinds() override;
  absl::Status SetAttributeKind(const std::string& name, AttributeKind kind) override;

  void Audit(const audit::Actor& by, const audit::Entry& entry) override;

  // pg_store_shipments.cc
  absl::StatusOr<Shipment> UpsertShipment(const Shipment& shipment) override;
  absl::StatusOr<Shipment> GetShipment(const std::string& id) override;
  absl::StatusOr<Shipment> FindShipment(const std::string& tracking_number) override;
  absl::StatusOr<std::vector<Shipment>> ListShipments(const SegmentFilter& filter,
                                                      const std::string& after_id,
                                                      int limit) override;

  absl::StatusOr<std::vector<Shipment>> ListShipmentsOf(const std::string& contact_id,
                                                        const std::string& after_id,
                                                        int limit) override;

  // pg_store_import.cc
  absl::StatusOr<ChunkCounts> Import(const ImportChunk& chunk, const ChunkOrder& order) override;

  // pg_store_imports.cc
  absl::StatusOr<ImportTurn> BeginImport(const std::string& request_id,
                                         const std::string& options) override;
  absl::Status NoteChunk(const ImportTurn& turn, const FileChunk& chunk,
                         const ChunkCounts& counts) override;
  absl::Status EndImport(const ImportTurn& turn, ImportState state, const std::string& error,
                         std::optional<int64_t> rows) override;
  absl::StatusOr<ImportRecord> GetImport(const std::string& id,
                                         const std::string& request_id) override;
  absl::StatusOr<std::vector<ImportRecord>> ListImports(const std::string& before_id,
                                                        int limit) override;
  absl::Status CancelImport(const std::string& id) override;

  // pg_store_sources.cc
  absl::StatusOr<Source> PutSource(const Source& source, absl::Time now) override;
  absl::StatusOr<std::vector<SourceState>> ListSources() override;
  absl::Status DeleteSource(const std::string& name) override;
  absl::StatusOr<Source> PullSourceNow(const std::string& name, bool from_start,
                                       absl::Time now) override;

  // pg_store_pulls.cc
  absl::StatusOr<std::vector<RefusedRow>> ListRefusedRows(const std::string& name,
                                                          const std::optional<RefusedRow>& after,
                                                          int limit) override;
  absl::StatusOr<std::vector<RefusedRow>> ListRefusedRowsOf(const std::string& contact_id) override;
  absl::StatusOr<ImportTurn> BeginPull(const DueSource& due) override;
  absl::Status NotePulled(const DueSource& due, const PulledRows& rows) override;
  absl::Status EndPull(const DueSource& due, const PullEnd& end) override;

  // pg_store_consents.cc
  absl::StatusOr<Consent> SetConsent(const Consent& wanted) override;
  absl::Status RefuseMarketing(const std::string& contact_id, absl::Time at) override;
  absl::StatusOr<std::vector<Consent>> ListConsents(const std::string& contact_id, int64_t before,
                                                    int limit) override;

  // pg_store_segments.cc
  absl::Status InsertSegment(const Segment& segment) override;
  absl::StatusOr<Segment> GetSegment(const std::string& id) override;
  absl::Status ReplaceSegment(const Segment& segment) override;
  absl::Status DeleteSegment(const std::string& id) override;
  absl::StatusOr<std::vector<Segment>> ListSegments(const std::string& after_id,
                                                    int limit) override;
  absl::StatusOr<std::vector<Segment>> FindSegments(const std::string& name_or_id) override;
  void LockSegments() override;
  absl::StatusOr<std::vector<Segment>> ListSegmentsWithCalls() override;
  absl::StatusOr<SegmentSize> CountSegment(const SegmentFilter& filter,
                                           bool contacts_only) override;
  absl::StatusOr<SegmentExplanation> ExplainSegment(const SegmentFilter& filter) override;

  // pg_store_facts.cc
  absl::StatusOr<Fact> RecordFact(const Fact& fact) override;
  absl::StatusOr<std::optional<Fact>> FindFact(const Fact& fact) override;
  absl::StatusOr<std::vector<Fact>> ListFacts(const std::string& contact_id,
                                              const std::optional<Fact>& after, int limit) override;
  absl::StatusOr<MarketingSuppressions> GetMarketingSuppressions() override;
  absl::Status SetMarketingSuppressions(const MarketingSuppressions& wanted) override;

  // pg_store_audiences.cc
  absl::StatusOr<Audience> CreateAudience(const std::string& run_id, Subject subject,
                                          const SegmentFilter& filter, bool temporary) override;
  absl::StatusOr<Audience> GetAudience(const std::string& run_id) override;
  absl::Status DeleteAudience(const std::string& run_id) override;
  absl::StatusOr<std::vector<AudienceMember>> ListAudience(const AudienceQuery& query) override;

 private:
  // Ends the import of a pull that is of no account any more; its next chunk is refused.
  void EndPullsImport(const std::string& import_id, const std::string& why);
  // While his shipments are there still: his parcels' numbers tell them.
  void ForgetRefusedRowsOf(const std::string& contact_id);

  // Who owns an identity; deleted: only the shell of a contact who opted out is left.
  struct Owner {
    std::string contact_id = {};
    bool deleted = false;
    bool former = false;
    std::string merged_from = {};
  };
  std::optional<Owner> OwnerOf(IdentityKind kind, const std::string& value);
  // `contact_id`, or that of the contact who has it already (also of one written at this moment).
  // `merged_from`: whose of those merged into him the alias is, where that is known.
  std::string Claim(IdentityKind kind, const std::string& value, const std::string& contact_id,
                    const std::string& merged_from = "");
  absl::StatusOr<std::string> LockPerson(const std::string& id);
  // Whom the fact is told of, or who bears it since he is gone.
  absl::StatusOr<std::string> LockBearer(const Fact& fact);
  absl::StatusOr<Contact> Named(const pg::Query& query, const std::string& id);
  absl::StatusOr<Contact> WriteContact(const std::string& id, const Contact& contact);
  absl::StatusOr<Contact> Adopt(const Owner& owner, const Contact& wanted);
  absl::Status MoveIdentity(IdentityKind kind, const std::string& before, const std::string& after,
                            const std::string& contact_id);
  // Why a turn changed nothing.
  absl::Status WhyNotMine(const ImportTurn& turn);
  absl::StatusOr<SegmentSize> CountContacts(const SegmentFilter& filter);
  void Release(IdentityKind kind, const std::string& value, const std::string& contact_id);
  static absl::Status IdentityTaken(IdentityKind kind, const Owner& owner);
  // Phone, bsuid and username of the contact's row are such as it still has.
  void RepairIdentities(const std::string& contact_id);
  absl::Status TakeUsername(const std::string& username, const std::string& contact_id);
  // To who takes the addresses of the two for one person's.
  absl::Status AddPartedEvent(const std::string& one, const std::string& other, absl::Time now);
  bool WereParted(const std::string& one, const std::string& other);
  void NoteShared(const std::string& one, const std::string& other);
  // Makes one of the owners of a sender's two addresses, where that is sure.
  absl::Status Unite(const Contact& sender, const std::string& written_to);
  // From now on `opted_out` holds; a change is added to the history where its newest says
  // otherwise, or `always`.
  void SettleConsent(const Consent& wanted, bool always = false);
  // A new identity of somebody who opted out must be told to those who suppress by it.
  void RepeatOptOuts(const std::string& contact_id);
  // What was refused by addresses that these contacts have now, before their owners were erased. It
  // is theirs from then on: what they say later holds against it.
  void RecallOptOuts(const std::vector<std::string>& ids);
  // `phones`: an array literal.
  void RecallOptOutsOfPhones(const std::string& phones);
  void AddConsentEvents(const Consent& consent);
  void DropMergedSince(int64_t audience,
                       const std::map<std::string, std::vector<std::size_t>>& whole,
                       std::vector<AudienceMember>& members);
  // The reason of the first open fact that keeps `c` out of an audience for this purpose, as SQL.
  absl::StatusOr<std::string> SuppressionSql(Purpose purpose, filter_lang::SqlParams& params);
  // Of the members that a page found, which are kContactParcels.
  void AddParcels(const AudienceQuery& query, int64_t audience,
                  std::vector<AudienceMember>& members);
  // For the rest of the transaction: what parallel workers hand over costs less than PostgreSQL
  // supposes. Without this it looks at all rows of a large table alone, in twice the time.
  void LookInParallel();
  // Runs SQL made of a filter: `fixed` are $1, $2, ..., the filter's parameters follow.
  pqxx::result ExecFiltered(const char* name, const std::string& sql, std::vector<pg::Param> fixed,
                            const filter_lang::SqlParams& params);

  pg::Transaction& tx_;
  std::string outlet_;
  const std::string& zone_;
  events::v1::EventBatch* events_;
  int64_t claims_ = 0;  // identities that became somebody's in this unit
  bool shares_people_ = false;
  bool holds_people_alone_ = false;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_UNIT_H_
