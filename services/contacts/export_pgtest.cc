// Contacts and shipments as CSV: gRPC in, PostgreSQL behind.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;

struct ExportFixture : Server {
  absl::Status Contacts(const v1::ExportContactsRequest& request, const std::string& key,
                        std::string* csv) {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    csv->clear();
    pieces = 0;
    auto stream = stub->ExportContacts(&context, request);
    v1::ExportContactsResponse piece;
    for (; stream->Read(&piece); ++pieces) *csv += piece.csv();
    return rpc::ToAbsl(stream->Finish());
  }
  absl::Status Shipments(const v1::ExportShipmentsRequest& request, std::string* csv) {
    grpc::ClientContext context;
    rpc::testing::As(context, "viewer-a");
    csv->clear();
    auto stream = stub->ExportShipments(&context, request);
    v1::ExportShipmentsResponse piece;
    while (stream->Read(&piece)) *csv += piece.csv();
    return rpc::ToAbsl(stream->Finish());
  }
  int pieces = 0;
};

TEST_CASE("ExportContacts: by filter, and the file can be imported again", "[export]") {
  ExportFixture f;
  Contact siti;
  siti.phone = "+6281234567890";
  siti.name = "Siti \"S\", Bogor";
  siti.address = "Jl. Melati 5,\nRT 2";
  siti.city = "Bogor";
  siti.postcode = "16110";
  siti.vip = true;
  siti.satisfaction = 4;
  siti.tags = {"baru", "toko"};
  siti.attributes = {{"hobi", "kopi"}};
  siti.notes = "=HYPERLINK(1)";
  f.Add(kA, siti);
  f.Add(kA, "+6281234567891", "Ani");
  f.Add(kB, "+6281234567892", "Lain");
  v1::ExportContactsRequest request;
  request.set_filter("city = \"Bogor\"");
  request.add_attributes("hobi");
  request.set_reason("laporan");
  std::string csv;
  REQUIRE_THAT(f.Contacts(request, "viewer-a", &csv), IsOk());
  CHECK(absl::StartsWith(csv, "phone,bsuid,name,address,"));
  CHECK(absl::StrContains(csv, "'=HYPERLINK(1)"));
  CHECK_FALSE(absl::StrContains(csv, "Ani"));
  CHECK(f.Sql("SELECT action || ' ' || who || ' ' || reason FROM audit_log") ==
        "ExportContacts viewer-a laporan");

  v1::ImportContactsResponse report;
  REQUIRE_THAT(f.Import(csv, &report, {}, 1000, "operator-b"), IsOk());
  REQUIRE(report.refused() == 0);
  const Contact again = f.Find(kB, "+6281234567890");
  CHECK(again.name == siti.name);
  CHECK(again.address == siti.address);
  CHECK(again.postcode == "16110");
  CHECK(again.vip);
  CHECK(again.satisfaction == 4);
  CHECK(again.tags == siti.tags);
  CHECK(again.attributes == siti.attributes);
  CHECK(again.notes == siti.notes);
}

TEST_CASE("ExportContacts: texts come back as they were, whatever they begin with", "[export]") {
  ExportFixture f;
  const std::vector<std::string> texts = {"- pagar hijau", "=1+1",  "+62", "@toko",
                                          "'- pagar",      "'kata", "''=x"};
  std::size_t n = 0;
  for (const std::string& text : texts) {
    Contact contact;
    contact.phone = absl::StrCat("+628123456789", n++);
    contact.name = contact.notes = contact.address = text;
    contact.tags = {text};
    contact.attributes = {{"hobi", text}};
    f.Add(kA, contact);
  }
  v1::ExportContactsRequest request;
  request.add_attributes("hobi");
  std::string csv;
  REQUIRE_THAT(f.Contacts(request, "viewer-a", &csv), IsOk());
  v1::ImportContactsResponse report;
  REQUIRE_THAT(f.Import(csv, &report, {}, 1000, "operator-b"), IsOk());
  CHECK(report.accepted() == static_cast<int64_t>(texts.size()));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Contact again = f.Find(kB, absl::StrCat("+628123456789", i));
    CHECK(again.name == texts[i]);
    CHECK(again.notes == texts[i]);
    CHECK(again.address == texts[i]);
    CHECK(again.tags == std::vector<std::string>{texts[i]});
    CHECK(again.attributes.at("hobi") == texts[i]);
  }
}

TEST_CASE("ExportContacts: all pages, in pieces; a wrong filter is named", "[export]") {
  ExportFixture f;
  f.Sql(
      "INSERT INTO contacts (outlet_id, id, phone, name) SELECT 'toko-a', 'con_' || n, "
      "'+6281' || 1000000 + n, 'N' || n FROM generate_series(1, 2500) n");
  std::string csv;
  REQUIRE_THAT(f.Contacts({}, "viewer-a", &csv), IsOk());
  CHECK(f.pieces == 3);
  const std::vector<std::string> lines = absl::StrSplit(csv, '\n');
  CHECK(lines.size() == 2502);  // the header, and nothing behind the last line's end
  v1::ExportContactsRequest wrong;
  wrong.set_filter("warna = biru");
  CHECK_THAT(f.Contacts(wrong, "viewer-a", &csv), HasFieldViolation("filter"));
  wrong.Clear();
  wrong.set_reason(std::string(300, 'x'));
  CHECK_THAT(f.Contacts(wrong, "viewer-a", &csv), HasFieldViolation("reason"));
}

TEST_CASE("ExportShipments: by filter, with whose they are", "[export]") {
  ExportFixture f;
  const Contact siti = f.Add(kA, "+6281234567890", "Siti");
  f.Ship(kA, "JP1", siti.id, "In Transit");
  f.Ship(kA, "JP2", siti.id, "Delivered");
  v1::ExportShipmentsRequest request;
  request.set_filter("status = \"Delivered\"");
  std::string csv;
  REQUIRE_THAT(f.Shipments(request, &csv), IsOk());
  CHECK(absl::StartsWith(csv, "phone,name,tracking_number,status,"));
  CHECK(absl::StrContains(csv, "\n'+6281234567890,Siti,JP2,Delivered,"));
  CHECK_FALSE(absl::StrContains(csv, "JP1"));
  v1::ImportContactsResponse report;
  REQUIRE_THAT(f.Import(csv, &report, {}, 1000, "operator-b"), IsOk());
  CHECK(report.refused() == 0);
  CHECK(f.Must(kB, [](Store::Unit& u) { return u.FindShipment("JP2"); }).status == "Delivered");
}

}  // namespace
}  // namespace kabar::contacts
