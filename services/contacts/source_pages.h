// The pages of a tracking API's list: what is asked next, from the first page to the last, and
// their items -> records, as of a file.
//
// A place that an item does not have says nothing; null and "" are an empty cell, as of a file; a
// list or an object there refuses the row. An item without any of the places is none of those that
// were expected: the answer is wrong, whatever the others say.
//
// Thread safety: one thread. Nothing blocks. Errors: FAILED_PRECONDITION (SOURCE_ANSWER) with what
// was expected where; never with what was answered.
#ifndef KABAR_SERVICES_CONTACTS_SOURCE_PAGES_H_
#define KABAR_SERVICES_CONTACTS_SOURCE_PAGES_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/sha256.h"
#include "services/contacts/csv_reader.h"
#include "services/contacts/source.h"

namespace kabar::contacts {

class SourcePages {
 public:
  // Both outlive it.
  SourcePages(const Source& source, const SourceHosts& hosts);

  // Its columns, which come before all other records.
  CsvRecord Header() const;
  // The URL of the page to ask for; nullopt: the last one was read.
  const std::optional<std::string>& Next() const { return next_; }
  // There is no such page (HTTP 404). False: then the API is not where it should be; true: it is
  // behind the last one, which has been read.
  bool NoSuchPage();
  // The answer to it.
  absl::StatusOr<std::vector<CsvRecord>> Read(absl::string_view body);
  // The since-token of the answers; "" where none said one.
  const std::string& since() const { return since_; }
  // Of the mapping, those that no item had; none where there were no items.
  std::vector<std::string> MissingPlaces() const;

 private:
  absl::Status Follow(const std::string& next, bool empty);
  std::string First() const;

  const Source& source_;
  const SourceHosts& hosts_;
  std::optional<std::string> next_;
  int page_ = 0;
  int pages_ = 0;
  std::set<std::string> seen_;                // cursors and links: none may come twice
  std::optional<base::Sha256Digest> before_;  // the items of the page before
  std::set<std::string> found_;               // places of the mapping
  int64_t items_ = 0;
  std::string since_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SOURCE_PAGES_H_
