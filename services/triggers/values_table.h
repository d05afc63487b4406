// The values of a batch's messages as the table that templates render: the names once, then one row
// a message. An event's own variables come first; what it does not say its contact fills in.
//
// Thread safety: a value. Blocks: never. Errors: none.
#ifndef KABAR_SERVICES_TRIGGERS_VALUES_TABLE_H_
#define KABAR_SERVICES_TRIGGERS_VALUES_TABLE_H_

#include <map>
#include <string>
#include <vector>

#include "services/triggers/peers.h"
#include "services/triggers/step.h"

namespace kabar::triggers {

class ValuesTable {
 public:
  void AddRow(const StepWork& step, const Person& person);

  const std::vector<std::string>& columns() const { return columns_; }
  // Each as long as columns(); an empty value is missing.
  std::vector<std::vector<std::string>> TakeRows();

 private:
  void Put(const Variable& variable, std::vector<std::string>* row);

  std::vector<std::string> columns_;
  std::map<std::string, std::size_t> index_;  // by what the spellings of a name have in common
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_VALUES_TABLE_H_
