// Between the domain and kabar.dispatcher.v1. FromProto checks: what it returns is valid.
//
// Thread safety: free functions. Blocks: never. Errors: INVALID_ARGUMENT, every fault of the
// request named by its field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kabar/dispatcher/v1/dispatcher.pb.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

void ToProto(const Portfolio& from, v1::Portfolio* to);
void ToProto(const Sender& from, v1::Sender* to);  // never the token
void ToProto(const SenderHealth& from, v1::SenderHealth* to);
void ToProto(const Lane& from, v1::Lane* to);
void ToProto(const LedgerMessage& from, v1::Message* to);
void ToProto(const DeadLetter& from, v1::DeadLetter* to);

// A new one; an empty id gets one. The token is left to the caller.
absl::StatusOr<Portfolio> FromProto(const v1::Portfolio& from, const std::string& outlet);
absl::StatusOr<Sender> FromProto(const v1::Sender& from, const std::string& outlet);
absl::StatusOr<Lane> FromProto(const v1::Lane& from, const std::string& outlet);

// What the update mask names ("*" or no mask: every field that is set). The token is left out.
absl::StatusOr<PortfolioChange> ChangeFromProto(const v1::UpdatePortfolioRequest& request);
absl::StatusOr<SenderChange> ChangeFromProto(const v1::UpdateSenderRequest& request);
// True if the update sets the access token.
bool ChangesToken(const v1::UpdateSenderRequest& request);

absl::StatusOr<std::vector<NewMessage>> FromProto(const v1::EnqueueRequest& request);

absl::StatusOr<UnknownToResolve> FromProto(const v1::ResolveUnknownRequest& request);
void ToProto(const ResolveResult& from, v1::ResolveUnknownResponse* to);

// OUTLET: the caller's, whether named or not.
absl::StatusOr<SendingTarget> FromProto(const v1::SendingTarget& from, const std::string& outlet);
void ToProto(const SendingPause& from, v1::Pause* to);
void ToProto(const Sending& from, v1::Sending* to);

absl::StatusOr<std::vector<JournalEntry>> FromProto(const v1::AppendWebhooksRequest& request,
                                                    absl::Time now);

// 0: `standard`; above `most`: `most`; below 0: INVALID_ARGUMENT.
absl::StatusOr<int> PageSize(std::int32_t requested, int standard, int most);
// Opaque: `list` says what is paged and how it is filtered, a token works only for the same.
std::string MakePageToken(absl::string_view list, absl::string_view last);
// Of lists in the order of enqueueing: behind the message that was the last.
absl::Status SetNextPlace(absl::string_view list, const std::string& message_id, std::int64_t seq,
                          std::string* page_token);
absl::StatusOr<LanePlace> PlaceOfPageToken(absl::string_view list, absl::string_view token);
absl::StatusOr<std::string> LastOfPageToken(absl::string_view list, absl::string_view token);

}  // namespace kabar::dispatcher
