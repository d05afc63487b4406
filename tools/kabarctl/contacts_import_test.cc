#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/status.h"
#include "libs/testing/temp_dir.h"
#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using kabar::testing::TempDir;
using testing::Outcome;
using testing::Services;

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

contacts::v1::ImportContactsResponse Report(int accepted, int refused) {
  contacts::v1::ImportContactsResponse report;
  report.set_rows(accepted + refused);
  report.set_accepted(accepted);
  report.set_refused(refused);
  for (int i = 0; i < refused; ++i) {
    auto* problem = report.add_problems();
    problem->set_row(i + 2);
    problem->set_column("no_hp");
    problem->set_reason("PHONE_INVALID");
    problem->set_message("\"12\" is no phone number");
    report.set_refused_csv("nama,no_hp,row,column,reason\nBudi,12,2,no_hp,PHONE_INVALID\n");
  }
  return report;
}

TEST_CASE("contacts import: sends exactly the file's bytes in bounded pieces", "[kabarctl]") {
  Services services;
  services.world.import_report = Report(2, 0);
  const TempDir folder;
  std::string csv = "nama,no_hp\n";
  while (csv.size() < 700 * 1024) csv += "Bu di,0812\"\"\r\n";
  const std::string file = folder.WriteFile("pagi.csv", csv);

  const Outcome done = services.Run(
      {"contacts", "import", file, "--map", "No. Paket=no_resi", "--delimiter", "\\t"});
  CHECK(done.error.empty());
  REQUIRE(done.code == 0);
  CHECK(services.world.imported == csv);
  CHECK(services.world.pieces == 3);
  CHECK(services.world.largest_piece == 256 * 1024);
  CHECK(services.world.import_options.mapping().at("No. Paket") == "no_resi");
  CHECK(services.world.import_options.delimiter() == "\t");
  CHECK(services.world.import_options.request_id().size() > 10);
  CHECK_THAT(done.out, Catch::StartsWith("2 rows: 2 accepted, 0 refused\n"));
  CHECK_FALSE(std::ifstream(file + ".refused.csv").is_open());
}

TEST_CASE("contacts import: refused rows are told and kept beside the file", "[kabarctl]") {
  Services services;
  services.world.import_report = Report(1, 1);
  const TempDir folder;
  const std::string file = folder.WriteFile("pagi.csv", "nama,no_hp\nBudi,12\nSiti,0812\n");

  const Outcome done = services.Run({"contacts", "import", file});
  CHECK(done.code == 0);
  CHECK_THAT(done.out, Catch::Contains("2  no_hp   PHONE_INVALID  \"12\" is no phone number"));
  CHECK_THAT(done.error, Catch::Contains("refused rows: " + file + ".refused.csv"));
  CHECK(Slurp(file + ".refused.csv") == services.world.import_report.refused_csv());
  struct stat info = {};
  REQUIRE(stat((file + ".refused.csv").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);

  CHECK(services.Run({"contacts", "import", file, "--strict"}).code == 1);
}

TEST_CASE("contacts import: from standard input, as JSON without the refused bytes", "[kabarctl]") {
  Services services;
  services.world.import_report = Report(1, 1);
  const TempDir folder;
  CHECK(services.Run({"contacts", "import", "-"}, "a,b\n").code == 2);

  const std::string refused = folder.File("out.csv");
  const Outcome done =
      services.Run({"contacts", "import", "-", "--json", "--refused", refused}, "a,b\n1,2\n");
  REQUIRE(done.code == 0);
  CHECK(services.world.imported == "a,b\n1,2\n");
  const auto json = nlohmann::json::parse(done.out);
  CHECK(json["rows"] == "2");
  CHECK(json["refused"] == "1");
  CHECK(json["problems"][0]["reason"] == "PHONE_INVALID");
  CHECK(json["refused_csv"] == "");
  CHECK(Slurp(refused) == services.world.import_report.refused_csv());
}

TEST_CASE("contacts import: one that breaks off is begun again under its request id",
          "[kabarctl]") {
  Services services;
  services.world.import_report = Report(2, 0);
  services.world.import_report.set_rows_before(1);
  services.world.breaks = 1;
  const TempDir folder;
  const std::string file = folder.WriteFile("pagi.csv", "hp\n1\n2\n");
  const Outcome done = services.Run({"contacts", "import", file, "--request-id", "pagi-1"});
  REQUIRE(done.code == 0);
  CHECK(services.world.imported == "hp\n1\n2\nhp\n1\n2\n");
  CHECK(services.world.import_request_ids == std::vector<std::string>{"pagi-1", "pagi-1"});
  CHECK_THAT(done.out, Catch::Contains("1 were taken before the import broke off"));

  // Standard input cannot be read again: the command says how to go on.
  services.world.breaks = 1;
  const Outcome piped = services.Run(
      {"contacts", "import", "-", "--refused", folder.File("r"), "--request-id", "pagi-2"}, "hp\n");
  CHECK(piped.code == 3);
  CHECK_THAT(piped.error, Catch::Contains("--request-id pagi-2"));
}

TEST_CASE("contacts import: a file that is refused as a whole", "[kabarctl]") {
  Services services;
  services.world.refuse =
      base::InvalidField("options.mapping", "there is no column no_resi; the file has nama, no_hp");
  const TempDir folder;
  const std::string file = folder.WriteFile("pagi.csv", std::string(2 << 20, 'x'));
  const Outcome done = services.Run({"contacts", "import", file});
  CHECK(done.code == 1);
  CHECK(done.out.empty());
  CHECK(done.error == "kabarctl: --map: there is no column no_resi; the file has nama, no_hp\n");
}

TEST_CASE("contacts import: a file that is not there", "[kabarctl]") {
  Services services;
  const Outcome done = services.Run({"contacts", "import", "/nowhere/pagi.csv"});
  CHECK(done.code == 1);
  CHECK(done.error ==
        "kabarctl: cannot read /nowhere/pagi.csv: No such file or directory [FILE]\n");
  const TempDir folder;
  CHECK_THAT(services.Run({"contacts", "import", folder.path()}).error,
             Catch::Contains("Is a directory"));
}

}  // namespace
}  // namespace kabar::kabarctl
