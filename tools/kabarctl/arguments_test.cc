#include "tools/kabarctl/arguments.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kabar/triggers/v1/triggers.pb.h"
#include "libs/testing/status_matchers.h"
#include "tools/kabarctl/enum_option.h"

namespace kabar::kabarctl {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;
using Words = std::vector<std::string>;

absl::StatusOr<Arguments> Parse(const Words& words) {
  return ParseArguments(
      words, {{.name = "FILE", .help = "the CSV"}, {.name = "MORE", .help = "", .required = false}},
      {{.name = "rate", .value = "RATE", .help = "how fast"},
       {.name = "var", .value = "NAME=VALUE", .repeated = true},
       {.name = "strict"}});
}

TEST_CASE("ParseArguments: options stand anywhere, with a blank or =", "[kabarctl]") {
  const auto arguments =
      Parse({"--rate", "45/min", "a.csv", "--strict", "--var=a=1", "--var", "b="});
  REQUIRE_THAT(arguments, IsOk());
  CHECK(arguments->Get("FILE") == "a.csv");
  CHECK(arguments->Get("rate") == "45/min");
  CHECK(arguments->Has("strict"));
  CHECK_FALSE(arguments->Has("MORE"));
  CHECK(arguments->Get("MORE").empty());
  CHECK(arguments->All("var") == Words{"a=1", "b="});
}

TEST_CASE("ParseArguments: behind -- nothing is an option", "[kabarctl]") {
  const auto arguments = Parse({"--", "--strict", "-"});
  REQUIRE_THAT(arguments, IsOk());
  CHECK(arguments->Get("FILE") == "--strict");
  CHECK(arguments->Get("MORE") == "-");
  CHECK_FALSE(arguments->Has("strict"));
}

TEST_CASE("ParseArguments: a value may be empty or begin with - where = says so", "[kabarctl]") {
  CHECK(Parse({"f", "--rate="})->Has("rate"));
  CHECK(Parse({"f", "--rate=--x"})->Get("rate") == "--x");
  CHECK(Parse({"f", "--rate", "-5"})->Get("rate") == "-5");
}

TEST_CASE("ParseArguments: says what is wrong", "[kabarctl]") {
  const auto refused = [](const Words& words, const std::string& part) {
    const absl::Status status = Parse(words).status();
    CHECK_THAT(status, ReasonIs(kUsage));
    CHECK_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, part));
  };
  refused({}, "FILE is missing: the CSV");
  refused({"f", "--rat", "1"}, "there is no option --rat (did you mean --rate?)");
  refused({"f", "--colour", "1"}, "there is no option --colour");
  refused({"f", "--rate"}, "--rate needs a value: --rate RATE");
  refused({"f", "--rate", "--strict"}, "--rate needs a value");
  refused({"f", "--rate", "1", "--rate", "2"}, "--rate is given twice");
  refused({"f", "--strict=yes"}, "--strict takes no value");
  refused({"a", "b", "c"}, "\"c\" is one argument too many");
  refused({"a\xFF"}, "not UTF-8");
}

TEST_CASE("ParseArguments: a required option is asked for with its help", "[kabarctl]") {
  const auto parsed = ParseArguments(
      {}, {}, {{.name = "rate", .value = "RATE", .help = "how fast", .required = true}});
  CHECK_THAT(parsed.status(),
             StatusIs(absl::StatusCode::kInvalidArgument, "--rate RATE is missing: how fast"));
}

TEST_CASE("Arguments: numbers, time spans and pairs", "[kabarctl]") {
  Arguments arguments;
  arguments.Add("n", "12");
  arguments.Add("bad", "12x");
  arguments.Add("minus", "-1");
  arguments.Add("span", "1h30m");
  arguments.Add("seconds", "90");
  arguments.Add("pair", "nama=Budi=1");
  arguments.Add("twice", "a=1");
  arguments.Add("twice", "a=2");
  arguments.Add("none", "=1");
  CHECK(*arguments.Integer("n", 0) == 12);
  CHECK(*arguments.Integer("absent", 7) == 7);
  CHECK_THAT(arguments.Integer("bad", 0), StatusIs(absl::StatusCode::kInvalidArgument, "--bad"));
  CHECK_THAT(arguments.Integer("minus", 0), ReasonIs(kUsage));
  CHECK(*arguments.Duration("span", absl::ZeroDuration()) == absl::Minutes(90));
  CHECK(*arguments.Duration("seconds", absl::ZeroDuration()) == absl::Seconds(90));
  CHECK_THAT(arguments.Duration("bad", absl::ZeroDuration()), ReasonIs(kUsage));
  CHECK_THAT(arguments.Duration("minus", absl::ZeroDuration()), ReasonIs(kUsage));
  CHECK(arguments.Pairs("pair")->at("nama") == "Budi=1");
  CHECK_THAT(arguments.Pairs("twice"),
             StatusIs(absl::StatusCode::kInvalidArgument, "a is given twice"));
  CHECK_THAT(arguments.Pairs("none"), ReasonIs(kUsage));
}

TEST_CASE("EnumOption: takes every writing of a value, never the unspecified", "[kabarctl]") {
  using triggers::v1::EventType;
  for (const char* text : {"ORDER_CREATED", "OrderCreated", "order-created", "order created"}) {
    Arguments arguments;
    arguments.Add("type", text);
    CHECK(*EnumOption<EventType>(arguments, "type") == triggers::v1::ORDER_CREATED);
  }
  Arguments wrong;
  wrong.Add("type", "EVENT_TYPE_UNSPECIFIED");
  CHECK_THAT(EnumOption<EventType>(wrong, "type"),
             StatusIs(absl::StatusCode::kInvalidArgument, "is none of CONTACT_CREATED"));
  CHECK(*EnumOption<EventType>(wrong, "absent") == triggers::v1::EVENT_TYPE_UNSPECIFIED);
}

}  // namespace
}  // namespace kabar::kabarctl
