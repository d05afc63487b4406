// The ledger's form of a message's parts and of what its provider form has beside its parameters:
// the bytes of kabar.dispatcher.v1.StoredParts, none for a message of text alone.
//
// Thread safety: free functions. Nothing blocks. Errors: bytes that are none of ours read as none.
#pragma once

#include <string>

#include "kabar/dispatcher/v1/dispatcher.pb.h"
#include "services/dispatcher/message.h"

namespace kabar::dispatcher {

std::string EncodeParts(const Parts& parts, const ProviderForm& form);
void DecodeParts(const std::string& bytes, Parts* parts, ProviderForm* form);

// Of calls too.
Parts PartsFromProto(const content::v1::Parts& from);
void ToProto(const Parts& from, content::v1::Parts* to);
// But for name, language and parameters.
void FormRestFromProto(const v1::ProviderForm& from, ProviderForm* to);
void FormRestToProto(const ProviderForm& from, v1::ProviderForm* to);

}  // namespace kabar::dispatcher
