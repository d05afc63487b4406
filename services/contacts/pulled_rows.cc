#include "services/contacts/pulled_rows.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/sha256.h"
#include "libs/base/text.h"
#include "libs/fields/fields.h"
#include "libs/phone/phone.h"
#include "services/contacts/contact.h"

namespace kabar::contacts {
namespace {

constexpr std::size_t kMaxValue = 60;
constexpr std::size_t kMaxKey = 300;  // bytes; longer ones are no numbers of parcels

std::string KeyOf(const std::string& tracking_number, const std::string& phone) {
  return tracking_number.empty() ? absl::StrCat("phone ", phone)
                                 : absl::StrCat("parcel ", tracking_number);
}

RefusedRow RefusedRowOf(const Source& source, const RowProblem& problem,
                        const std::vector<std::string>& cells, absl::Time now) {
  RefusedRow out;
  out.at = now;
  out.field = problem.column;
  out.reason = problem.reason;
  out.message = problem.message;
  std::string tracking_number;
  std::string all;
  std::size_t i = 0;
  for (const auto& [place, name] : source.settings.mapping) {
    std::string cell = cells.at(i++);
    cell.erase(std::remove(cell.begin(), cell.end(), '\0'), cell.end());  // no text of PostgreSQL
    absl::StrAppend(&all, cell.size(), ":", cell);
    if (cell.empty()) continue;
    out.values[name] = std::string(base::TruncateCodepoints(cell, kMaxValue));
    const auto field = fields::Canonical(name);
    if (field && field->name == "phone") {
      if (auto phone = phone::NormalizePhone(cell); phone.ok()) out.phone = *std::move(phone);
    }
    if (field && field->name == "tracking_number") {
      std::string fault;
      tracking_number = NormalizeTrackingNumber(cell, &fault);
      if (!fault.empty()) tracking_number.clear();
    }
  }
  out.key = KeyOf(tracking_number, out.phone);
  if ((tracking_number.empty() && out.phone.empty()) || out.key.size() > kMaxKey) {
    out.key = absl::StrCat("row ", base::Sha256Hex(all));
  }
  return out;
}

}  // namespace

PulledRows PulledRowsOf(const Source& source, const FileChunk& chunk, absl::Time now) {
  PulledRows out;
  for (const ImportRow& row : chunk.rows) {
    out.accepted.push_back(KeyOf(row.tracking_number, row.phone));
  }
  const RefusedRows& refused = chunk.refused;
  for (std::size_t i = 0; i < refused.problems.size(); ++i) {
    out.refused.push_back(RefusedRowOf(source, refused.problems[i], refused.cells.at(i), now));
  }
  return out;
}

}  // namespace kabar::contacts
