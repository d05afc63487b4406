#include <string>

#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::AttributeType;
using contacts::v1::ContactsService;

absl::StatusOr<int> SetType(Session& session, const Arguments& arguments) {
  contacts::v1::SetAttributeTypeRequest request;
  request.mutable_type()->set_name(arguments.Get("NAME"));
  KABAR_ASSIGN_OR_RETURN(
      const int type, ParseEnum(google::protobuf::GetEnumDescriptor<AttributeType::Type>(), "TYPE",
                                arguments.Get("TYPE")));
  request.mutable_type()->set_type(static_cast<AttributeType::Type>(type));
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const AttributeType set,
                         api.Call(&ContactsService::Stub::SetAttributeType, request));
  if (session.json()) {
    session.out() << Json(set);
  } else {
    session.out() << OneLine(set.name()) << " is " << AttributeType::Type_Name(set.type()) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> Types(Session& session, const Arguments&) {
  Api<ContactsService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListAttributeTypesResponse response,
                         api.Call(&ContactsService::Stub::ListAttributeTypes, {}));
  Table table({{"ATTRIBUTE"}, {"TYPE"}});
  for (const AttributeType& one : response.types()) {
    table.Row({OneLine(one.name()), AttributeType::Type_Name(one.type())});
  }
  PrintList(session, response, table, "");
  return kExitOk;
}

}  // namespace

Commands ContactAttributeCommands() {
  return {
      {.noun = "contacts",
       .verb = "set-attribute-type",
       .summary = "Says what values a free attribute may have.",
       .details = "TEXT, NUMBER, DATE or BOOLEAN. What does not fit is refused from then on, in\n"
                  "files with row and column. Refused while contacts have other values.",
       .positionals = {{"NAME", "the attribute", "type.name"}, {"TYPE", "its type", "type.type"}},
       .run = SetType},
      {.noun = "contacts",
       .verb = "attribute-types",
       .summary = "Lists the free attributes that have a type.",
       .run = Types},
  };
}

}  // namespace kabar::kabarctl
