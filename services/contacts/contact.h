// The domain's values: contacts, shipments, consents, segments, audiences. Knows neither proto nor
// SQL.
//
// Thread safety: plain values; the functions are pure. Nothing blocks. Errors of the Check
// functions: INVALID_ARGUMENT with a violation per field, naming it as the API does.
#ifndef KABAR_SERVICES_CONTACTS_CONTACT_H_
#define KABAR_SERVICES_CONTACTS_CONTACT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace kabar::contacts {

// Text at the door: no zero bytes, at most so many characters.
inline constexpr std::size_t kMaxShortText = 200;  // names, cities, statuses, tags, keys
inline constexpr std::size_t kMaxLongText = 4000;  // addresses, notes, attribute values
inline constexpr std::size_t kMaxTags = 50;
inline constexpr std::size_t kMaxAttributes = 100;
inline constexpr int kMaxSatisfaction = 5;

struct Contact {
  std::string id = {};
  std::string phone = {};     // E.164; may be empty where only the BSUID is known
  std::string bsuid = {};     // business-scoped user id
  std::string username = {};  // without "@"
  std::string name = {};
  std::string address = {};
  std::string city = {};
  std::string province = {};
  std::string service_type = {};
  bool vip = false;
  std::string preferred_time = {};
  std::string notes = {};
  std::string subdistrict = {};  // kelurahan, desa
  std::string district = {};     // kecamatan
  std::string postcode = {};
  std::string language = {};
  std::string style = {};      // how to address him
  std::string time_zone = {};  // instead of the province's
  int satisfaction = 0;        // 1 to 5; 0: never told
  std::map<std::string, std::string> attributes = {};
  std::vector<std::string> tags = {};
  std::optional<absl::Time> last_inbound_at = {};
  absl::Time created_at = {};
  absl::Time updated_at = {};
};

struct Shipment {
  std::string id = {};
  std::string tracking_number = {};
  std::string contact_id = {};
  std::string status = {};
  std::string location = {};
  std::string estimate = {};
  std::string driver_name = {};
  std::string driver_phone = {};
  std::string destination_address = {};
  int64_t cod_amount = 0;  // rupiah
  bool cod_paid = false;
  std::string delay_reason = {};
  std::string new_estimate = {};
  std::string service_type = {};
  absl::Time updated_at = {};
};

// The contact's texts, each once: whoever checks, copies or merges all of them goes by this.
struct ContactText {
  absl::string_view name;  // as the API calls it
  std::string Contact::*member;
  std::size_t max;  // characters
};
absl::Span<const ContactText> ContactTexts();

enum class IdentityKind { kPhone, kBsuid, kUsername };
inline constexpr IdentityKind kAllIdentityKinds[] = {IdentityKind::kPhone, IdentityKind::kBsuid,
                                                     IdentityKind::kUsername};
const char* IdentityKindName(IdentityKind kind);  // "phone", "bsuid", "username"

const std::string& IdentityOf(const Contact& contact, IdentityKind kind);

// Something that a contact is known by.
struct Identity {
  IdentityKind kind = IdentityKind::kPhone;
  std::string value = {};
  std::optional<absl::Time> former_since = {};  // he has another since then
  std::string merged_from = {};                 // the contact it came with
};

// What a file says about a contact; nullopt: nothing, so that what is known stays.
struct ContactPatch {
  std::optional<std::string> name;
  std::optional<std::string> address;
  std::optional<std::string> city;
  std::optional<std::string> province;
  std::optional<std::string> service_type;
  std::optional<bool> vip;
  std::optional<std::string> preferred_time;
  std::optional<std::string> notes;
  std::optional<std::string> subdistrict;
  std::optional<std::string> district;
  std::optional<std::string> postcode;
  std::optional<std::string> language;
  std::optional<std::string> style;
  std::optional<std::string> time_zone;
  std::optional<int64_t> satisfaction;
  std::map<std::string, std::string> attributes;  // added to those known
  std::vector<std::string> tags;                  // added to those known
};

// What a file says about a shipment; nullopt: its column is not in the file.
struct ShipmentPatch {
  std::optional<std::string> status;
  std::optional<std::string> location;
  std::optional<std::string> estimate;
  std::optional<std::string> driver_name;
  std::optional<std::string> driver_phone;
  std::optional<std::string> destination_address;
  std::optional<int64_t> cod_amount;
  std::optional<bool> cod_paid;
  std::optional<std::string> delay_reason;
  std::optional<std::string> new_estimate;
  std::optional<std::string> service_type;
  std::optional<absl::Time> updated_at;
  // It says nothing of the parcel's state: one that is known stays as old as it is.
  bool keeps_age = false;
};

enum class Purpose { kDeliveryUpdates, kMarketing };
inline constexpr Purpose kAllPurposes[] = {Purpose::kDeliveryUpdates, Purpose::kMarketing};
absl::string_view PurposeName(Purpose purpose);  // "DELIVERY_UPDATES", "MARKETING"

struct Consent {
  std::string contact_id;
  Purpose purpose = Purpose::kDeliveryUpdates;
  bool opted_out = false;
  std::string source;
  absl::Time changed_at;
  std::string merged_from = {};  // of those merged into him, whose alias it came by
  int64_t number = 0;            // of the change, grows with time
};

// What follows from a contact's shipments and province.
struct Activity {
  std::string lifecycle = {};  // acquire, retain, enhance
  int64_t shipments_total = 0;
  double shipments_per_month = 0;  // of the last 90 days
  std::optional<absl::Time> last_shipment_at = {};
  int64_t regular = 0;
  int64_t express = 0;
  int64_t cod = 0;
  int64_t corporate = 0;
  std::string time_zone = {};
};

// Two contacts that became one.
struct Merge {
  std::string id = {};
  int64_t number = 0;  // grows with time
  std::string survivor_id = {};
  std::string merged_id = {};
  std::string reason = {};
  std::string by = {};  // a key's name; empty: the provider's word
  absl::Time time = {};
  Contact survivor_before = {};
  Contact survivor_after = {};
  Contact merged_before = {};
  std::vector<std::string> followers = {};  // who had been merged into the merged one before
  std::optional<absl::Time> undone_at = {};
  std::string undone_by = {};
};

// What went with an erased person.
struct Erased {
  std::string contact_id = {};
  int64_t contacts = 0;  // he, and those merged into him
  int64_t shipments = 0;
  int64_t timeline = 0;
};

// Of a contact's timeline.
struct TimelineEntry {
  absl::Time time = {};
  std::string kind = {};  // MESSAGE, INBOUND, SHIPMENT, CONSENT, MERGE, FACT
  std::string id = {};
  std::string state = {};
  std::string reason = {};
  std::string detail = {};
  std::string run_id = {};
  absl::Time state_time = {};
  std::string merged_from = {};
};

// Where a page ended.
struct TimelinePlace {
  absl::Time time = {};
  std::string kind = {};
  std::string id = {};
};

struct DuplicatePair {
  Contact first = {};
  Contact second = {};
  std::string reason = {};
};

struct Segment {
  std::string id;
  std::string name;
  std::string filter;
  absl::Time created_at;
};

// kContactParcels: a contact with all of his matching shipments, kMaxParcels at most a member.
enum class Subject { kContact, kShipment, kContactParcels };
inline constexpr int kMaxParcels = 100;  // as many as a template takes

struct Audience {
  int64_t size = 0;
  int64_t shipments = 0;   // that its members are about
  bool temporary = false;  // of no run
};

// A shipment of a member of kContactParcels.
struct AudienceParcel {
  std::string tracking_number;
  std::vector<std::string> values;
};

// One row of a run's audience with the values of the fields asked for, as they are now.
struct AudienceMember {
  int64_t ordinal = 0;
  std::string contact_id;
  std::string subject;  // tracking number; empty for Subject::kContact
  std::string phone;
  std::string bsuid;
  bool opted_out = false;
  bool gone = false;
  std::string suppression;  // of marketing: why an open fact keeps him out now
  std::vector<std::string> values;
  std::vector<AudienceParcel> parcels;  // those that are still there
  std::optional<absl::Time> data_time;  // the oldest last update of its shipments
};

// "" if `text` may be stored, else what is wrong with it.
std::string TextFault(absl::string_view text, std::size_t max_characters);

// Checks and brings into stored form: phones to E.164, tags trimmed and unique. `prefix` stands
// before the fields' names in violations ("contact.").
absl::Status NormalizeContact(absl::string_view prefix, Contact& contact);
absl::Status NormalizeShipment(absl::string_view prefix, Shipment& shipment);

// Trimmed, without the apostrophe and the ".0" that spreadsheets add; the reason of a refusal in
// *fault ("" if fine).
std::string NormalizeTrackingNumber(absl::string_view raw, std::string* fault);

// Splits at comma, semicolon and bar; trimmed, unique without regard to case, first spelling wins.
std::vector<std::string> NormalizeTags(const std::vector<std::string>& tags);
std::vector<std::string> SplitTags(absl::string_view cell);

// Lower case, without the "@" that people write in front.
std::string NormalizeUsername(absl::string_view written);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_CONTACT_H_
