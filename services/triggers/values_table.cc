#include "services/triggers/values_table.h"

#include <utility>

#include "libs/fields/fields.h"

namespace kabar::triggers {

void ValuesTable::AddRow(const StepWork& step, const Person& person) {
  std::vector<std::string> row(columns_.size());
  for (const Variable& variable : step.variables) {
    Put({VariableName(variable.name), variable.value}, &row);
  }
  for (const Variable& field : person.fields) Put(field, &row);
  Put({"name", step.name}, &row);
  rows_.push_back(std::move(row));
}

// The first value of a name counts.
void ValuesTable::Put(const Variable& variable, std::vector<std::string>* row) {
  if (variable.value.empty()) return;
  const auto [at, added] = index_.emplace(fields::Key(variable.name), columns_.size());
  if (added) columns_.push_back(variable.name);
  if (row->size() < columns_.size()) row->resize(columns_.size());
  std::string& value = (*row)[at->second];
  if (value.empty()) value = variable.value;
}

std::vector<std::vector<std::string>> ValuesTable::TakeRows() {
  for (std::vector<std::string>& row : rows_) row.resize(columns_.size());
  return std::move(rows_);
}

}  // namespace kabar::triggers
