// gRPC kabar.contacts.v1.ContactsService: checks requests, calls domain and store, answers.
//
// Thread safety: safe for concurrent use. Blocks: as the store, until the call's deadline;
// ImportContacts as long as the caller sends. Errors: those of libs/rpc/guard.h, of store.h,
// INVALID_ARGUMENT with field violations, INVALID_FILTER with the position.
#ifndef KABAR_SERVICES_CONTACTS_HANDLER_H_
#define KABAR_SERVICES_CONTACTS_HANDLER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "services/contacts/segment.h"
#include "services/contacts/store.h"

namespace kabar::base {
class Clock;
}
namespace kabar::rpc {
class Guard;
struct Call;
}  // namespace kabar::rpc

namespace kabar::contacts {

class JsonStream;

class Handler : public v1::ContactsService::Service {
 public:
  // All outlive the handler. `zone`: that of times in imported files.
  Handler(Store& store, const SegmentLanguage& language, absl::TimeZone zone, base::Clock& clock,
          rpc::Guard& guard)
      : store_(store), language_(language), zone_(zone), clock_(clock), guard_(guard) {}

  // handler.cc
  grpc::Status CreateContact(grpc::ServerContext* context, const v1::CreateContactRequest* request,
                             v1::Contact* response) override;
  grpc::Status GetContact(grpc::ServerContext* context, const v1::GetContactRequest* request,
                          v1::Contact* response) override;
  grpc::Status ListContacts(grpc::ServerContext* context, const v1::ListContactsRequest* request,
                            v1::ListContactsResponse* response) override;
  grpc::Status UpdateContact(grpc::ServerContext* context, const v1::UpdateContactRequest* request,
                             v1::Contact* response) override;
  grpc::Status DeleteContact(grpc::ServerContext* context, const v1::DeleteContactRequest* request,
                             v1::DeleteContactResponse* response) override;
  grpc::Status ResolveContacts(grpc::ServerContext* context,
                               const v1::ResolveContactsRequest* request,
                               v1::ResolveContactsResponse* response) override;

  // handler_merges.cc
  grpc::Status MergeContacts(grpc::ServerContext* context, const v1::MergeContactsRequest* request,
                             v1::ContactMerge* response) override;
  grpc::Status UndoMerge(grpc::ServerContext* context, const v1::UndoMergeRequest* request,
                         v1::ContactMerge* response) override;
  grpc::Status ListMerges(grpc::ServerContext* context, const v1::ListMergesRequest* request,
                          v1::ListMergesResponse* response) override;
  grpc::Status ListDuplicates(grpc::ServerContext* context,
                              const v1::ListDuplicatesRequest* request,
                              v1::ListDuplicatesResponse* response) override;

  // handler_timeline.cc
  grpc::Status GetContactTimeline(grpc::ServerContext* context,
                                  const v1::GetContactTimelineRequest* request,
                                  v1::GetContactTimelineResponse* response) override;

  // handler_personal_data.cc
  grpc::Status ExportContact(grpc::ServerContext* context, const v1::ExportContactRequest* request,
                             grpc::ServerWriter<v1::ExportContactResponse>* writer) override;
  grpc::Status EraseContact(grpc::ServerContext* context, const v1::EraseContactRequest* request,
                            v1::EraseContactResponse* response) override;

  // handler_attribute_types.cc
  grpc::Status SetAttributeType(grpc::ServerContext* context,
                                const v1::SetAttributeTypeRequest* request,
                                v1::AttributeType* response) override;
  grpc::Status ListAttributeTypes(grpc::ServerContext* context,
                                  const v1::ListAttributeTypesRequest* request,
                                  v1::ListAttributeTypesResponse* response) override;

  // handler_export.cc
  grpc::Status ExportContacts(grpc::ServerContext* context,
                              const v1::ExportContactsRequest* request,
                              grpc::ServerWriter<v1::ExportContactsResponse>* writer) override;
  grpc::Status ExportShipments(grpc::ServerContext* context,
                               const v1::ExportShipmentsRequest* request,
                               grpc::ServerWriter<v1::ExportShipmentsResponse>* writer) override;

  // handler_shipments.cc
  grpc::Status UpsertShipment(grpc::ServerContext* context,
                              const v1::UpsertShipmentRequest* request,
                              v1::Shipment* response) override;
  grpc::Status GetShipment(grpc::ServerContext* context, const v1::GetShipmentRequest* request,
                           v1::Shipment* response) override;
  grpc::Status ListShipments(grpc::ServerContext* context, const v1::ListShipmentsRequest* request,
                             v1::ListShipmentsResponse* response) override;

  // handler_import.cc
  grpc::Status ImportContacts(grpc::ServerContext* context,
                              grpc::ServerReader<v1::ImportContactsRequest>* reader,
                              v1::ImportContactsResponse* response) override;

  // handler_consents.cc
  grpc::Status SetConsent(grpc::ServerContext* context, const v1::SetConsentRequest* request,
                          v1::Consent* response) override;
  grpc::Status ListConsents(grpc::ServerContext* context, const v1::ListConsentsRequest* request,
                            v1::ListConsentsResponse* response) override;

  // handler_segments.cc
  grpc::Status CreateSegment(grpc::ServerContext* context, const v1::CreateSegmentRequest* request,
                             v1::Segment* response) override;
  grpc::Status GetSegment(grpc::ServerContext* context, const v1::GetSegmentRequest* request,
                          v1::Segment* response) override;
  grpc::Status ListSegments(grpc::ServerContext* context, const v1::ListSegmentsRequest* request,
                            v1::ListSegmentsResponse* response) override;
  grpc::Status UpdateSegment(grpc::ServerContext* context, const v1::UpdateSegmentRequest* request,
                             v1::Segment* response) override;
  grpc::Status DeleteSegment(grpc::ServerContext* context, const v1::DeleteSegmentRequest* request,
                             v1::DeleteSegmentResponse* response) override;
  grpc::Status CountSegment(grpc::ServerContext* context, const v1::CountSegmentRequest* request,
                            v1::CountSegmentResponse* response) override;
  grpc::Status PreviewSegment(grpc::ServerContext* context,
                              const v1::PreviewSegmentRequest* request,
                              v1::PreviewSegmentResponse* response) override;
  grpc::Status ExplainSegment(grpc::ServerContext* context,
                              const v1::ExplainSegmentRequest* request,
                              v1::ExplainSegmentResponse* response) override;

  // handler_segment_library.cc
  grpc::Status ListLibrarySegments(grpc::ServerContext* context,
                                   const v1::ListLibrarySegmentsRequest* request,
                                   v1::ListLibrarySegmentsResponse* response) override;
  grpc::Status InstallLibrarySegments(grpc::ServerContext* context,
                                      const v1::InstallLibrarySegmentsRequest* request,
                                      v1::InstallLibrarySegmentsResponse* response) override;

  // handler_facts.cc
  grpc::Status RecordFact(grpc::ServerContext* context, const v1::RecordFactRequest* request,
                          v1::Fact* response) override;
  grpc::Status ListFacts(grpc::ServerContext* context, const v1::ListFactsRequest* request,
                         v1::ListFactsResponse* response) override;
  grpc::Status GetMarketingSuppressions(grpc::ServerContext* context,
                                        const v1::GetMarketingSuppressionsRequest* request,
                                        v1::MarketingSuppressions* response) override;
  grpc::Status UpdateMarketingSuppressions(grpc::ServerContext* context,
                                           const v1::UpdateMarketingSuppressionsRequest* request,
                                           v1::MarketingSuppressions* response) override;

  // handler_audiences.cc
  grpc::Status CreateAudience(grpc::ServerContext* context,
                              const v1::CreateAudienceRequest* request,
                              v1::Audience* response) override;
  grpc::Status ListAudience(grpc::ServerContext* context, const v1::ListAudienceRequest* request,
                            v1::ListAudienceResponse* response) override;
  grpc::Status DeleteAudience(grpc::ServerContext* context,
                              const v1::DeleteAudienceRequest* request,
                              v1::DeleteAudienceResponse* response) override;

 private:
  // Work in one transaction, at most once per request id.
  template <typename Request, typename Response>
  absl::Status Mutate(const rpc::Call& call, absl::string_view method,
                      const std::string& request_id, const Request& request, Response* response,
                      Store::Work work);
  absl::Status Import(const rpc::Call& call, grpc::ServerReader<v1::ImportContactsRequest>* reader,
                      v1::ImportContactsResponse* response);
  absl::Status ImportFile(const rpc::Call& call,
                          grpc::ServerReader<v1::ImportContactsRequest>* reader,
                          const ImportOptions& options, const std::string& request_id,
                          const ImportTurn& turn, v1::ImportContactsResponse* response);
  // `options`: what the request id stands for beside the file.
  absl::Status AnswerAgain(const rpc::Call& call,
                           grpc::ServerReader<v1::ImportContactsRequest>* reader,
                           const std::string& options, const std::string& request_id,
                           v1::ImportContactsResponse* response);
  // Attributes that have a type, in stored form.
  static absl::Status NormalizeTyped(Store::Unit& unit, absl::string_view prefix, Contact& contact);
  // The filter; and a line in the audit log: much that is personal leaves the house.
  absl::StatusOr<SegmentFilter> BeginExport(const rpc::Call& call, const char* action,
                                            const std::string& filter, const std::string& reason);
  absl::Status Export(const rpc::Call& call, const v1::ExportContactRequest& request,
                      JsonStream& json);
  // Of a saved segment; a filter saved under older rules may be wrong today.
  absl::StatusOr<SegmentFilter> FilterOfSegment(Store::Unit& unit, const std::string& segment_id);
  // The filter in a request; errors name the field it came in. `self`: the segment it is to become.
  absl::StatusOr<SegmentFilter> CheckFilter(Store::Unit& unit, const std::string& filter,
                                            absl::string_view field, const Segment& self = {});
  // The segments that may lead to others and are right now. From here to the end of the unit nobody
  // else changes segments.
  absl::StatusOr<std::vector<Segment>> LockUsers(Store::Unit& unit);
  // SEGMENT_IN_USE if one of them, but for the `changed` one, is right no more.
  absl::Status CheckUsers(Store::Unit& unit, const std::vector<Segment>& users,
                          const std::string& changed);
  // Of a request with a segment's id or a filter.
  template <typename Request>
  absl::StatusOr<SegmentFilter> FilterOf(Store::Unit& unit, const Request& request) {
    return request.segment_id().empty() ? CheckFilter(unit, request.filter(), "filter")
                                        : FilterOfSegment(unit, request.segment_id());
  }
  absl::Time Now() const;

  Store& store_;
  const SegmentLanguage& language_;
  absl::TimeZone zone_;
  base::Clock& clock_;
  rpc::Guard& guard_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_HANDLER_H_
