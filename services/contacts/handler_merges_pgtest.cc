// Merges and duplicates as callers see them: gRPC in, PostgreSQL behind.
#include <catch2/catch.hpp>
#include <thread>

#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using Stub = Server::Stub;

TEST_CASE("Contacts API: merge, list, undo, each act of a person in the audit log", "[handler]") {
  Server s;
  const v1::Contact siti = s.Create("0812-3456-7890", "Siti");
  const v1::Contact other = s.Create("0812-3456-7891", "Siti R");
  v1::MergeContactsRequest merge;
  v1::ContactMerge merged;
  CHECK_THAT(s.Call(&Stub::MergeContacts, merge, &merged), HasFieldViolation("survivor_id"));
  merge.set_survivor_id(siti.id());
  CHECK_THAT(s.Call(&Stub::MergeContacts, merge, &merged), HasFieldViolation("merged_id"));
  merge.set_merged_id(other.id());
  merge.set_request_id("req-1");
  CHECK_THAT(s.Call(&Stub::MergeContacts, merge, &merged, "viewer-a"), ReasonIs("ROLE_TOO_LOW"));
  CHECK_THAT(s.Call(&Stub::MergeContacts, merge, &merged, "operator-b"),
             ReasonIs("CONTACT_NOT_FOUND"));
  for (int i = 0; i < 2; ++i) REQUIRE_THAT(s.Call(&Stub::MergeContacts, merge, &merged), IsOk());
  CHECK(merged.by() == "operator-a");
  CHECK(merged.merged_before().name() == "Siti R");
  CHECK(s.Sql("SELECT action || ' ' || who || ' ' || request_id FROM audit_log") ==
        "MergeContacts operator-a req-1");

  v1::GetContactRequest get;
  get.set_id(other.id());
  v1::Contact one;
  REQUIRE_THAT(s.Call(&Stub::GetContact, get, &one, "viewer-a"), IsOk());
  CHECK(one.id() == siti.id());
  REQUIRE(one.identities_size() == 2);
  CHECK(one.identities(0).kind() == v1::ContactIdentity::PHONE);
  CHECK(one.identities(1).merged_from() == other.id());

  v1::ListMergesRequest list;
  list.set_page_size(1);
  v1::ListMergesResponse merges;
  REQUIRE_THAT(s.Call(&Stub::ListMerges, list, &merges, "viewer-a"), IsOk());
  REQUIRE(merges.merges_size() == 1);
  CHECK(merges.next_page_token().empty());
  list.set_page_token("nonsense");
  CHECK_THAT(s.Call(&Stub::ListMerges, list, &merges), HasFieldViolation("page_token"));

  v1::UndoMergeRequest undo;
  v1::ContactMerge undone;
  CHECK_THAT(s.Call(&Stub::UndoMerge, undo, &undone), HasFieldViolation("merge_id"));
  undo.set_merge_id(merged.id());
  REQUIRE_THAT(s.Call(&Stub::UndoMerge, undo, &undone), IsOk());
  CHECK(undone.undone_by() == "operator-a");
  REQUIRE_THAT(s.Call(&Stub::GetContact, get, &one), IsOk());
  CHECK(one.name() == "Siti R");
  CHECK(s.Sql("SELECT count(*) FROM audit_log WHERE action = 'UndoMerge'") == "1");
}

TEST_CASE("Contacts API: merges and duplicates page by page", "[handler]") {
  Server s;
  for (int i = 0; i < 4; ++i) {
    v1::CreateContactRequest request;
    request.mutable_contact()->set_phone("08123456789" + std::to_string(i));
    request.mutable_contact()->set_name("Budi");
    request.mutable_contact()->set_address("Jl. Melati 5");
    v1::Contact made;
    REQUIRE_THAT(s.Call(&Stub::CreateContact, request, &made), IsOk());
  }
  v1::ListDuplicatesRequest list;
  list.set_page_size(2);
  v1::ListDuplicatesResponse page, rest;
  REQUIRE_THAT(s.Call(&Stub::ListDuplicates, list, &page, "viewer-a"), IsOk());
  REQUIRE(page.pairs_size() == 2);
  list.set_page_token(page.next_page_token());
  REQUIRE_THAT(s.Call(&Stub::ListDuplicates, list, &rest), IsOk());
  REQUIRE(rest.pairs_size() == 1);
  CHECK(rest.next_page_token().empty());
  for (const v1::DuplicatePair& pair : page.pairs()) {
    v1::MergeContactsRequest merge;
    merge.set_survivor_id(pair.first().id());
    merge.set_merged_id(pair.second().id());
    v1::ContactMerge merged;
    REQUIRE_THAT(s.Call(&Stub::MergeContacts, merge, &merged), IsOk());
  }
  v1::ListMergesRequest merges;
  merges.set_page_size(1);
  v1::ListMergesResponse first, second;
  REQUIRE_THAT(s.Call(&Stub::ListMerges, merges, &first), IsOk());
  merges.set_page_token(first.next_page_token());
  REQUIRE_THAT(s.Call(&Stub::ListMerges, merges, &second), IsOk());
  CHECK(first.merges(0).merged_id() == page.pairs(1).second().id());
  CHECK(second.merges(0).merged_id() == page.pairs(0).second().id());
  CHECK(second.next_page_token().empty());
}

TEST_CASE("Contacts API: a number is taken away by whoever holds the people alone", "[handler]") {
  Server s;
  const v1::Contact siti = s.Create("081234567890", "Siti");
  v1::UpdateContactRequest request;
  request.mutable_contact()->set_id(siti.id());
  request.mutable_contact()->set_phone("081234567899");
  request.mutable_update_mask()->add_paths("phone");
  absl::Status updated;
  std::jthread operators_call;
  const absl::Status held = s.Do(kA, [&](Store::Unit& unit) {
    unit.HoldPeople(/*alone=*/false);  // as an order does, which looks up whose the number is
    operators_call = std::jthread([&] {
      v1::Contact changed;
      updated = s.Call(&Stub::UpdateContact, request, &changed);
    });
    s.AwaitLock();
    CHECK(s.Sql("SELECT count(*) FROM contact_identities WHERE value = '+6281234567890'") == "1");
    return absl::OkStatus();
  });
  operators_call.join();
  CHECK_THAT(held, IsOk());
  CHECK_THAT(updated, IsOk());
  CHECK(s.Sql("SELECT count(*) FROM contact_identities WHERE value = '+6281234567890'") == "0");
}

}  // namespace
}  // namespace kabar::contacts
