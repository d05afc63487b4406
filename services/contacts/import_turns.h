// Imports of one outlet take turns, chunk by chunk, before they take a connection: waiting for each
// other in the database they could hold all connections. Two chunks of one import may have the turn
// together while nobody else wants it.
//
// Thread safety: safe for concurrent use. Blocks: Take, until the turn comes; first come, first
// served. Nothing fails.
#ifndef KABAR_SERVICES_CONTACTS_IMPORT_TURNS_H_
#define KABAR_SERVICES_CONTACTS_IMPORT_TURNS_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>

namespace kabar::contacts {

class ImportTurns {
 public:
  // How many connections may be taken by chunks beside others, whatever the outlet.
  explicit ImportTurns(int most_beside) : most_beside_(most_beside) {}

  // Those of this process.
  static ImportTurns& Instance();

  // How many wait for a turn of the outlet.
  std::size_t Waiting(const std::string& outlet);

  // An import's right to write a chunk, until destruction.
  class Turn {
   public:
    Turn(ImportTurns& turns, const std::string& outlet, const std::string& import,
         bool may_be_beside);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // Another chunk of the import has the turn too.
    bool beside() const { return beside_; }

   private:
    ImportTurns& turns_;
    const std::string outlet_;
    bool beside_ = false;
  };

 private:
  struct Line {
    std::string import = {};  // whose turn it is
    int under_way = 0;
    std::deque<int> waiting = {};
    int last = 0;
  };

  const int most_beside_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Line> lines_;  // by outlet
  int beside_ = 0;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORT_TURNS_H_
