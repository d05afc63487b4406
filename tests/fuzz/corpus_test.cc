// The inputs that fuzzing found worth keeping, once more: a crash ends this program.
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace kabar {
namespace {

TEST_CASE("fuzz: every input of the corpus is answered", "[fuzz]") {
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KABAR_FUZZ_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    INFO(entry.path());
    CHECK(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) ==
          0);
    ++inputs;
  }
  CHECK(inputs >= 20);
}

}  // namespace
}  // namespace kabar
