#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {

const Commands& AllCommands() {
  static const Commands* const commands = [] {
    auto* all = new Commands;
    for (Commands (*of_noun)() : {ContactCommands,
                                  ImportCommands,
                                  SourceCommands,
                                  ContactMergeCommands,
                                  ContactConsentCommands,
                                  ContactTimelineCommands,
                                  ContactAttributeCommands,
                                  ContactExportCommands,
                                  ContactPersonalDataCommands,
                                  SegmentCommands,
                                  FactCommands,
                                  TemplateCommands,
                                  ProviderTemplateCommands,
                                  CampaignCommands,
                                  HolidayCommands,
                                  EventCommands,
                                  AutomationCommands,
                                  PortfolioCommands,
                                  SenderCommands,
                                  MediaCommands,
                                  MessageCommands,
                                  DeadLetterCommands,
                                  LaneCommands,
                                  SendingCommands,
                                  AuditCommands,
                                  VerifyCommands}) {
      Commands some = of_noun();
      std::move(some.begin(), some.end(), std::back_inserter(*all));
    }
    return all;
  }();
  return *commands;
}

std::string FullName(const Command& command) {
  return absl::StrCat(command.noun, command.verb.empty() ? "" : " ", command.verb);
}

const std::vector<Option>& GlobalOptions() {
  static const auto* const options = [] {
    auto* all = new std::vector<Option>{
        {.name = "json", .help = "protobuf JSON instead of tables"},
        {.name = "timeout",
         .value = "TIME",
         .help = "of each call: 90s, 15m (default 30s; imports 1h)"},
        {.name = "api-key-file", .value = "FILE", .help = "the file that holds the API key"},
        {.name = "api-key",
         .value = "KEY",
         .help = "the key itself, which others on this machine can see; else KABAR_API_KEY"},
    };
    for (std::size_t i = 0; i < kAreas; ++i) {
      const Area area = static_cast<Area>(i);
      all->push_back({.name = AddressOption(area),
                      .value = "ADDRESS",
                      .help = absl::StrCat("of ", AreaName(area), "; else ", AddressVariable(area),
                                           ", else ", DefaultAddress(area))});
    }
    return all;
  }();
  return *options;
}

}  // namespace kabar::kabarctl
