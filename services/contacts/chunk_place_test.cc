// Which chunks may be written at once, and who waits for whom.
#include "services/contacts/chunk_place.h"

#include <catch2/catch.hpp>
#include <thread>

namespace kabar::contacts {
namespace {

ImportChunk Chunk(const std::vector<std::string>& phones, const std::vector<std::string>& numbers) {
  ImportChunk chunk;
  for (const std::string& phone : phones) chunk.contacts.push_back({.phone = phone, .bsuid = ""});
  for (const std::string& number : numbers) {
    chunk.shipments.push_back({.tracking_number = number, .phone = "+621", .patch = {}});
  }
  return chunk;
}

TEST_CASE("ChunkPlace: chunks are apart that name nobody and no parcel twice", "[import]") {
  ChunkPlace place;
  CHECK_FALSE(place.Apart(Chunk({"+621"}, {})));  // nothing is known of it
  place.SetChunk(std::make_shared<const ImportChunk>(Chunk({"+622", "+624"}, {"R2", "R4"})));
  CHECK(place.Apart(Chunk({"+621", "+623", "+625"}, {"R1", "R3", "R5"})));
  CHECK(place.Apart(Chunk({}, {})));
  CHECK_FALSE(place.Apart(Chunk({"+621", "+624"}, {"R1"})));
  CHECK_FALSE(place.Apart(Chunk({"+622"}, {})));
  CHECK_FALSE(place.Apart(Chunk({"+621"}, {"R1", "R4"})));
  ImportChunk bsuid = Chunk({"+621"}, {});
  bsuid.contacts[0].bsuid = "ID.1";
  CHECK_FALSE(place.Apart(bsuid));
  ChunkPlace with_bsuid;
  with_bsuid.SetChunk(std::make_shared<const ImportChunk>(bsuid));
  CHECK_FALSE(with_bsuid.Apart(Chunk({"+629"}, {})));
}

TEST_CASE("ChunkPlace: contacts that are known by another phone", "[import]") {
  ChunkPlace place;
  CHECK_FALSE(place.IsAbout({"con_1"}));
  place.SetUnderWay({"con_1", "con_2"});
  CHECK(place.IsAbout({"con_3", "con_2"}));
  CHECK_FALSE(place.IsAbout({"con_3"}));
  place.SetOver(true);
  CHECK_FALSE(place.IsAbout({"con_1"}));
}

TEST_CASE("ChunkPlace: the next chunk waits until this one is under way, or over", "[import]") {
  const bool written = GENERATE(true, false);
  ChunkPlace place;
  bool under_way = false;
  bool over = !written;
  std::jthread next([&] {
    under_way = place.AwaitUnderWay();
    over = place.AwaitOver();
  });
  place.SetUnderWay({});
  CHECK(place.AwaitUnderWay());
  place.SetOver(written);
  next.join();
  CHECK(over == written);
  CHECK_FALSE(place.AwaitUnderWay());
  ChunkPlace failed;
  failed.SetOver(false);
  CHECK_FALSE(failed.AwaitUnderWay());
  CHECK_FALSE(failed.AwaitOver());
}

}  // namespace
}  // namespace kabar::contacts
