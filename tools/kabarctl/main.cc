// Wiring only: the words, the environment and the terminal of this process.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tools/kabarctl/program.h"

namespace {

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that went away (`| head`) ends the output with an error code, not the process.
  std::signal(SIGPIPE, SIG_IGN);
  return kabar::kabarctl::Run(std::vector<std::string>(argv + 1, argv + argc), FromEnvironment,
                              {.in = &std::cin,
                               .out = &std::cout,
                               .error = &std::cerr,
                               .in_is_terminal = isatty(STDIN_FILENO) != 0,
                               .out_is_terminal = isatty(STDOUT_FILENO) != 0,
                               .error_is_terminal = isatty(STDERR_FILENO) != 0});
}
