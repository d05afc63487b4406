#include "services/contacts/import_row.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/csv.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/phone/phone.h"
#include "services/contacts/cell_values.h"
#include "services/contacts/time_zone.h"

namespace kabar::contacts {
// Where a field's cell goes: a text, and how long it may be, or what is more than a text.
struct CellTarget {
  enum class Kind {
    kText,
    kPhone,
    kTrackingNumber,
    kDriverPhone,
    kVip,
    kCodPaid,
    kCodAmount,
    kUpdatedAt,
    kTimeZone,
    kSatisfaction
  };
  std::optional<std::string> ContactPatch::*contact = nullptr;
  std::optional<std::string> ShipmentPatch::*shipment = nullptr;
  std::size_t max = kMaxShortText;
  Kind kind = Kind::kText;
};

const CellTarget* FindCellTarget(const fields::Field& field) {
  using C = ContactPatch;
  using S = ShipmentPatch;
  using Kind = CellTarget::Kind;
  static const auto other = [](Kind kind) {
    return CellTarget{nullptr, nullptr, kMaxShortText, kind};
  };
  static const auto* const kTargets = new absl::flat_hash_map<absl::string_view, CellTarget>{
      {"name", {&C::name, nullptr, kMaxShortText}},
      {"address", {&C::address, nullptr, kMaxLongText}},
      {"city", {&C::city, nullptr, kMaxShortText}},
      {"province", {&C::province, nullptr, kMaxShortText}},
      // A file names the service once a row: of the parcel, and so what the customer used last.
      {"service_type", {&C::service_type, &S::service_type, kMaxShortText}},
      {"preferred_time", {&C::preferred_time, nullptr, kMaxShortText}},
      {"notes", {&C::notes, nullptr, kMaxLongText}},
      {"subdistrict", {&C::subdistrict, nullptr, kMaxShortText}},
      {"district", {&C::district, nullptr, kMaxShortText}},
      {"postcode", {&C::postcode, nullptr, kMaxShortText}},
      {"language", {&C::language, nullptr, kMaxShortText}},
      {"style", {&C::style, nullptr, kMaxShortText}},
      {"status", {nullptr, &S::status, kMaxShortText}},
      {"location", {nullptr, &S::location, kMaxLongText}},
      {"estimate", {nullptr, &S::estimate, kMaxShortText}},
      {"driver_name", {nullptr, &S::driver_name, kMaxShortText}},
      {"destination_address", {nullptr, &S::destination_address, kMaxLongText}},
      {"delay_reason", {nullptr, &S::delay_reason, kMaxLongText}},
      {"new_estimate", {nullptr, &S::new_estimate, kMaxShortText}},
      {"phone", other(Kind::kPhone)},
      {"tracking_number", other(Kind::kTrackingNumber)},
      {"driver_phone", other(Kind::kDriverPhone)},
      {"vip", other(Kind::kVip)},
      {"cod_paid", other(Kind::kCodPaid)},
      {"cod_amount", other(Kind::kCodAmount)},
      {"updated_at", other(Kind::kUpdatedAt)},
      {"time_zone", other(Kind::kTimeZone)},
      {"satisfaction", other(Kind::kSatisfaction)},
  };
  const auto found = kTargets->find(field.name);
  return found == kTargets->end() ? nullptr : &found->second;
}

namespace {

using Kind = ImportColumn::Kind;

// What a lookup that found nothing leaves in a cell: no name and no status to write to a customer.
bool IsFormulaError(absl::string_view cell) {
  static constexpr absl::string_view kErrors[] = {"#N/A",    "#REF!", "#VALUE!", "#NAME?",
                                                  "#DIV/0!", "#NUM!", "#NULL!"};
  return !cell.empty() && cell[0] == '#' &&
         std::find(std::begin(kErrors), std::end(kErrors), cell) != std::end(kErrors);
}

// Why a cell is refused; an empty reason: it is not.
struct Fault {
  std::string reason;
  std::string message;
};

class RowBuilder {
 public:
  RowBuilder(absl::TimeZone zone, ImportRow* row) : zone_(zone), row_(row) {}

  Fault Take(const ImportColumn& column, absl::string_view cell) {
    const std::string not_text = TextFault(cell, kMaxLongText);
    if (!not_text.empty()) {
      const bool too_long = base::IsValidUtf8(cell) && cell.find('\0') == absl::string_view::npos;
      return {too_long ? "TOO_LONG" : "NOT_TEXT", not_text};
    }
    if (column.kind != Kind::kIgnored && IsFormulaError(cell)) {
      return {"FORMULA_ERROR",
              "the cell holds a spreadsheet's error instead of a value; mend its formula"};
    }
    switch (column.kind) {
      case Kind::kIgnored:
        return {};
      case Kind::kBsuid:
        row_->bsuid = std::string(cell);
        return CheckLength(cell, kMaxShortText);
      case Kind::kTags:
        row_->contact.tags = SplitTags(cell);
        return TakeTags();
      case Kind::kAttribute:
        return TakeAttribute(column, cell);
      case Kind::kOptIn:
        return TakeOptIn(column.purpose, cell);
      case Kind::kField:
        return TakeField(column, cell);
    }
    return {};
  }

  bool has_shipment_values() const { return has_shipment_values_; }

  static Fault NoPhone() { return {"REQUIRED", "the phone number is missing; fill it in"}; }

 private:
  static Fault CheckLength(absl::string_view cell, std::size_t max) {
    const std::string fault = TextFault(cell, max);
    return fault.empty() ? Fault{} : Fault{"TOO_LONG", fault};
  }

  Fault TakeTags() const {
    if (row_->contact.tags.size() > kMaxTags) {
      return {"TOO_LONG", absl::StrCat("has more than ", kMaxTags, " tags")};
    }
    for (const std::string& tag : row_->contact.tags) {
      if (Fault fault = CheckLength(tag, kMaxShortText); !fault.reason.empty()) return fault;
    }
    return {};
  }

  Fault TakeAttribute(const ImportColumn& column, absl::string_view cell) {
    if (cell.empty()) return {};
    std::string hint;
    std::optional<std::string> stored = StoredAttribute(column.attribute_kind, cell, &hint);
    if (!stored) {
      return {absl::StrCat("INVALID_", AttributeKindName(column.attribute_kind)), hint};
    }
    row_->contact.attributes[column.attribute] = *std::move(stored);
    return {};
  }

  Fault TakeOptIn(Purpose purpose, absl::string_view cell) {
    if (cell.empty()) return {};
    std::optional<bool> agreed;
    Fault fault = TakeYesNo(cell, agreed);
    if (agreed == true) row_->opt_ins.push_back(purpose);
    return fault;
  }

  Fault TakeField(const ImportColumn& column, absl::string_view cell) {
    const fields::Field& field = column.field;
    if (field.owner == fields::Owner::kShipment && field.name != "tracking_number" &&
        !cell.empty()) {
      has_shipment_values_ = true;
    }
    if (column.target == nullptr) {
      return {"UNKNOWN_FIELD", absl::StrCat("the import does not know the field ", field.name)};
    }
    switch (column.target->kind) {
      case CellTarget::Kind::kText:
        return TakeText(*column.target, cell);
      case CellTarget::Kind::kPhone:
        return TakePhone(cell);
      case CellTarget::Kind::kTrackingNumber:
        return TakeTrackingNumber(cell);
      case CellTarget::Kind::kDriverPhone:
        return TakeDriverPhone(cell);
      case CellTarget::Kind::kVip:
        return cell.empty() ? Fault{} : TakeYesNo(cell, row_->contact.vip);
      case CellTarget::Kind::kCodPaid:
        if (!cell.empty()) return TakeYesNo(cell, row_->shipment.cod_paid);
        row_->shipment.cod_paid = false;
        return {};
      case CellTarget::Kind::kCodAmount:
        return TakeAmount(cell);
      case CellTarget::Kind::kUpdatedAt:
        return TakeTime(cell);
      case CellTarget::Kind::kTimeZone:
        return TakeZone(cell);
      case CellTarget::Kind::kSatisfaction:
        return TakeScore(cell);
    }
    return {};
  }

  // An empty cell says nothing about a contact, whose data gathers over many files; about a
  // shipment it does (a delay that is over has no reason any more).
  Fault TakeText(const CellTarget& target, absl::string_view cell) {
    if (target.contact != nullptr && !cell.empty()) {
      row_->contact.*target.contact = std::string(cell);
    }
    if (target.shipment != nullptr) row_->shipment.*target.shipment = std::string(cell);
    return CheckLength(cell, target.max);
  }

  Fault TakePhone(absl::string_view cell) {
    if (cell.empty()) return NoPhone();
    absl::StatusOr<std::string> phone = phone::NormalizePhone(cell);
    if (!phone.ok()) return PhoneFault(phone.status());
    row_->phone = *std::move(phone);
    return {};
  }

  Fault TakeDriverPhone(absl::string_view cell) {
    row_->shipment.driver_phone = "";
    if (cell.empty() || cell == "-") return {};
    absl::StatusOr<std::string> phone = phone::NormalizePhone(cell);
    if (!phone.ok()) return PhoneFault(phone.status());
    row_->shipment.driver_phone = *std::move(phone);
    return {};
  }

  static Fault PhoneFault(const absl::Status& status) {
    return {absl::StrCat("PHONE_", base::GetReason(status)), std::string(status.message())};
  }

  Fault TakeTrackingNumber(absl::string_view cell) {
    std::string fault;
    row_->tracking_number = NormalizeTrackingNumber(cell, &fault);
    if (fault.empty()) return {};
    return {"INVALID_TRACKING_NUMBER", absl::StrCat("the tracking number ", fault)};
  }

  static Fault TakeYesNo(absl::string_view cell, std::optional<bool>& target) {
    std::string hint;
    target = ParseYesNo(cell, &hint);
    return target ? Fault{} : Fault{"INVALID_YES_NO", absl::StrCat("the cell ", hint)};
  }

  Fault TakeAmount(absl::string_view cell) {
    std::string hint;
    row_->shipment.cod_amount = cell.empty() ? 0 : ParseRupiah(cell, &hint);
    if (row_->shipment.cod_amount) return {};
    return {"INVALID_AMOUNT", absl::StrCat("the cell ", hint)};
  }

  Fault TakeZone(absl::string_view cell) {
    if (cell.empty()) return {};
    std::string fault;
    row_->contact.time_zone = NormalizeTimeZone(cell, &fault);
    return fault.empty() ? Fault{} : Fault{"INVALID_TIME_ZONE", absl::StrCat("the cell ", fault)};
  }

  Fault TakeScore(absl::string_view cell) {
    if (cell.empty()) return {};
    int score = 0;
    if (!absl::SimpleAtoi(cell, &score) || score < 1 || score > kMaxSatisfaction) {
      return {"INVALID_SCORE", "the cell must be 1 (bad) to 5 (good), or empty"};
    }
    row_->contact.satisfaction = score;
    return {};
  }

  Fault TakeTime(absl::string_view cell) {
    if (cell.empty()) return {};
    std::string hint;
    row_->shipment.updated_at = ParseCellTime(cell, zone_, &hint);
    if (row_->shipment.updated_at) return {};
    return {"INVALID_TIME", absl::StrCat("the cell ", hint)};
  }

  absl::TimeZone zone_;
  ImportRow* row_;
  bool has_shipment_values_ = false;
};

bool NamesStatus(const ImportColumns& columns) {
  return std::any_of(columns.columns().begin(), columns.columns().end(),
                     [](const ImportColumn& column) {
                       return column.kind == Kind::kField && column.field.name == "status";
                     });
}

}  // namespace

std::optional<RowProblem> ReadImportRow(const CsvRecord& record, const ImportColumns& columns,
                                        absl::TimeZone zone, ImportRow* row) {
  auto problem = [&](absl::string_view column, Fault fault) {
    return RowProblem{record.number, std::string(column), std::move(fault.reason),
                      std::move(fault.message)};
  };
  if (record.fault == CsvFault::kBadQuotes) {
    return problem("",
                   {"BAD_QUOTES",
                    "a quotation mark is not closed, or text stands behind a closing one; write "
                    "\"\" for a quotation mark inside a quoted cell"});
  }
  if (record.fault == CsvFault::kRecordTooLarge) {
    return problem("",
                   {"ROW_TOO_LARGE", "the row is far larger than any shipment; check the line"});
  }
  const std::size_t width = columns.columns().size();
  // Not even an empty cell too many: an address with a delimiter in it shifts all that follows by
  // one, and the row would be taken with its values in the wrong columns.
  if (record.fields.size() != width) {
    return problem("", {"COLUMN_COUNT",
                        absl::StrCat("the row has ", record.fields.size(), " cells, the header ",
                                     width, "; put cells that hold the delimiter into quotes")});
  }
  RowBuilder builder(zone, row);
  for (std::size_t i = 0; i < width; ++i) {
    const ImportColumn& column = columns.columns()[i];
    const CellKind kind = record.kinds.empty() ? CellKind::kText : record.kinds[i];
    if (kind == CellKind::kAbsent) continue;
    if (kind == CellKind::kNoValue) {
      return problem(column.header, {"NOT_A_VALUE",
                                     "the answer has a list or an object there; map a place inside "
                                     "it"});
    }
    // An apostrophe before what looks like a formula is the file's, not the text's.
    absl::string_view cell = base::Trim(record.fields[i]);
    if (record.kinds.empty()) cell = base::UnguardFormula(cell);
    Fault fault = builder.Take(column, cell);
    if (!fault.reason.empty()) return problem(column.header, std::move(fault));
  }
  if (row->phone.empty()) return problem("phone", RowBuilder::NoPhone());
  if (!record.kinds.empty()) {
    row->shipment.keeps_age =
        NamesStatus(columns) ? !row->shipment.status : !builder.has_shipment_values();
  }
  if (row->tracking_number.empty() && builder.has_shipment_values()) {
    return problem("", {"TRACKING_NUMBER_MISSING",
                        "the row says something of a shipment but has no tracking number; fill it "
                        "in, or leave the shipment's cells empty"});
  }
  return std::nullopt;
}

}  // namespace kabar::contacts
