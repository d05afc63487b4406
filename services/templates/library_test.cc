#include "services/templates/library.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libs/template_lang/template.h"
#include "services/templates/message_template.h"
#include "services/templates/review.h"

namespace kabar::templates {
namespace {

// The sample's text in strict mode, or "REASON(variable)".
std::string Rendered(const LibraryTemplate& one) {
  const auto compiled = template_lang::Compile(one.message);
  INFO(compiled.status().ToString());
  REQUIRE(compiled.ok());
  template_lang::Columns columns;
  std::vector<absl::string_view> row;
  for (const auto& [name, value] : one.sample) {
    columns.row.push_back(name);
    row.push_back(value);
  }
  std::map<std::string, size_t> column_of;
  for (const SampleValues& parcel : one.parcels) {
    for (const auto& [name, value] : parcel) {
      if (column_of.emplace(name, columns.parcel.size()).second) columns.parcel.push_back(name);
    }
  }
  std::vector<std::vector<absl::string_view>> values;
  for (const SampleValues& parcel : one.parcels) {
    values.emplace_back(columns.parcel.size());
    for (const auto& [name, value] : parcel) values.back()[column_of[name]] = value;
  }
  const std::vector<template_lang::Row> parcels(values.begin(), values.end());
  const auto bound = compiled->Bind(columns);
  REQUIRE(bound.ok());
  template_lang::Output out;
  const auto failure = bound->Render(row, parcels, template_lang::Mode::kStrict, &out);
  if (failure.ok()) return out.text;
  return std::string(template_lang::FailureReasonName(failure.reason)) + "(" +
         std::string(failure.variable) + ")";
}

TEST_CASE("Library: each sample reads as written, in strict mode", "[library]") {
  const auto library = Library();
  REQUIRE(library.ok());
  CHECK(library->size() >= 20);
  std::set<std::string> codes;
  std::set<std::string> titles;
  for (const LibraryTemplate& one : *library) {
    INFO(one.code);
    CHECK(CheckCode(one.code).ok());
    CHECK(codes.insert(one.code).second);
    CHECK_FALSE(one.title.empty());
    CHECK(titles.insert(one.title).second);
    CHECK_FALSE(one.sample.empty());
    CHECK_FALSE(one.reads.empty());
    CHECK(Rendered(one) == one.reads);
    CHECK(ReviewMessage(one.message).valid());
  }
}

// A sample value that nothing prints or tests is one that the author forgot.
TEST_CASE("Library: every sample value shows", "[library]") {
  const auto library = Library();
  REQUIRE(library.ok());
  for (const LibraryTemplate& one : *library) {
    INFO(one.code);
    for (size_t i = 0; i < one.sample.size(); ++i) {
      INFO(one.sample[i].first);
      LibraryTemplate less = one;
      less.sample.erase(less.sample.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK(Rendered(less) != one.reads);
    }
  }
}

// The columns and values of tools/kabarstack/morning_file.py: an outlet writes what it likes into
// them, dates in no form.
TEST_CASE("Library: delivery messages take the rows of a morning file", "[library]") {
  const auto library = Library();
  REQUIRE(library.ok());
  const std::set<std::string> delivery = {
      "paket-diantar-hari-ini", "paket-dalam-perjalanan", "paket-terkirim",    "paket-tertunda",
      "pengiriman-gagal",       "konfirmasi-pengiriman",  "konfirmasi-alamat", "siap-diambil",
      "kembali-ke-pengirim",    "pengingat-cod",          "survei-kepuasan"};
  size_t seen = 0;
  for (LibraryTemplate one : *library) {
    if (!delivery.contains(one.code)) continue;
    ++seen;
    INFO(one.code);
    one.parcels.clear();
    for (const std::string estimate :
         {"1 hari", "besok", "14:00", "22/11/2026", "22/11/2026 14:00", ""}) {
      for (const bool delayed : {false, true}) {
        one.sample = {{"nama", "Budi Santoso"},
                      {"no_hp", "0859900000000"},
                      {"kota", "Jakarta"},
                      {"provinsi", "DKI Jakarta"},
                      {"layanan", "reguler"},
                      {"no_resi", "KBR010000000"},
                      {"status_pengiriman", delayed ? "Delayed" : "In Transit"},
                      {"lokasi", "Gudang Jakarta"},
                      {"estimasi", estimate},
                      {"kurir", "Agus"},
                      {"hp_kurir", "0859905000000"},
                      {"alamat_tujuan", "Jl. Melati No. 1, Jakarta"},
                      {"nilai_cod", "50000"},
                      {"alasan_keterlambatan", delayed ? "Hujan deras" : ""},
                      {"estimasi_baru", delayed ? estimate : ""}};
        const std::string text = Rendered(one);
        CHECK_THAT(text, Catch::Contains("KBR010000000") && Catch::Contains("Budi Santoso"));
        const bool shows = one.code == "paket-tertunda" ? delayed
                                                        : one.code == "paket-dalam-perjalanan" ||
                                                              one.code == "konfirmasi-pengiriman" ||
                                                              one.code == "paket-diantar-hari-ini";
        if (shows) CHECK_THAT(text, Catch::Contains(estimate));
      }
    }
  }
  CHECK(seen == delivery.size());
}

TEST_CASE("ParseLibrary: a line that means nothing is named", "[library]") {
  const auto parsed =
      ParseLibrary("# x\n\n=== a\ntitle: A\nnama = Budi\n--- message\nHalo\n\n===\n");
  REQUIRE(parsed.ok());
  CHECK(parsed->at(0).message == "Halo\n\n===");
  CHECK_THAT(std::string(ParseLibrary("=== a\nnama Budi\n").status().message()),
             Catch::Contains("line 2 of the library: \"nama Budi\""));
  CHECK_FALSE(ParseLibrary("stray").ok());
}

}  // namespace
}  // namespace kabar::templates
