#include "tools/cloudsim/record.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "libs/testing/temp_dir.h"
#include "tools/cloudsim/recipients.h"

namespace kabar::cloudsim {
namespace {

Accepted Entry(absl::string_view callback, absl::string_view body, uint32_t recipient = 0) {
  Accepted entry;
  entry.callback = callback;
  entry.body = body;
  entry.recipient = recipient;
  return entry;
}

TEST_CASE("Record: message ids have Meta's shape, are unique and lead back", "[cloudsim]") {
  Record record(false);
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t number = record.Accept(Entry("a", "b"), nullptr);
    const std::string id = record.MessageId(number, "6281234567890");
    CHECK(id.substr(0, 14) == "wamid.HBgNNjI4");
    ids.insert(id);
    uint64_t found = 0;
    REQUIRE(record.FindMessage(id, &found));
    CHECK(found == number);
  }
  CHECK(ids.size() == 1000);
  uint64_t ignored = 0;
  CHECK_FALSE(record.FindMessage("wamid.HBgN", &ignored));
  CHECK_FALSE(record.FindMessage(record.MessageId(1000, "6281234567890"), &ignored));
  CHECK(record.InboundId(5, "6281") != record.MessageId(5, "6281"));
  // Another run's ids are not ours.
  Record restarted(false);
  restarted.Accept(Entry("a", "b"), nullptr);
  CHECK_FALSE(restarted.FindMessage(record.MessageId(0, "6281234567890"), &ignored));
}

TEST_CASE("Record: keeps copies of texts, long ones too", "[cloudsim]") {
  Record record(false);
  std::string text = "callback";
  record.Accept(Entry(text, text), nullptr);
  text = std::string(3 << 20, 'x');
  record.Accept(Entry("b", text), nullptr);
  record.Accept(Entry("c", "after"), nullptr);
  text.clear();
  CHECK(record.entry(0).callback == "callback");
  CHECK(record.entry(1).body.size() == 3 << 20);
  CHECK(record.entry(2).body == "after");
}

TEST_CASE("Record: distinct messages ignore the attempt", "[cloudsim]") {
  CHECK(MessageOfCallback("20260101abc.12") == "20260101abc");
  CHECK(MessageOfCallback("a.b") == "a.b");
  CHECK(MessageOfCallback("a.") == "a.");
  CHECK(MessageOfCallback("") == "");
  Record record(false);
  record.Accept(Entry("m1.1", "x", 0), nullptr);
  record.Accept(Entry("m1.2", "x", 0), nullptr);
  record.Accept(Entry("m2.1", "x", 5), nullptr);
  record.Digest();
  CHECK(record.accepted() == 3);
  CHECK(record.distinct_messages() == 2);
  Accepted nameless = Entry("", "x", 5);
  record.Accept(nameless, nullptr);
  nameless.start_us = 1;
  record.Accept(nameless, nullptr);
  record.Digest();
  CHECK(record.distinct_messages() == 4);
  CHECK(record.distinct_recipients() == 2);
}

TEST_CASE("Record: summary mode gives the same figures without the entries", "[cloudsim]") {
  Record full(false);
  Record summary(true);
  for (Record* record : {&full, &summary}) {
    // In another order: the hash must not care.
    const bool reverse = record == &summary;
    for (int i = 0; i < 100; ++i) {
      const int n = reverse ? 99 - i : i;
      record->Accept(Entry("m" + std::to_string(n) + ".1", "text " + std::to_string(n),
                           static_cast<uint32_t>(n % 10)),
                     nullptr);
    }
    Refused refused;
    refused.code = 131056;
    record->Refuse(refused);
    record->Digest();
  }
  CHECK(full.content_hash() == summary.content_hash());
  CHECK(full.distinct_messages() == summary.distinct_messages());
  CHECK(full.distinct_recipients() == 10);
  CHECK(summary.distinct_recipients() == 10);
  CHECK(summary.refused_by_code().at(131056) == 1);
  int starts = 0;
  summary.ForEachStart([&](const Start&) { ++starts; });
  CHECK(starts == 101);
  Record other(false);
  other.Accept(Entry("m0.1", "another text"), nullptr);
  other.Digest();
  CHECK(other.content_hash() != full.content_hash());
}

TEST_CASE("Record: a reset forgets the entries but never reuses an id", "[cloudsim]") {
  Record record(false);
  record.Accept(Entry("a.1", "x"), nullptr);
  const std::string before = record.MessageId(0, "6281");
  record.Reset();
  record.Digest();
  CHECK(record.accepted() == 0);
  CHECK(record.distinct_messages() == 0);
  const uint64_t next = record.Accept(Entry("b.1", "y"), nullptr);
  CHECK(record.MessageId(next, "6281") != before);
  CHECK(record.entry(next).body == "y");
}

TEST_CASE("Record: a record file lets ids go on behind it", "[cloudsim]") {
  kabar::testing::TempDir directory;
  const std::string path = directory.File("record");
  {
    Record record(false);
    REQUIRE(record.OpenFile(path).ok());
    record.AppendToFile("{\"n\":0,\"id\":\"x\"}\n{\"code\":5}\n{\"n\":1}\n");
  }
  Record record(false);
  REQUIRE(record.OpenFile(path).ok());
  CHECK(record.accepted() == 0);
  CHECK(record.Accept(Entry("a", "b"), nullptr) == 2);
  Record hopeless(false);
  CHECK_FALSE(hopeless.OpenFile(directory.File("no/such")).ok());
}

TEST_CASE("Recipients: a BSUID leads back to its phone", "[cloudsim]") {
  Recipients recipients;
  for (const char* phone : {"6281234567890", "628110000001", "14155550123", "601234567"}) {
    const std::string id = DeriveUserId(phone);
    CHECK(id.size() == 23);
    CHECK(PhoneOfUserId(id) == phone);
    CHECK(recipients.ByUserId(id) == recipients.ByPhone(phone));
  }
  CHECK(DeriveUserId("6281234567890").substr(0, 3) == "ID.");
  CHECK(recipients.ByUserId("ID.00000000000000000001") == Recipients::kNobody);
  CHECK(recipients.ByUserId("ID.1") == Recipients::kNobody);
}

TEST_CASE("Recipients: a customer with a BSUID of his own answers to that one", "[cloudsim]") {
  Recipients recipients;
  CustomerSetup customer;
  customer.phone = "+62 812-0000-0001";
  customer.user_id = "ID.77";
  const uint32_t budi = recipients.Describe(customer);
  CHECK(recipients.ByPhone("6281200000001") == budi);
  CHECK(recipients.ByUserId("ID.77") == budi);
  CHECK(recipients.UserId(budi) == "ID.77");
  CHECK(recipients.ByUserId(DeriveUserId("6281200000001")) == Recipients::kNobody);
}

TEST_CASE("Recipients: a million phones keep their index while the table grows", "[cloudsim]") {
  Recipients recipients;
  for (uint32_t i = 0; i < 1000000; ++i) {
    // Compared by hand: a million assertions would take longer than the table.
    if (recipients.ByPhone(std::to_string(6281000000000 + i)) != i) FAIL("at " << i);
  }
  CHECK(recipients.FindPhone("6281000000000") == 0);
  CHECK(recipients.FindPhone("6281000999999") == 999999);
  CHECK(recipients.FindPhone("6281001000000") == Recipients::kNobody);
  CHECK(recipients.ByPhone("6281000500000") == 500000);
  CHECK(recipients.size() == 1000000);
}

TEST_CASE("PhoneDigits: spellings", "[cloudsim]") {
  CHECK(PhoneDigits("+62 (812) 345.678-9") == "628123456789");
  CHECK(PhoneDigits("0812345678") == "0812345678");
  CHECK(PhoneDigits("123456").empty());
  CHECK(PhoneDigits("1234567890123456").empty());
  CHECK(PhoneDigits("62812x345678").empty());
}

}  // namespace
}  // namespace kabar::cloudsim
