#include "services/contacts/import_turns.h"

namespace kabar::contacts {

ImportTurns& ImportTurns::Instance() {
  static auto* const turns = new ImportTurns(2);
  return *turns;
}

std::size_t ImportTurns::Waiting(const std::string& outlet) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto line = lines_.find(outlet);
  return line == lines_.end() ? 0 : line->second.waiting.size();
}

ImportTurns::Turn::Turn(ImportTurns& turns, const std::string& outlet, const std::string& import,
                        bool may_be_beside)
    : turns_(turns), outlet_(outlet) {
  std::unique_lock<std::mutex> lock(turns_.mutex_);
  Line& line = turns_.lines_[outlet];
  beside_ = may_be_beside && line.under_way == 1 && line.import == import && line.waiting.empty() &&
            turns_.beside_ < turns_.most_beside_;
  if (beside_) {
    ++turns_.beside_;
  } else {
    const int number = ++line.last;
    line.waiting.push_back(number);
    turns_.changed_.wait(lock,
                         [&] { return line.under_way == 0 && line.waiting.front() == number; });
    line.waiting.pop_front();
    line.import = import;
  }
  ++line.under_way;
}

ImportTurns::Turn::~Turn() {
  const std::lock_guard<std::mutex> lock(turns_.mutex_);
  const auto line = turns_.lines_.find(outlet_);
  --line->second.under_way;
  if (beside_) --turns_.beside_;
  if (line->second.under_way == 0 && line->second.waiting.empty()) turns_.lines_.erase(line);
  turns_.changed_.notify_all();
}

}  // namespace kabar::contacts
