#include "tools/kabarctl/campaigns_preflight.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/base/status.h"
#include "libs/testing/temp_dir.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using Catch::Contains;
using testing::Services;

campaigns::v1::PreflightCampaignResponse Page(const std::string& phone, const std::string& reason) {
  campaigns::v1::PreflightCampaignResponse page;
  page.set_audience(1000);
  page.set_done(500);
  auto& row = *page.add_rows();
  row.set_phone(phone);
  row.set_tracking_number("JP1, JP2");
  row.set_outcome(campaigns::v1::WOULD_BE_REFUSED);
  row.set_reason(reason);
  row.set_variable("estimate");
  row.set_advice("Fill in the \"field\".");
  return page;
}

struct Preflight : Services {
  Preflight() {
    world.preflight = {Page("+62811", "MISSING_VARIABLE"), Page("", "NO_PHONE")};
    auto& well = *world.preflight.back().add_rows();
    well.set_phone("+62813");
    well.set_tracking_number("JP3");
    well.set_outcome(campaigns::v1::WOULD_BE_SENT);
    well.set_text("Halo Siti,\npaket JP3");
    well.set_provider_template("pagi");
    auto& last = world.preflight.emplace_back();
    last.set_audience(1000);
    last.set_done(1000);
    auto& summary = *last.mutable_summary();
    summary.set_audience(1000);
    summary.set_to_send(998);
    summary.set_refused(2);
    summary.set_as_text(8);
    summary.set_as_template(990);
    summary.set_merged(12);
    auto& reason = *summary.add_reasons();
    reason.set_outcome(campaigns::v1::WOULD_BE_REFUSED);
    reason.set_reason("NO_PHONE");
    reason.set_messages(1);
    reason.set_advice("Give the contact a phone number.");
    auto& sample = *summary.add_samples();
    sample.set_phone("+62812");
    sample.set_text("Halo Budi,\npaket Anda");
    sample.set_provider_template("pagi");
    summary.mutable_plan()->set_messages(998);
    auto& cost = *summary.mutable_cost();
    cost.set_rupiah(356400);
    cost.set_unpriced(8);
    auto& item = *cost.add_items();
    item.set_country("ID");
    item.set_category("UTILITY");
    item.set_messages(990);
    item.set_rupiah(356400);
  }
  kabar::testing::TempDir folder;
};

TEST_CASE("campaigns preflight: the summary, and the plan below it", "[kabarctl]") {
  Preflight f;
  const auto told = f.Run({"campaigns", "preflight", "cmp_1"});
  INFO(told.error);
  REQUIRE(told.code == 0);
  CHECK_FALSE(f.world.preflight_asked.with_rows());
  CHECK_THAT(told.out, Contains("1000 messages: 998 would be sent, 0 suppressed, 2 refused."));
  CHECK_THAT(told.out, Contains("12 shipments are told of in another one's message"));
  CHECK_THAT(told.out, Contains("990 of them as WhatsApp templates, 8 as text"));
  CHECK_THAT(told.out, Contains("1  refused  NO_PHONE  Give the contact a phone number."));
  CHECK_THAT(told.out, Contains("+62812 (goes as template pagi): Halo Budi, paket Anda"));
  CHECK_THAT(told.out, Contains("998 messages to be sent"));
  CHECK_THAT(told.out, Contains("Cost by the rate card: about Rp356.400."));
  CHECK_THAT(told.out, Contains("990 messages, UTILITY, ID: Rp356.400"));
  CHECK_THAT(told.out, Contains("8 messages that the rate card has no price for"));
}

TEST_CASE("campaigns preflight: the rest as CSV that a table program opens safely", "[kabarctl]") {
  Preflight f;
  const std::string path = f.folder.path() + "/rest.csv";
  const auto told = f.Run({"campaigns", "preflight", "cmp_1", "--csv", path});
  REQUIRE(told.code == 0);
  CHECK(f.world.preflight_asked.with_rows());
  CHECK(ReadFile(path).value() ==
        "phone,tracking_number,outcome,reason,field,what_to_do,provider_template,text\n"
        "'+62811,\"JP1, JP2\",refused,MISSING_VARIABLE,estimate,\"Fill in the \"\"field\"\".\",,\n"
        ",\"JP1, JP2\",refused,NO_PHONE,estimate,\"Fill in the \"\"field\"\".\",,\n"
        "'+62813,JP3,sent,,,,pagi,\"Halo Siti, paket JP3\"\n");
}

TEST_CASE("campaigns preflight: no half a file after a failure", "[kabarctl]") {
  Preflight f;
  f.world.refuse = base::Error(absl::StatusCode::kFailedPrecondition, "WRONG_CAMPAIGN_STATE",
                               "campaign cmp_1 is RUNNING");
  const std::string path = f.folder.path() + "/rest.csv";
  const auto told = f.Run({"campaigns", "preflight", "cmp_1", "--csv", path});
  CHECK(told.code == 1);
  CHECK_THAT(told.error, Contains("is RUNNING"));
  CHECK_FALSE(ReadFile(path).ok());
  CHECK_FALSE(ReadFile(path + ".part").ok());
}

}  // namespace
}  // namespace kabar::kabarctl
