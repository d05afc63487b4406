// Types of an outlet's free attributes.
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/rpc/guard.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"

namespace kabar::contacts {
namespace {

absl::StatusOr<AttributeKind> KindOf(v1::AttributeType::Type type) {
  switch (type) {
    case v1::AttributeType::TEXT:
      return AttributeKind::kText;
    case v1::AttributeType::NUMBER:
      return AttributeKind::kNumber;
    case v1::AttributeType::DATE:
      return AttributeKind::kDate;
    case v1::AttributeType::BOOLEAN:
      return AttributeKind::kBoolean;
    default:
      return base::InvalidField("type.type", "is required: TEXT, NUMBER, DATE or BOOLEAN");
  }
}

v1::AttributeType::Type ToProto(AttributeKind kind) {
  v1::AttributeType::Type type = v1::AttributeType::TEXT;
  v1::AttributeType::Type_Parse(std::string(AttributeKindName(kind)), &type);
  return type;
}

}  // namespace

grpc::Status Handler::SetAttributeType(grpc::ServerContext* context,
                                       const v1::SetAttributeTypeRequest* request,
                                       v1::AttributeType* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      const std::string& name = request->type().name();
      std::string fault = TextFault(name, kMaxShortText);
      if (base::Trim(name).empty()) fault = "is required: the attribute's name";
      if (!fault.empty()) return base::InvalidField("type.name", fault);
      KABAR_ASSIGN_OR_RETURN(const AttributeKind kind, KindOf(request->type().type()));
      KABAR_RETURN_IF_ERROR(unit.SetAttributeKind(name, kind));
      unit.Audit(audit::ActorOf(call, request->request_id()),
                 {.outlet = call.outlet,
                  .action = "SetAttributeType",
                  .target = absl::StrCat("attribute/", name),
                  .after = {{"type", std::string(AttributeKindName(kind))}}});
      *response = request->type();
      return absl::OkStatus();
    };
    return Mutate(call, "SetAttributeType", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::ListAttributeTypes(grpc::ServerContext* context,
                                         const v1::ListAttributeTypesRequest*,
                                         v1::ListAttributeTypesResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(
        call.outlet, "ListAttributeTypes", call.deadline, [&](Store::Unit& unit) -> absl::Status {
          KABAR_ASSIGN_OR_RETURN(const AttributeKinds kinds, unit.GetAttributeKinds());
          response->Clear();
          for (const auto& [name, kind] : kinds) {
            v1::AttributeType* type = response->add_types();
            type->set_name(name);
            type->set_type(ToProto(kind));
          }
          return absl::OkStatus();
        });
  });
}

absl::Status Handler::NormalizeTyped(Store::Unit& unit, absl::string_view prefix,
                                     Contact& contact) {
  if (contact.attributes.empty()) return absl::OkStatus();
  KABAR_ASSIGN_OR_RETURN(const AttributeKinds kinds, unit.GetAttributeKinds());
  return NormalizeAttributes(prefix, kinds, contact.attributes);
}

}  // namespace kabar::contacts
