#include "tools/kabarctl/program.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "libs/testing/temp_dir.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using testing::Outcome;
using testing::Services;

TEST_CASE("Run: help at each level names everything of that level", "[kabarctl]") {
  Services services;
  const Outcome all = services.Run({"--help"});
  CHECK(all.code == 0);
  for (const Command& command : AllCommands()) {
    CHECK_THAT(all.out, Catch::Contains("  " + command.noun + " " + command.verb + " "));
    const Outcome noun = services.Run({command.noun, "--help"});
    CHECK(noun.code == 0);
    CHECK_THAT(noun.out, Catch::Contains(command.summary));
    const Outcome one = services.Run({command.noun, command.verb, "-h"});
    CHECK(one.code == 0);
    for (const Option& option : command.options) {
      CHECK_THAT(one.out, Catch::Contains("--" + option.name));
    }
    for (const Positional& positional : command.positionals) {
      CHECK_THAT(one.out, Catch::Contains(positional.name));
    }
    CHECK_THAT(one.out, Catch::Contains("--json"));
  }
  CHECK(services.Run({"help", "campaigns", "create"}).out ==
        services.Run({"campaigns", "create", "--help"}).out);
  CHECK(services.Run({"help"}).out == all.out);
}

TEST_CASE("AllCommands: each once, each option described and named once", "[kabarctl]") {
  std::set<std::string> names;
  for (const Command& command : AllCommands()) {
    const std::string name = command.noun + " " + command.verb;
    INFO(name);
    CHECK(names.insert(name).second);
    CHECK(command.run != nullptr);
    CHECK_FALSE(command.summary.empty());
    std::set<std::string> options;
    for (const Option& option : GlobalOptions()) options.insert(option.name);
    for (const Option& option : command.options) {
      INFO(option.name);
      CHECK(options.insert(option.name).second);
      CHECK_FALSE(option.help.empty());
    }
  }
  for (const char* must : {"contacts import",
                           "contacts list",
                           "contacts get",
                           "segments create",
                           "segments count",
                           "segments explain",
                           "segments library",
                           "segments install-library",
                           "segments list",
                           "templates create",
                           "templates update",
                           "templates list",
                           "templates preview",
                           "templates lint",
                           "templates diff",
                           "templates library",
                           "templates install-library",
                           "automations variables",
                           "campaigns create",
                           "campaigns list",
                           "campaigns get",
                           "campaigns plan",
                           "campaigns schedule",
                           "campaigns start",
                           "campaigns pause",
                           "contacts consents",
                           "contacts opt-in",
                           "contacts opt-out",
                           "contacts duplicates",
                           "contacts timeline",
                           "contacts export",
                           "contacts personal-data",
                           "contacts set-attribute-type",
                           "contacts attribute-types",
                           "shipments export",
                           "contacts erase",
                           "contacts merge",
                           "contacts unmerge",
                           "contacts merges",
                           "campaigns resume",
                           "campaigns cancel",
                           "campaigns retry-failed",
                           "campaigns watch",
                           "campaigns report",
                           "events publish",
                           "automations create",
                           "automations list",
                           "portfolios create",
                           "portfolios list",
                           "portfolios update",
                           "senders add",
                           "senders list",
                           "messages list",
                           "dead-letters list",
                           "dead-letters get",
                           "dead-letters retry",
                           "dead-letters drop",
                           "pause ",
                           "resume ",
                           "drain ",
                           "sending ",
                           "audit ",
                           "provider-templates register",
                           "provider-templates list",
                           "verify "}) {
    CHECK(names.count(must) == 1);
  }
}

TEST_CASE("Run: wrong usage has exit code 2 and says what is meant", "[kabarctl]") {
  Services services;
  CHECK(services.Run({}).code == 2);
  CHECK(services.Run({"campaigns"}).code == 2);
  Outcome wrong = services.Run({"campaign", "list"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.error, Catch::Contains("(did you mean campaigns?)"));
  wrong = services.Run({"campaigns", "strat", "x"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.error, Catch::Contains("(did you mean start?)"));
  wrong = services.Run({"campaigns", "start"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.error, Catch::Contains("ID is missing"));
  CHECK_THAT(wrong.error, Catch::Contains("see kabarctl campaigns start --help"));
  wrong = services.Run({"segments", "list", "--timeout", "0"});
  CHECK(wrong.code == 2);
}

TEST_CASE("Run: without a key, or with a wrong one", "[kabarctl]") {
  Services services;
  const Outcome none = services.Run({"segments", "list"}, "", "");
  CHECK(none.code == 2);
  CHECK_THAT(none.error, Catch::Contains("set KABAR_API_KEY"));
  const Outcome wrong = services.Run({"segments", "list"}, "", "stranger");
  CHECK(wrong.code == 1);
  CHECK_THAT(wrong.error, Catch::Contains("check KABAR_API_KEY"));
  CHECK_THAT(services.Run({"segments", "list"}, "", "two words").error, Catch::Contains("blanks"));
}

TEST_CASE("Run: a key from a file and an address from a flag come before the environment",
          "[kabarctl]") {
  Services services;
  const kabar::testing::TempDir folder;
  const std::string file = folder.WriteFile("key", "owner-a\n");
  CHECK(services.Run({"segments", "list", "--api-key-file", file}, "", "stranger").code == 0);
  // Nothing listens on port 1.
  const Outcome away = services.Run({"--contacts-address", "127.0.0.1:1", "segments", "list"});
  CHECK(away.code == 3);
  CHECK_THAT(away.error,
             Catch::StartsWith("kabarctl: contacts cannot be reached at 127.0.0.1:1 ("));
  CHECK_THAT(away.error, Catch::Contains("KABAR_CONTACTS_ADDRESS"));
}

TEST_CASE("segments list: as many pages as --limit needs, and says when there is more",
          "[kabarctl]") {
  Services services;
  for (const char* id : {"seg_a", "seg_b", "seg_c", "seg_d", "seg_e"}) {
    services.world.segments.emplace_back().set_id(id);
  }
  const auto entries = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"segments", "list", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return nlohmann::json::parse(services.Run(words).out);
  };
  CHECK(entries({})["segments"].size() == 5);
  CHECK(entries({"--limit", "0"})["next_page_token"] == "");
  const auto three = entries({"--limit", "3"});
  CHECK(three["segments"].size() == 3);
  CHECK(entries({"--page-token", three["next_page_token"]})["segments"][0]["id"] == "seg_d");
  const Outcome table = services.Run({"segments", "list", "--limit", "3"});
  CHECK_THAT(table.out, Catch::StartsWith("ID     NAME  FILTER  CREATED\nseg_a\n"));
  CHECK(table.error == "the first 3; --limit 0 shows all\n");
  services.world.segments.clear();
  CHECK(services.Run({"segments", "list"}).out == "none\n");
}

TEST_CASE("senders add: the token comes from a file or standard input and never goes out",
          "[kabarctl]") {
  Services services;
  const std::vector<std::string> words = {
      "senders", "add",     "--portfolio", "pf_1",  "--phone-number-id",
      "202",     "--phone", "+628111",     "--json"};
  Outcome done = services.Run(words, "secret-1\n");
  REQUIRE(done.code == 0);
  CHECK(services.world.sender.sender().access_token() == "secret-1");
  CHECK_THAT(done.out + done.error, !Catch::Contains("secret-1"));

  const kabar::testing::TempDir folder;
  auto from_file = words;
  from_file.insert(from_file.end(), {"--token-file", folder.WriteFile("t", " secret-2\n")});
  REQUIRE(services.Run(from_file).code == 0);
  CHECK(services.world.sender.sender().access_token() == "secret-2");

  CHECK(services.Run(words, " \n").code == 2);
  auto as_flag = words;
  as_flag.insert(as_flag.end(), {"--access-token", "secret-3"});
  CHECK(services.Run(as_flag).code == 2);
}

}  // namespace
}  // namespace kabar::kabarctl
