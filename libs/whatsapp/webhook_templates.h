// Private to libs/whatsapp: the webhooks about message templates.
//
// Thread safety: free functions. Nothing blocks. Errors: none; what is not there is empty.
#ifndef KABAR_LIBS_WHATSAPP_WEBHOOK_TEMPLATES_H_
#define KABAR_LIBS_WHATSAPP_WEBHOOK_TEMPLATES_H_

#include "absl/strings/string_view.h"
#include "libs/whatsapp/account_template.h"
#include "libs/whatsapp/json_reader.h"

namespace kabar::whatsapp {

bool IsTemplateField(absl::string_view field);

// All but the account, which stands outside of the value.
TemplateChange ReadTemplateChange(absl::string_view field, const JsonObject& value);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_WEBHOOK_TEMPLATES_H_
