#include "services/contacts/convert.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::contacts {
namespace {

// False: no field of a contact that can be updated.
bool CopyField(absl::string_view path, const Contact& from, Contact* to) {
  for (const ContactText& field : ContactTexts()) {
    if (field.name != path) continue;
    to->*field.member = from.*field.member;
    return true;
  }
  if (path == "vip") {
    to->vip = from.vip;
  } else if (path == "satisfaction") {
    to->satisfaction = from.satisfaction;
  } else if (path == "attributes") {
    to->attributes = from.attributes;
  } else if (path == "tags") {
    to->tags = from.tags;
  } else {
    return false;
  }
  return true;
}

void CopyWhatIsSet(const Contact& from, Contact* to) {
  for (const ContactText& field : ContactTexts()) {
    if (!(from.*field.member).empty()) to->*field.member = from.*field.member;
  }
  if (from.vip) to->vip = true;
  if (from.satisfaction != 0) to->satisfaction = from.satisfaction;
  if (!from.attributes.empty()) to->attributes = from.attributes;
  if (!from.tags.empty()) to->tags = from.tags;
}

void CopyAll(const Contact& from, Contact* to) {
  for (const ContactText& field : ContactTexts()) to->*field.member = from.*field.member;
  for (const char* path : {"vip", "satisfaction", "attributes", "tags"}) CopyField(path, from, to);
}

}  // namespace

void SetTime(absl::Time from, google::protobuf::Timestamp* to) {
  const int64_t micros = absl::ToUnixMicros(from);
  const int64_t seconds = absl::ToUnixSeconds(from);
  to->set_seconds(seconds);
  to->set_nanos(static_cast<int32_t>(micros - seconds * 1'000'000) * 1000);
}

void ToProto(const Contact& from, v1::Contact* to) {
  to->set_id(from.id);
  to->set_name(from.name);
  to->set_phone(from.phone);
  to->set_bsuid(from.bsuid);
  to->set_username(from.username);
  to->set_address(from.address);
  to->set_city(from.city);
  to->set_province(from.province);
  to->set_service_type(from.service_type);
  to->set_vip(from.vip);
  to->set_preferred_time(from.preferred_time);
  to->set_notes(from.notes);
  to->set_subdistrict(from.subdistrict);
  to->set_district(from.district);
  to->set_postcode(from.postcode);
  to->set_language(from.language);
  to->set_style(from.style);
  to->set_time_zone(from.time_zone);
  to->set_satisfaction(from.satisfaction);
  for (const auto& [key, value] : from.attributes) (*to->mutable_attributes())[key] = value;
  for (const std::string& tag : from.tags) to->add_tags(tag);
  if (from.last_inbound_at) SetTime(*from.last_inbound_at, to->mutable_last_inbound_time());
  SetTime(from.created_at, to->mutable_create_time());
  SetTime(from.updated_at, to->mutable_update_time());
}

void ToProto(const Shipment& from, v1::Shipment* to) {
  to->set_id(from.id);
  to->set_tracking_number(from.tracking_number);
  to->set_contact_id(from.contact_id);
  to->set_status(from.status);
  to->set_location(from.location);
  to->set_estimate(from.estimate);
  to->set_driver_name(from.driver_name);
  to->set_driver_phone(from.driver_phone);
  to->set_destination_address(from.destination_address);
  to->set_cod_amount(from.cod_amount);
  to->set_cod_paid(from.cod_paid);
  to->set_delay_reason(from.delay_reason);
  to->set_new_estimate(from.new_estimate);
  to->set_service_type(from.service_type);
  SetTime(from.updated_at, to->mutable_update_time());
}

void ToProto(const Consent& from, v1::Consent* to) {
  to->set_contact_id(from.contact_id);
  to->set_purpose(from.purpose == Purpose::kMarketing ? v1::MARKETING : v1::DELIVERY_UPDATES);
  to->set_state(from.opted_out ? v1::OPTED_OUT : v1::OPTED_IN);
  to->set_source(from.source);
  to->set_merged_from(from.merged_from);
  SetTime(from.changed_at, to->mutable_time());
}

void ToProto(const Activity& from, v1::ContactActivity* to) {
  v1::ContactActivity::Lifecycle lifecycle = v1::ContactActivity::LIFECYCLE_UNSPECIFIED;
  v1::ContactActivity::Lifecycle_Parse(absl::AsciiStrToUpper(from.lifecycle), &lifecycle);
  to->set_lifecycle(lifecycle);
  to->set_shipments_total(from.shipments_total);
  to->set_shipments_per_month(from.shipments_per_month);
  if (from.last_shipment_at) SetTime(*from.last_shipment_at, to->mutable_last_shipment_time());
  to->set_regular(from.regular);
  to->set_express(from.express);
  to->set_cod(from.cod);
  to->set_corporate(from.corporate);
  to->set_time_zone(from.time_zone);
}

void ToProto(const Identity& from, v1::ContactIdentity* to) {
  switch (from.kind) {
    case IdentityKind::kPhone:
      to->set_kind(v1::ContactIdentity::PHONE);
      break;
    case IdentityKind::kBsuid:
      to->set_kind(v1::ContactIdentity::BSUID);
      break;
    case IdentityKind::kUsername:
      to->set_kind(v1::ContactIdentity::USERNAME);
      break;
  }
  to->set_value(from.value);
  if (from.former_since) SetTime(*from.former_since, to->mutable_former_since());
  to->set_merged_from(from.merged_from);
}

void ToProto(const TimelineEntry& from, v1::TimelineEntry* to) {
  v1::TimelineEntry::Kind kind = v1::TimelineEntry::KIND_UNSPECIFIED;
  v1::TimelineEntry::Kind_Parse(from.kind, &kind);
  to->set_kind(kind);
  SetTime(from.time, to->mutable_time());
  if (kind != v1::TimelineEntry::CONSENT) to->set_id(from.id);
  to->set_state(from.state);
  SetTime(from.state_time, to->mutable_state_time());
  to->set_reason(from.reason);
  const bool text = kind == v1::TimelineEntry::INBOUND || kind == v1::TimelineEntry::SHIPMENT ||
                    kind == v1::TimelineEntry::FACT;
  (text ? to->mutable_text() : to->mutable_subject())->assign(from.detail);
  if (kind == v1::TimelineEntry::FACT) to->set_subject(from.id.substr(0, from.id.find('/')));
  to->set_run_id(from.run_id);
  to->set_merged_from(from.merged_from);
}

void ToProto(const Merge& from, v1::ContactMerge* to) {
  to->set_id(from.id);
  to->set_survivor_id(from.survivor_id);
  to->set_merged_id(from.merged_id);
  to->set_reason(from.reason);
  to->set_by(from.by);
  SetTime(from.time, to->mutable_time());
  ToProto(from.survivor_before, to->mutable_survivor_before());
  ToProto(from.merged_before, to->mutable_merged_before());
  if (from.undone_at) SetTime(*from.undone_at, to->mutable_undo_time());
  to->set_undone_by(from.undone_by);
}

void ToProto(const Segment& from, v1::Segment* to) {
  to->set_id(from.id);
  to->set_name(from.name);
  to->set_filter(from.filter);
  SetTime(from.created_at, to->mutable_create_time());
}

void ToProto(const Fact& from, v1::Fact* to) {
  to->set_contact_id(from.contact_id);
  to->set_kind(static_cast<v1::FactKind>(from.kind));
  to->set_source(from.source);
  to->set_reference(from.reference);
  to->set_state(from.open ? v1::Fact::OPEN : v1::Fact::CLOSED);
  to->set_amount(from.amount);
  SetTime(from.time, to->mutable_time());
}

void ToProto(const AudienceMember& from, v1::AudienceMember* to) {
  to->set_ordinal(from.ordinal);
  to->set_contact_id(from.contact_id);
  to->set_subject(from.subject);
  to->set_phone(from.phone);
  to->set_bsuid(from.bsuid);
  to->set_opted_out(from.opted_out);
  to->set_gone(from.gone);
  to->set_suppression(from.suppression);
  for (const std::string& value : from.values) to->add_values(value);
  for (const AudienceParcel& parcel : from.parcels) {
    v1::AudienceParcel& told = *to->add_parcels();
    told.set_tracking_number(parcel.tracking_number);
    for (const std::string& value : parcel.values) told.add_values(value);
  }
  if (from.data_time) SetTime(*from.data_time, to->mutable_data_time());
}

void ToProto(const ImportReport& from, v1::ImportContactsResponse* to) {
  to->set_rows(from.rows);
  to->set_accepted(from.accepted);
  to->set_refused(from.refused);
  to->set_contacts_created(from.counts.contacts_created);
  to->set_contacts_updated(from.counts.contacts_updated);
  to->set_shipments_created(from.counts.shipments_created);
  to->set_shipments_updated(from.counts.shipments_updated);
  for (const RowProblem& problem : from.problems) {
    v1::RowProblem* one = to->add_problems();
    one->set_row(problem.row);
    one->set_column(problem.column);
    one->set_reason(problem.reason);
    one->set_message(problem.message);
  }
  to->set_refused_csv(from.refused_csv);
  to->set_refused_csv_truncated(from.refused_csv_truncated);
  to->set_delimiter(std::string(1, from.delimiter));
  for (const std::string& column : from.ignored_columns) to->add_ignored_columns(column);
  to->set_windows_1252_rows(from.windows_1252_rows);
  to->set_rows_before(from.rows_before);
}

void ToProto(const ImportRecord& from, v1::Import* to) {
  to->set_id(from.id);
  to->set_request_id(from.request_id);
  switch (from.state) {
    case ImportState::kRunning:
      to->set_state(v1::Import::RUNNING);
      break;
    case ImportState::kStopped:
      to->set_state(v1::Import::STOPPED);
      break;
    case ImportState::kCompleted:
      to->set_state(v1::Import::COMPLETED);
      break;
    case ImportState::kCancelled:
      to->set_state(v1::Import::CANCELLED);
      break;
  }
  to->set_rows(from.progress.rows);
  to->set_accepted(from.progress.accepted);
  to->set_refused(from.progress.refused);
  to->set_contacts_created(from.progress.counts.contacts_created);
  to->set_contacts_updated(from.progress.counts.contacts_updated);
  to->set_shipments_created(from.progress.counts.shipments_created);
  to->set_shipments_updated(from.progress.counts.shipments_updated);
  to->set_error(from.error);
  SetTime(from.created_at, to->mutable_create_time());
  SetTime(from.updated_at, to->mutable_update_time());
}

void ToProto(const RefusedRow& from, v1::ListRefusedRowsResponse::Row* to) {
  SetTime(from.at, to->mutable_time());
  to->set_column(from.field);
  to->set_reason(from.reason);
  to->set_message(from.message);
  to->mutable_values()->insert(from.values.begin(), from.values.end());
}

Contact FromProto(const v1::Contact& from) {
  Contact to;
  to.id = from.id();
  to.name = from.name();
  to.phone = from.phone();
  to.bsuid = from.bsuid();
  to.username = from.username();
  to.address = from.address();
  to.city = from.city();
  to.province = from.province();
  to.service_type = from.service_type();
  to.vip = from.vip();
  to.preferred_time = from.preferred_time();
  to.notes = from.notes();
  to.subdistrict = from.subdistrict();
  to.district = from.district();
  to.postcode = from.postcode();
  to.language = from.language();
  to.style = from.style();
  to.time_zone = from.time_zone();
  to.satisfaction = from.satisfaction();
  to.attributes.insert(from.attributes().begin(), from.attributes().end());
  to.tags.assign(from.tags().begin(), from.tags().end());
  return to;
}

Shipment FromProto(const v1::Shipment& from) {
  Shipment to;
  to.tracking_number = from.tracking_number();
  to.contact_id = from.contact_id();
  to.status = from.status();
  to.location = from.location();
  to.estimate = from.estimate();
  to.driver_name = from.driver_name();
  to.driver_phone = from.driver_phone();
  to.destination_address = from.destination_address();
  to.cod_amount = from.cod_amount();
  to.cod_paid = from.cod_paid();
  to.delay_reason = from.delay_reason();
  to.new_estimate = from.new_estimate();
  to.service_type = from.service_type();
  return to;
}

absl::Status ApplyMask(const v1::Contact& from, const google::protobuf::FieldMask& mask,
                       Contact* to) {
  const Contact wanted = FromProto(from);
  if (mask.paths().empty()) CopyWhatIsSet(wanted, to);
  for (const std::string& path : mask.paths()) {
    if (path == "*") {
      CopyAll(wanted, to);
    } else if (!CopyField(path, wanted, to)) {
      return base::InvalidField(
          "update_mask", absl::StrCat("\"", path,
                                      "\" is no field of a contact that can be updated; name its "
                                      "fields, or \"*\" for all"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Purpose> FromProto(v1::ConsentPurpose from, absl::string_view field) {
  switch (from) {
    case v1::DELIVERY_UPDATES:
      return Purpose::kDeliveryUpdates;
    case v1::MARKETING:
      return Purpose::kMarketing;
    default:
      return base::InvalidField(field, "is required: DELIVERY_UPDATES or MARKETING");
  }
}

absl::StatusOr<Subject> FromProto(v1::AudienceSubject from, absl::string_view field) {
  switch (from) {
    case v1::CONTACT:
      return Subject::kContact;
    case v1::SHIPMENT:
      return Subject::kShipment;
    case v1::CONTACT_PARCELS:
      return Subject::kContactParcels;
    default:
      return base::InvalidField(field, "is required: CONTACT, SHIPMENT or CONTACT_PARCELS");
  }
}

absl::StatusOr<char> DelimiterFromProto(absl::string_view delimiter) {
  if (delimiter.empty()) return '\0';
  if (delimiter == "," || delimiter == "comma") return ',';
  if (delimiter == ";" || delimiter == "semicolon") return ';';
  if (delimiter == "\t" || delimiter == "tab" || delimiter == "\\t") return '\t';
  return base::InvalidField("options.delimiter",
                            "must be a comma, a semicolon or a tab, or empty to find it out");
}

}  // namespace kabar::contacts
