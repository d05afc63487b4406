// The one phone rule of the suite: whatever an Indonesian types or Excel makes of it -> E.164.
//
// Thread safety: free functions, safe from any thread; the first call loads libphonenumber's tables
// (some ms). Nothing blocks. Errors: INVALID_ARGUMENT whose text says what is wrong and what to do,
// and which carries a named reason (base::GetReason) for reports and programs:
//   EMPTY                nothing but spaces or signs
//   NOT_A_NUMBER         letters or signs that no phone number has, or no number of any country
//   SEVERAL_NUMBERS      "0812.../0813...": two numbers in one field
//   SCIENTIFIC_NOTATION  8.12345E+11: Excel has thrown the last digits away; nothing can be
//   restored TOO_SHORT, TOO_LONG  fewer or more digits than any number of that country
//   UNKNOWN_COUNTRY      the country code exists nowhere
//   NOT_IN_USE           the right length, but no operator or area has such numbers
#ifndef KABAR_LIBS_PHONE_PHONE_H_
#define KABAR_LIBS_PHONE_PHONE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::phone {

// The number as "+6281234567890". `region` is the ISO country a number without country code belongs
// to. Landlines pass: WhatsApp runs on them too.
absl::StatusOr<std::string> NormalizePhone(absl::string_view raw, absl::string_view region = "ID");

// The ISO country of a number that NormalizePhone gave; empty for those of no one country.
std::string CountryOf(absl::string_view e164);

}  // namespace kabar::phone

#endif  // KABAR_LIBS_PHONE_PHONE_H_
