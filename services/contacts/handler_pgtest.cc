// The service as its callers see it: gRPC in, PostgreSQL behind.
#include "services/contacts/handler.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kabar/events/v1/events.grpc.pb.h"
#include "libs/base/clock.h"
#include "libs/events/publisher.h"
#include "libs/rpc/status.h"
#include "services/contacts/request_sweep.h"
#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

using Stub = Server::Stub;

TEST_CASE("Contacts API: create, read, update, list, delete", "[handler]") {
  Server s;
  const v1::Contact budi = s.Create("0812-3456-7890", "Budi");
  CHECK(budi.phone() == "+6281234567890");
  CHECK(budi.has_create_time());

  v1::UpdateContactRequest update;
  update.mutable_contact()->set_id(budi.id());
  update.mutable_contact()->set_city("Bogor");
  update.mutable_contact()->add_tags(" vip ");
  update.mutable_update_mask()->add_paths("city");
  update.mutable_update_mask()->add_paths("tags");
  update.mutable_update_mask()->add_paths("vip");
  v1::Contact updated;
  REQUIRE_THAT(s.Call(&Stub::UpdateContact, update, &updated), IsOk());
  CHECK(updated.name() == "Budi");
  CHECK(updated.city() == "Bogor");
  CHECK(updated.tags(0) == "vip");
  update.mutable_update_mask()->add_paths("id");
  CHECK_THAT(s.Call(&Stub::UpdateContact, update, &updated), HasFieldViolation("update_mask"));
  update.clear_update_mask();
  update.mutable_contact()->clear_tags();
  update.mutable_contact()->set_city("Depok");
  REQUIRE_THAT(s.Call(&Stub::UpdateContact, update, &updated), IsOk());
  CHECK(updated.city() == "Depok");
  CHECK(updated.tags_size() == 1);

  v1::GetContactRequest get;
  get.set_id(budi.id());
  v1::Contact read;
  REQUIRE_THAT(s.Call(&Stub::GetContact, get, &read, "viewer-a"), IsOk());
  CHECK(read.city() == "Depok");

  s.Create("081234567891", "Ani");
  s.Create("081234567892", "Citra");
  v1::ListContactsRequest list;
  list.set_page_size(2);
  list.set_filter("nama != Ani");
  v1::ListContactsResponse page;
  REQUIRE_THAT(s.Call(&Stub::ListContacts, list, &page), IsOk());
  CHECK(page.contacts_size() == 2);
  CHECK(page.next_page_token().empty());
  list.set_filter("");
  REQUIRE_THAT(s.Call(&Stub::ListContacts, list, &page), IsOk());
  list.set_page_token(page.next_page_token());
  REQUIRE_THAT(s.Call(&Stub::ListContacts, list, &page), IsOk());
  CHECK(page.contacts_size() == 1);
  list.set_filter("vip = true");
  CHECK_THAT(s.Call(&Stub::ListContacts, list, &page), HasFieldViolation("page_token"));

  v1::DeleteContactRequest remove;
  remove.set_id(budi.id());
  v1::DeleteContactResponse removed;
  REQUIRE_THAT(s.Call(&Stub::DeleteContact, remove, &removed), IsOk());
  CHECK_THAT(s.Call(&Stub::GetContact, get, &read), ReasonIs("CONTACT_NOT_FOUND"));
}

TEST_CASE("Contacts API: bad input is refused with its fields", "[handler]") {
  Server s;
  v1::CreateContactRequest request;
  v1::Contact response;
  CHECK_THAT(s.Call(&Stub::CreateContact, request, &response), HasFieldViolation("contact.phone"));
  request.mutable_contact()->set_phone("0812");
  request.mutable_contact()->set_name(std::string(300, 'x'));
  const absl::Status status = s.Call(&Stub::CreateContact, request, &response);
  CHECK_THAT(status, HasFieldViolation("contact.phone"));
  CHECK_THAT(status, HasFieldViolation("contact.name"));
  s.Create("081234567890", "Budi");
  request.mutable_contact()->set_phone("+62 812 3456 7890");
  request.mutable_contact()->set_name("Budi");
  CHECK_THAT(s.Call(&Stub::CreateContact, request, &response), ReasonIs("CONTACT_EXISTS"));
}

TEST_CASE("Contacts API: keys, roles and outlets", "[handler]") {
  Server s;
  const v1::Contact budi = s.Create("081234567890", "Budi");
  v1::GetContactRequest get;
  get.set_id(budi.id());
  v1::Contact read;
  CHECK_THAT(s.Call(&Stub::GetContact, get, &read, "operator-b"), ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(s.Call(&Stub::GetContact, get, &read, "nobody"),
             StatusIs(absl::StatusCode::kUnauthenticated));
  CHECK_THAT(s.Call(&Stub::GetContact, get, &read, "service", "toko-a"), IsOk());
  CHECK_THAT(s.Call(&Stub::GetContact, get, &read, "service", "toko-b"),
             ReasonIs("CONTACT_NOT_FOUND"));
  v1::DeleteContactRequest remove;
  remove.set_id(budi.id());
  v1::DeleteContactResponse removed;
  CHECK_THAT(s.Call(&Stub::DeleteContact, remove, &removed, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  v1::ListContactsResponse page;
  REQUIRE_THAT(s.Call(&Stub::ListContacts, v1::ListContactsRequest(), &page, "viewer-b"), IsOk());
  CHECK(page.contacts_size() == 0);
}

TEST_CASE("Contacts API: a request id is honoured once", "[handler]") {
  Server s;
  v1::CreateContactRequest request;
  request.set_request_id("req-1");
  request.mutable_contact()->set_phone("081234567890");
  v1::Contact first;
  v1::Contact second;
  REQUIRE_THAT(s.Call(&Stub::CreateContact, request, &first), IsOk());
  REQUIRE_THAT(s.Call(&Stub::CreateContact, request, &second), IsOk());
  CHECK(first.SerializeAsString() == second.SerializeAsString());
  REQUIRE_THAT(s.Call(&Stub::CreateContact, request, &second, "operator-b"), IsOk());
  CHECK(second.id() != first.id());
  request.mutable_contact()->set_phone("081234567891");
  CHECK_THAT(s.Call(&Stub::CreateContact, request, &second), ReasonIs("REQUEST_ID_REUSED"));
  CHECK(s.store.ForgetRequests(absl::Now() + absl::Hours(1), 100, Soon()).value() == 2);
  REQUIRE_THAT(s.Call(&Stub::CreateContact, request, &second), IsOk());
}

TEST_CASE("ResolveContacts: in the order asked, created on request", "[handler]") {
  Server s;
  const v1::Contact budi = s.Create("081234567890", "Budi");
  v1::ResolveContactsRequest request;
  request.add_contacts()->set_phone("+6281234567899");
  request.add_contacts()->set_phone("62 812 3456 7890");
  v1::ResolveContactsResponse response;
  REQUIRE_THAT(s.Call(&Stub::ResolveContacts, request, &response, "viewer-a"), IsOk());
  REQUIRE(response.contacts_size() == 2);
  CHECK(response.contacts(0).id().empty());
  CHECK(response.contacts(1).id() == budi.id());
  request.set_create_missing(true);
  request.mutable_contacts(0)->set_name("Baru");
  CHECK_THAT(s.Call(&Stub::ResolveContacts, request, &response, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  REQUIRE_THAT(s.Call(&Stub::ResolveContacts, request, &response), IsOk());
  CHECK(response.contacts(0).name() == "Baru");
  request.mutable_contacts(0)->set_phone("x");
  CHECK_THAT(s.Call(&Stub::ResolveContacts, request, &response),
             HasFieldViolation("contacts[0].phone"));
}

TEST_CASE("Segments API: refused with the position, counted, previewed", "[handler]") {
  Server s;
  v1::ImportContactsResponse imported;
  REQUIRE_THAT(s.Import("nama,hp,kota,resi,status\nA,081234567890,Jakarta,R1,In Transit\n"
                        "B,081234567891,Jakarta,R2,Delivered\n",
                        &imported),
               IsOk());
  v1::CreateSegmentRequest create;
  create.mutable_segment()->set_name("Pagi");
  create.mutable_segment()->set_filter("shipment.status = \"In Transit\" AND citty = Jakarta");
  v1::Segment segment;
  const absl::Status wrong = s.Call(&Stub::CreateSegment, create, &segment);
  CHECK_THAT(wrong, ReasonIs("INVALID_FILTER"));
  CHECK_THAT(wrong, HasFieldViolation("segment.filter"));
  CHECK(base::GetMeta(wrong, "line") == "1");
  CHECK(base::GetMeta(wrong, "column") == "36");
  CHECK(base::GetMeta(wrong, "offset") == "35");

  create.mutable_segment()->set_filter("shipment.status = \"In Transit\" AND city = Jakarta");
  REQUIRE_THAT(s.Call(&Stub::CreateSegment, create, &segment), IsOk());
  v1::CountSegmentRequest count;
  count.set_segment_id(segment.id());
  v1::CountSegmentResponse size;
  REQUIRE_THAT(s.Call(&Stub::CountSegment, count, &size, "viewer-a"), IsOk());
  CHECK(size.contacts() == 1);
  CHECK(size.shipments() == 1);
  CHECK_THAT(s.Call(&Stub::CountSegment, count, &size, "viewer-b"), ReasonIs("SEGMENT_NOT_FOUND"));
  v1::PreviewSegmentRequest preview;
  preview.set_filter("kota = Jakarta");
  v1::PreviewSegmentResponse shown;
  REQUIRE_THAT(s.Call(&Stub::PreviewSegment, preview, &shown), IsOk());
  CHECK(shown.contacts_size() == 2);

  v1::UpdateSegmentRequest update;
  *update.mutable_segment() = segment;
  update.mutable_segment()->set_filter("vip = maybe");
  update.mutable_update_mask()->add_paths("filter");
  CHECK_THAT(s.Call(&Stub::UpdateSegment, update, &segment), ReasonIs("INVALID_FILTER"));
  update.mutable_segment()->set_filter("");
  REQUIRE_THAT(s.Call(&Stub::UpdateSegment, update, &segment), IsOk());
  CHECK(segment.name() == "Pagi");
  REQUIRE_THAT(s.Call(&Stub::CountSegment, count, &size), IsOk());
  CHECK(size.contacts() == 2);

  v1::ListSegmentsResponse list;
  REQUIRE_THAT(s.Call(&Stub::ListSegments, v1::ListSegmentsRequest(), &list), IsOk());
  CHECK(list.segments_size() == 1);
  v1::DeleteSegmentRequest remove;
  remove.set_id(segment.id());
  v1::DeleteSegmentResponse removed;
  CHECK_THAT(s.Call(&Stub::DeleteSegment, remove, &removed, "operator-b"),
             ReasonIs("SEGMENT_NOT_FOUND"));
  REQUIRE_THAT(s.Call(&Stub::DeleteSegment, remove, &removed), IsOk());
}

TEST_CASE("Audiences API: created once, paged, by outlet", "[handler]") {
  Server s;
  std::string file = "nama,hp,resi,status\n";
  for (int i = 10; i < 35; ++i) absl::StrAppend(&file, "N,0812345678", i, ",R", i, ",Transit\n");
  v1::ImportContactsResponse imported;
  REQUIRE_THAT(s.Import(file, &imported), IsOk());
  v1::CreateAudienceRequest create;
  create.set_run_id("run-1");
  create.set_subject(v1::SHIPMENT);
  v1::Audience audience;
  CHECK_THAT(s.Call(&Stub::CreateAudience, create, &audience), HasFieldViolation("segment_id"));
  create.set_filter("status = Transit");
  REQUIRE_THAT(s.Call(&Stub::CreateAudience, create, &audience, "service", "toko-a"), IsOk());
  CHECK(audience.size() == 25);
  REQUIRE_THAT(s.Call(&Stub::CreateAudience, create, &audience, "service", "toko-a"), IsOk());
  CHECK(audience.size() == 25);
  REQUIRE_THAT(s.Call(&Stub::CreateAudience, create, &audience, "service", "toko-b"), IsOk());
  CHECK(audience.size() == 0);

  v1::ListAudienceRequest list;
  list.set_run_id("run-1");
  list.set_page_size(20);
  list.add_fields("nama");
  list.add_fields("tracking_number");
  v1::ListAudienceResponse page;
  CHECK_THAT(s.Call(&Stub::ListAudience, list, &page), HasFieldViolation("purpose"));
  list.set_purpose(v1::DELIVERY_UPDATES);
  REQUIRE_THAT(s.Call(&Stub::ListAudience, list, &page), IsOk());
  CHECK(page.members_size() == 20);
  CHECK_FALSE(page.last_page());
  CHECK(page.members(0).values(1) == page.members(0).subject());
  list.set_after_ordinal(20);
  REQUIRE_THAT(s.Call(&Stub::ListAudience, list, &page), IsOk());
  CHECK(page.members_size() == 5);
  CHECK(page.last_page());
  list.add_ordinals(7);
  REQUIRE_THAT(s.Call(&Stub::ListAudience, list, &page), IsOk());
  CHECK(page.members_size() == 1);
  CHECK(page.members(0).ordinal() == 7);
  list.set_run_id("run-2");
  CHECK_THAT(s.Call(&Stub::ListAudience, list, &page), ReasonIs("RUN_NOT_FOUND"));
}

TEST_CASE("Consents API: set, kept, read as events by services only", "[handler]") {
  Server s;
  const v1::Contact budi = s.Create("081234567890", "Budi");
  v1::SetConsentRequest set;
  set.mutable_consent()->set_contact_id(budi.id());
  set.mutable_consent()->set_purpose(v1::MARKETING);
  v1::Consent consent;
  CHECK_THAT(s.Call(&Stub::SetConsent, set, &consent), HasFieldViolation("consent.state"));
  set.mutable_consent()->set_state(v1::OPTED_OUT);
  REQUIRE_THAT(s.Call(&Stub::SetConsent, set, &consent), IsOk());
  CHECK(consent.source() == "operator");
  v1::ListConsentsRequest list;
  list.set_contact_id(budi.id());
  v1::ListConsentsResponse consents;
  REQUIRE_THAT(s.Call(&Stub::ListConsents, list, &consents, "viewer-a"), IsOk());
  CHECK(consents.consents_size() == 1);

  events::Publisher publisher(s.pool);
  REQUIRE_THAT(publisher.PublishOnce(Soon()), IsOk());
  const auto events_stub = events::v1::EventsService::NewStub(s.server.channel());
  auto first_event = [&](const std::string& key, events::v1::ReadEventsResponse* response) {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    events::v1::ReadEventsRequest request;
    request.set_consumer("dispatcher");
    request.set_from_number(1);
    auto stream = events_stub->ReadEvents(&context, request);
    const bool read = stream->Read(response);
    if (read) context.TryCancel();  // it would go on for ever
    const grpc::Status status = stream->Finish();
    return read ? absl::OkStatus() : rpc::ToAbsl(status);
  };
  events::v1::ReadEventsResponse response;
  REQUIRE_THAT(first_event("service", &response), IsOk());
  const auto& change = response.batches(0).batch().events(0).consent_changed();
  CHECK(change.phone() == "+6281234567890");
  CHECK(change.opted_out());
  CHECK_THAT(first_event("owner-a", &response), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_CASE("Import API: figures, problems, the refused rows as a file", "[handler]") {
  Server s;
  const std::string file =
      "nama;no_hp;no_resi;status\nA;081234567890;R1;Transit\nB;0812;R2;Transit\nC;;R3;Transit\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    v1::ImportContactsResponse response;
    REQUIRE_THAT(s.Import(file, &response, {}, piece), IsOk());
    CHECK(response.rows() == 3);
    CHECK(response.accepted() == 1);
    CHECK(response.refused() == 2);
    CHECK(response.delimiter() == ";");
    REQUIRE(response.problems_size() == 2);
    CHECK(response.problems(0).row() == 3);
    CHECK(response.problems(0).column() == "no_hp");
    CHECK(response.problems(0).reason() == "PHONE_TOO_SHORT");
    CHECK(response.refused_csv() ==
          "nama;no_hp;no_resi;status;row;column;reason\n"
          "B;0812;R2;Transit;3;no_hp;PHONE_TOO_SHORT\nC;;R3;Transit;4;no_hp;REQUIRED\n");
  }
  v1::GetShipmentRequest get;
  get.set_tracking_number("R1");
  v1::Shipment shipment;
  REQUIRE_THAT(s.Call(&Stub::GetShipment, get, &shipment), IsOk());
  CHECK(shipment.status() == "Transit");
  CHECK_THAT(s.Call(&Stub::GetShipment, get, &shipment, "operator-b"),
             ReasonIs("SHIPMENT_NOT_FOUND"));
  v1::ListShipmentsRequest list;
  list.set_filter("nama = A");
  v1::ListShipmentsResponse shipments;
  REQUIRE_THAT(s.Call(&Stub::ListShipments, list, &shipments), IsOk());
  CHECK(shipments.shipments_size() == 1);
}

TEST_CASE("Import API: refused whole where the file or the stream is wrong", "[handler]") {
  Server s;
  v1::ImportContactsResponse response;
  CHECK_THAT(s.Import("nama,resi\nA,R1\n", &response), ReasonIs("HEADER_NO_PHONE"));
  CHECK_THAT(s.Import("", &response), ReasonIs("FILE_EMPTY"));
  v1::ImportOptions options;
  options.set_delimiter("#");
  CHECK_THAT(s.Import("hp\n081234567890\n", &response, options),
             HasFieldViolation("options.delimiter"));
  options.set_delimiter("tab");
  (*options.mutable_mapping())["kontak"] = "phone";
  REQUIRE_THAT(s.Import("kontak\tnama\n081234567890\tA,B\n", &response, options), IsOk());
  CHECK(response.accepted() == 1);
  CHECK_THAT(s.Import("hp\n081234567890\n", &response, {}, 1000, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  grpc::ClientContext context;
  rpc::testing::As(context, "operator-a");
  auto writer = s.stub->ImportContacts(&context, &response);
  v1::ImportContactsRequest message;
  message.set_data("hp\n");
  writer->Write(message);
  writer->WritesDone();
  CHECK_THAT(rpc::ToAbsl(writer->Finish()), HasFieldViolation("options"));
}

TEST_CASE("Import API: the same request id again imports nothing", "[handler]") {
  Server s;
  v1::ImportOptions options;
  options.set_request_id("morning-1");
  const std::string file = "nama,hp\nA,081234567890\nB,0812\n";
  v1::ImportContactsResponse first;
  v1::ImportContactsResponse second;
  REQUIRE_THAT(s.Import(file, &first, options), IsOk());
  CHECK(first.contacts_created() == 1);
  REQUIRE_THAT(s.Import(file, &second, options, 3), IsOk());
  CHECK(second.SerializeAsString() == first.SerializeAsString());
  CHECK_THAT(s.Import(file + "C,081234567892\n", &second, options), ReasonIs("REQUEST_ID_REUSED"));
  CHECK(s.Names(kA, "") == "A");
  // A file that was refused whole may be sent again, corrected.
  options.set_request_id("morning-2");
  CHECK_FALSE(s.Import("nama\nA\n", &second, options).ok());
  REQUIRE_THAT(s.Import("nama,hp\nC,081234567892\n", &second, options), IsOk());
}

}  // namespace
}  // namespace kabar::contacts
