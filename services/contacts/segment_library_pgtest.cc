// The ready-made segments: installed once, and each finds its people.
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::StatusIs;

using Stub = Server::Stub;

TEST_CASE("Segments API: the library is installed once", "[handler]") {
  Server s;
  v1::CreateSegmentRequest own;
  own.mutable_segment()->set_name("PELANGGAN vip");
  own.mutable_segment()->set_filter("vip = true");
  v1::Segment saved;
  REQUIRE_THAT(s.Call(&Stub::CreateSegment, own, &saved), IsOk());
  v1::InstallLibrarySegmentsRequest some;
  some.add_codes("pembeli-30-hari");
  some.add_codes("pembeli-30-hari");
  v1::InstallLibrarySegmentsResponse installed;
  REQUIRE_THAT(s.Call(&Stub::InstallLibrarySegments, some, &installed), IsOk());
  CHECK(installed.installed_size() == 1);
  CHECK(installed.present_size() == 0);
  v1::InstallLibrarySegmentsRequest all;
  REQUIRE_THAT(s.Call(&Stub::InstallLibrarySegments, all, &installed), IsOk());
  std::vector<std::string> present(installed.present().begin(), installed.present().end());
  CHECK(present == std::vector<std::string>{"pembeli-30-hari", "vip"});
  const int rest = installed.installed_size();
  REQUIRE_THAT(s.Call(&Stub::InstallLibrarySegments, all, &installed), IsOk());
  CHECK(installed.installed_size() == 0);
  CHECK(installed.present_size() == rest + 2);
  CHECK_THAT(s.Call(&Stub::InstallLibrarySegments, all, &installed, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  some.add_codes("nothing");
  CHECK_THAT(s.Call(&Stub::InstallLibrarySegments, some, &installed), HasFieldViolation("codes"));
}

// Whom each finds, and who only looks like it.
TEST_CASE("Segments API: each of the library finds its people and nobody else", "[handler]") {
  Server s;
  struct Customer {
    const char* name;
    const char* set;  // of his row
    const char* status;
    int shipments;
  };
  const Customer customers[] = {
      {"Sering", "notes = ''", "Delivered", 6},
      {"Sekali", "notes = ''", "Delivered", 1},
      {"Vip", "vip = true", "", 0},
      {"Bertag", "tags = '{VIP}'", "", 0},
      {"Biasa", "vip = false, tags = '{vipers}'", "", 0},
      {"Reguler", "service_type = 'Reguler', city = 'Kota Jakarta Selatan'", "", 0},
      {"Regular", "service_type = 'REGULAR', city = 'Jakarta'", "", 0},
      {"Express", "service_type = 'Express', city = 'Surabaya'", "", 0},
      {"Cod", "service_type = 'COD', city = 'Bandung'", "", 0},
      {"Noncod", "service_type = 'Non-COD', city = 'Kab. Bandung Barat'", "", 0},
      {"Korporat", "service_type = 'Korporat', city = 'Medan'", "", 0},
      {"Sumedang", "service_type = 'lain', city = 'Kab. Sumedang'", "", 0},
      {"Semarang", "city = 'Semarang'", "", 0},
      {"Makassar", "city = 'Kota Makassar'", "", 0},
      {"Jalan", "notes = ''", "Sedang diantar kurir", 1},
      {"Out", "notes = ''", "Out for Delivery", 1},
      {"Selesai", "notes = ''", "Telah diantar", 1},
      {"Gagal", "notes = ''", "Gagal diantar", 1},
      {"Menunggu", "notes = ''", "Menunggu pengantaran", 1},
      {"Kemarin", "notes = ''", "Out for Delivery", 1},
      {"Pemesan", "notes = 'ORDER 29 days'", "", 0},
      {"Dulu", "notes = 'ORDER 31 days'", "", 0},
      {"Pengeluh", "notes = 'COMPLAINT 1 day'", "", 0},
  };
  int number = 0;
  for (const Customer& one : customers) {
    ++number;
    const v1::Contact made = s.Create(absl::StrCat("08120000", 1000 + number), one.name);
    s.Sql(absl::StrCat("UPDATE contacts SET ", one.set, " WHERE id = '", made.id(), "'"));
    for (int i = 0; i < one.shipments; ++i) {
      s.Ship(kA, absl::StrCat("N", number, "-", i), made.id(), one.status);
    }
  }
  s.Sql(
      "INSERT INTO facts (outlet_id, kind, source, reference, contact_id, open, amount, at) "
      "SELECT outlet_id, split_part(notes, ' ', 1), 'triggers', id, id, true, 0, "
      "now() - substr(notes, strpos(notes, ' '))::interval FROM contacts WHERE notes <> ''");
  s.Sql(
      "UPDATE shipments SET updated_at = now() - interval '2 days', created_at = now() - "
      "interval '31 days' WHERE contact_id = (SELECT id FROM contacts WHERE name = 'Kemarin')");
  v1::InstallLibrarySegmentsResponse installed;
  REQUIRE_THAT(
      s.Call(&Stub::InstallLibrarySegments, v1::InstallLibrarySegmentsRequest(), &installed),
      IsOk());
  std::map<std::string, std::string> found;
  for (const v1::Segment& segment : installed.installed()) {
    found[segment.name()] = s.Names(kA, segment.filter());
  }
  const std::map<std::string, std::string> expected = {
      {"Pembeli 30 hari terakhir", "Gagal Jalan Menunggu Out Pemesan Sekali Selesai Sering"},
      {"Lebih dari 5 kiriman sebulan", "Sering"},
      {"Pelanggan VIP", "Bertag Vip"},
      {"Layanan reguler", "Regular Reguler"},
      {"Layanan express", "Express"},
      {"Layanan COD", "Cod"},
      {"Layanan korporat", "Korporat"},
      {"Kota Jakarta", "Regular Reguler"},
      {"Kota Surabaya", "Express"},
      {"Kota Bandung", "Cod"},
      {"Kota Medan", "Korporat"},
      {"Kota Semarang", "Semarang"},
      {"Kota Makassar", "Makassar"},
      {"Paket diantar hari ini", "Jalan Out"},
  };
  CHECK(found == expected);
  v1::ListLibrarySegmentsResponse library;
  REQUIRE_THAT(
      s.Call(&Stub::ListLibrarySegments, v1::ListLibrarySegmentsRequest(), &library, "viewer-a"),
      IsOk());
  CHECK(library.segments_size() == static_cast<int>(expected.size()));
}

}  // namespace
}  // namespace kabar::contacts
