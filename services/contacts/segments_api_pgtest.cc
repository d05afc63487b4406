// Segments through gRPC: saved, named in each other, explained.
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

using Stub = Server::Stub;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

struct Saved : Server {
  absl::Status Save(const std::string& name, const std::string& filter) {
    v1::CreateSegmentRequest request;
    request.mutable_segment()->set_name(name);
    request.mutable_segment()->set_filter(filter);
    v1::Segment response;
    const absl::Status status = Call(&Stub::CreateSegment, request, &response);
    if (status.ok()) ids[name] = response.id();
    return status;
  }
  absl::Status Change(const std::string& name, const std::string& filter,
                      const std::string& new_name = "") {
    v1::UpdateSegmentRequest request;
    request.mutable_segment()->set_id(ids[name]);
    request.mutable_segment()->set_filter(filter);
    request.mutable_segment()->set_name(new_name);
    v1::Segment response;
    return Call(&Stub::UpdateSegment, request, &response);
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteSegmentRequest request;
    request.set_id(ids[name]);
    v1::DeleteSegmentResponse response;
    return Call(&Stub::DeleteSegment, request, &response);
  }
  int64_t CountOf(const std::string& filter, const std::string& key = "viewer-a") {
    v1::CountSegmentRequest request;
    request.set_filter(filter);
    v1::CountSegmentResponse response;
    REQUIRE_THAT(Call(&Stub::CountSegment, request, &response, key), IsOk());
    return response.contacts();
  }
  std::map<std::string, std::string> ids;
};

TEST_CASE("Segments API: segments within segments", "[handler]") {
  Saved s;
  const v1::Contact ani = s.Create("081200000001", "Ani");
  const v1::Contact budi = s.Create("081200000002", "Budi");
  s.Ship(kA, "A1", ani.id(), "Delayed");
  s.Ship(kA, "B1", budi.id(), "Delivered");
  REQUIRE_THAT(s.Save("Terlambat", "shipment.status = Delayed"), IsOk());
  REQUIRE_THAT(s.Save("Nama A", "name = a*"), IsOk());
  REQUIRE_THAT(s.Save("Keduanya", "segment(\"terlambat\") AND segment(\"NAMA A\")"), IsOk());

  CHECK(s.CountOf("segment(\"Keduanya\")") == 1);
  CHECK(s.CountOf(absl::StrCat("segment(\"", s.ids["Keduanya"], "\") OR name = budi")) == 2);
  CHECK(s.CountOf("NOT segment(\"Nama A\")") == 1);
  v1::ListShipmentsRequest shipments;
  shipments.set_filter("segment(\"Keduanya\")");
  v1::ListShipmentsResponse found;
  REQUIRE_THAT(s.Call(&Stub::ListShipments, shipments, &found), IsOk());
  REQUIRE(found.shipments_size() == 1);
  CHECK(found.shipments(0).tracking_number() == "A1");
  v1::CreateAudienceRequest audience;
  audience.set_run_id("run-1");
  audience.set_subject(v1::SHIPMENT);
  audience.set_segment_id(s.ids["Keduanya"]);
  v1::Audience made;
  REQUIRE_THAT(s.Call(&Stub::CreateAudience, audience, &made), IsOk());
  CHECK(made.size() == 1);

  // Another outlet's segments cannot be named.
  v1::CountSegmentRequest count;
  count.set_filter("segment(\"Nama A\")");
  v1::CountSegmentResponse size;
  const absl::Status foreign = s.Call(&Stub::CountSegment, count, &size, "viewer-b");
  CHECK_THAT(foreign, StatusIs(kInvalid, "no segment \"Nama A\""));
  CHECK_THAT(foreign, HasFieldViolation("filter"));

  // Nothing that makes a circle, or breaks who names it.
  CHECK_THAT(s.Change("Terlambat", "segment(\"Keduanya\")"),
             StatusIs(kInvalid, "\"Terlambat\" -> \"Keduanya\" -> \"Terlambat\""));
  CHECK_THAT(s.Save("Baru", "segment(\"Baru\")"), StatusIs(kInvalid, "no segment \"Baru\""));
  CHECK_THAT(s.Delete("Nama A"), ReasonIs("SEGMENT_IN_USE"));
  CHECK_THAT(s.Change("Nama A", "name = a*", "Lain"), ReasonIs("SEGMENT_IN_USE"));
  CHECK_THAT(s.Save("nama a", "name = b*"), ReasonIs("SEGMENT_IN_USE"));
  REQUIRE_THAT(s.Save("Bukan A", "NOT segment(\"Nama A\")"), IsOk());
  CHECK_THAT(s.Change("Nama A", "name = a* AND shipment.cod_amount > 0"),
             ReasonIs("SEGMENT_IN_USE"));
  // Two levels up, where only the one above is still right.
  REQUIRE_THAT(s.Save("Dasar", "name = a*"), IsOk());
  REQUIRE_THAT(s.Save("Tengah", "segment(\"Dasar\") AND vip = true"), IsOk());
  REQUIRE_THAT(s.Save("Atas", "NOT segment(\"Tengah\")"), IsOk());
  CHECK_THAT(s.Change("Dasar", "shipment.status = Delayed"), ReasonIs("SEGMENT_IN_USE"));
  REQUIRE_THAT(s.Change("Nama A", "name = b*"), IsOk());
  CHECK(s.CountOf("segment(\"Keduanya\")") == 0);
  REQUIRE_THAT(s.Delete("Keduanya"), IsOk());
  REQUIRE_THAT(s.Delete("Bukan A"), IsOk());
  REQUIRE_THAT(s.Delete("Nama A"), IsOk());

  // Two of one name.
  REQUIRE_THAT(s.Save("Ganda", "vip = true"), IsOk());
  const std::string first = s.ids["Ganda"];
  REQUIRE_THAT(s.Save("Ganda", "vip = false"), IsOk());
  CHECK_THAT(s.Save("Atas ganda", "segment(\"ganda\")"), StatusIs(kInvalid, "several segments"));
  CHECK(s.CountOf(absl::StrCat("segment(\"", first, "\")")) == 0);
}

TEST_CASE("Segments API: explained with a sample", "[handler]") {
  Saved s;
  s.Create("081200000001", "Ani");
  s.Create("081200000002", "Budi");
  REQUIRE_THAT(s.Save("A", "name = a*"), IsOk());
  v1::ExplainSegmentRequest request;
  request.set_filter("segment(\"A\") AND vip = false");
  v1::ExplainSegmentResponse response;
  REQUIRE_THAT(s.Call(&Stub::ExplainSegment, request, &response, "viewer-a"), IsOk());
  CHECK(response.everyone() == 2);
  CHECK(response.contacts() == 1);
  REQUIRE(response.clauses_size() == 2);
  CHECK(response.clauses(0).text() == "segment(\"A\")");
  CHECK(response.clauses(1).alone() == 2);
  CHECK(response.clauses(1).together() == 1);
  REQUIRE(response.sample_size() == 1);
  CHECK(response.sample(0).name() == "Ani");
  request.set_segment_id(s.ids["A"]);
  REQUIRE_THAT(s.Call(&Stub::ExplainSegment, request, &response), IsOk());
  CHECK(response.contacts() == 1);
  request.set_filter("");
  request.set_page_size(1);
  REQUIRE_THAT(s.Call(&Stub::ExplainSegment, request, &response), IsOk());
  CHECK(response.contacts() == 2);
  CHECK(response.sample_size() == 1);
  request.set_filter("name = ");
  CHECK_THAT(s.Call(&Stub::ExplainSegment, request, &response), HasFieldViolation("filter"));
}

}  // namespace
}  // namespace kabar::contacts
