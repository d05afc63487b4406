#include "services/dispatcher/parts.h"

#include <catch2/catch.hpp>

#include "services/dispatcher/stored_parts.h"

namespace kabar::dispatcher {
namespace {

constexpr char kId[] = "20261122-aaaaaaaaaabbbbbbcccccccccc";

TEST_CASE("ButtonPayload: comes back as answer and message", "[dispatcher]") {
  const std::string payload = ButtonPayload("YA@rumah", kId);
  CHECK(ParseButtonPayload(payload).answer == "YA@rumah");
  CHECK(ParseButtonPayload(payload).message_id == kId);
}

TEST_CASE("ParseButtonPayload: what is none of ours is the answer itself", "[dispatcher]") {
  for (const char* payload : {"YA", "", "@", "YA@", "budi@toko.id", "YA@20261122-short",
                              "YA@20261322-aaaaaaaaaabbbbbbcccccccccc"}) {
    CAPTURE(payload);
    CHECK(ParseButtonPayload(payload).answer == payload);
    CHECK(ParseButtonPayload(payload).message_id.empty());
  }
}

TEST_CASE("EncodeParts: nothing for a message of text, else all of it", "[dispatcher]") {
  CHECK(EncodeParts({}, {.name = "a", .language = "id", .parameters = {"x"}}).empty());
  const Parts parts{
      .header_kind = HeaderKind::kDocument,
      .media_link = "https://t.id/a.pdf",
      .filename = "a.pdf",
      .footer = "Toko",
      .buttons = {{.title = "YA", .answer = "YA"}, {.title = "B", .url = "https://b"}}};
  const ProviderForm form{.name = "a",
                          .parameter_names = {"nama"},
                          .header_parameters = {"h"},
                          .links = {{2, "JP1"}},
                          .replies = {{0, "YA"}},
                          .with_header = true};
  Parts read;
  ProviderForm rest;
  DecodeParts(EncodeParts(parts, form), &read, &rest);
  CHECK(read == parts);
  CHECK(rest.parameter_names == form.parameter_names);
  CHECK(rest.header_parameters == form.header_parameters);
  CHECK(rest.links == form.links);
  CHECK(rest.replies == form.replies);
  CHECK(rest.with_header);
  DecodeParts("\xff\xff", &read, &rest);  // never throws
}

}  // namespace
}  // namespace kabar::dispatcher
