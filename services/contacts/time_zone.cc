#include "services/contacts/time_zone.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/local_time.h"
#include "libs/base/text.h"

namespace kabar::contacts {
namespace {

struct ZoneProvinces {
  const char* zone;
  std::vector<const char*> provinces;  // bare: letters only, lower case
};

// By the 38 provinces of 2022, with the short forms of daily use.
const std::vector<ZoneProvinces>& Zones() {
  static const auto* const kZones = new std::vector<ZoneProvinces>{
      {"WIB",
       {"aceh",
        "nanggroeacehdarussalam",
        "nad",
        "sumaterautara",
        "sumut",
        "sumaterabarat",
        "sumbar",
        "riau",
        "kepulauanriau",
        "kepri",
        "jambi",
        "sumateraselatan",
        "sumsel",
        "bengkulu",
        "lampung",
        "kepulauanbangkabelitung",
        "bangkabelitung",
        "babel",
        "jakarta",
        "dkijakarta",
        "dki",
        "dkjjakarta",
        "dkj",
        "daerahkhususibukotajakarta",
        "daerahkhususjakarta",
        "jawabarat",
        "jabar",
        "banten",
        "jawatengah",
        "jateng",
        "yogyakarta",
        "diyogyakarta",
        "daerahistimewayogyakarta",
        "diy",
        "jogja",
        "jawatimur",
        "jatim",
        "kalimantanbarat",
        "kalbar",
        "kalimantantengah",
        "kalteng"}},
      {"WITA",
       {"kalimantanselatan",
        "kalsel",
        "kalimantantimur",
        "kaltim",
        "kalimantanutara",
        "kaltara",
        "bali",
        "nusatenggarabarat",
        "ntb",
        "nusatenggaratimur",
        "ntt",
        "sulawesiutara",
        "sulut",
        "gorontalo",
        "sulawesitengah",
        "sulteng",
        "sulawesibarat",
        "sulbar",
        "sulawesiselatan",
        "sulsel",
        "sulawesitenggara",
        "sultra"}},
      {"WIT",
       {"maluku", "malukuutara", "malut", "papua", "papuabarat", "papuaselatan", "papuatengah",
        "papuapegunungan", "papuabaratdaya"}},
  };
  return *kZones;
}

std::string Bare(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalpha(static_cast<unsigned char>(c))) {
      out.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
  }
  for (const absl::string_view prefix : {"provinsi", "propinsi", "prov"}) {
    if (out.size() > prefix.size() &&
        out.compare(0, prefix.size(), prefix.data(), prefix.size()) == 0) {
      return out.substr(prefix.size());
    }
  }
  return out;
}

}  // namespace

std::string ZoneOfProvince(absl::string_view province) {
  const std::string bare = Bare(province);
  for (const ZoneProvinces& zone : Zones()) {
    for (const char* one : zone.provinces) {
      if (bare == one) return zone.zone;
    }
  }
  return "";
}

std::string NormalizeTimeZone(absl::string_view written, std::string* fault) {
  fault->clear();
  const absl::string_view text = base::Trim(written);
  if (text.empty()) return "";
  const auto name = base::CanonicalZoneName(text);
  const auto zone = base::LoadZone(text);
  if (!name.ok() || !zone.ok()) {
    *fault = "is no time zone; write WIB, WITA, WIT or an IANA name such as Asia/Singapore";
    return "";
  }
  if (*name == "Asia/Jakarta") return "WIB";
  if (*name == "Asia/Makassar") return "WITA";
  if (*name == "Asia/Jayapura") return "WIT";
  return *name;
}

std::string ZoneSql() {
  std::string out =
      "coalesce(nullif(c.time_zone, ''), CASE regexp_replace(regexp_replace(lower(c.province), "
      "'[^a-z]', '', 'g'), '^(provinsi|propinsi|prov)(?=.)', '')";
  for (const ZoneProvinces& zone : Zones()) {
    for (const char* one : zone.provinces) {
      absl::StrAppend(&out, " WHEN '", one, "' THEN '", zone.zone, "'");
    }
  }
  return absl::StrCat(out, " ELSE '' END)");
}

}  // namespace kabar::contacts
