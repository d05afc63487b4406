// Between the domain and kabar.contacts.v1.
//
// Thread safety: pure functions. Nothing blocks. Errors: INVALID_ARGUMENT naming the field.
#ifndef KABAR_SERVICES_CONTACTS_CONVERT_H_
#define KABAR_SERVICES_CONTACTS_CONVERT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "kabar/contacts/v1/contacts.pb.h"
#include "kabar/contacts/v1/imports.pb.h"
#include "kabar/contacts/v1/sources.pb.h"
#include "services/contacts/contact.h"
#include "services/contacts/fact.h"
#include "services/contacts/import_state.h"
#include "services/contacts/source.h"

namespace kabar::contacts {

void SetTime(absl::Time from, google::protobuf::Timestamp* to);

void ToProto(const Contact& from, v1::Contact* to);
void ToProto(const Shipment& from, v1::Shipment* to);
void ToProto(const Consent& from, v1::Consent* to);
void ToProto(const Activity& from, v1::ContactActivity* to);
void ToProto(const Identity& from, v1::ContactIdentity* to);
void ToProto(const TimelineEntry& from, v1::TimelineEntry* to);
void ToProto(const Merge& from, v1::ContactMerge* to);
void ToProto(const Segment& from, v1::Segment* to);
void ToProto(const Fact& from, v1::Fact* to);
void ToProto(const AudienceMember& from, v1::AudienceMember* to);
void ToProto(const ImportReport& from, v1::ImportContactsResponse* to);
void ToProto(const ImportRecord& from, v1::Import* to);
void ToProto(const RefusedRow& from, v1::ListRefusedRowsResponse::Row* to);

Contact FromProto(const v1::Contact& from);
Shipment FromProto(const v1::Shipment& from);

// Copies what the mask names; "*" everything, an empty mask whatever is set.
absl::Status ApplyMask(const v1::Contact& from, const google::protobuf::FieldMask& mask,
                       Contact* to);

absl::StatusOr<Purpose> FromProto(v1::ConsentPurpose from, absl::string_view field);
absl::StatusOr<Subject> FromProto(v1::AudienceSubject from, absl::string_view field);

// ",", ";", a tab, their names, or "" for 0.
absl::StatusOr<char> DelimiterFromProto(absl::string_view delimiter);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_CONVERT_H_
