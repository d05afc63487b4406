// Changes of a lane's or a sender's state, for the files that make them. Internal to the store.
//
// Thread safety, blocking, errors: as pg::Transaction.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/audit/audit.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

// LANE_<STATE>
absl::Status WrongLaneState(const Lane& lane, absl::string_view verb);

// The lane is locked FOR UPDATE; `lane` is brought up to date.
void SetLaneState(pg::Transaction& tx, Lane& lane, LaneState to, const std::string& reason,
                  LedgerEvents& events);

// The sender, or all of its portfolio, is at least as bad as `state` from now on.
void StopSenders(pg::Transaction& tx, const std::string& sender_id, SenderState state,
                 bool whole_portfolio, const std::string& reason);

// An operator's verb in the audit log: the lane as it is now, and the state it came from.
void AuditLane(pg::Transaction& tx, const audit::Actor& by, const std::string& action,
               const Lane& lane, LaneState from);

// True if something of the lane is QUEUED or SENDING, or UNKNOWN and may yet be resent. Exact when
// the lane is locked FOR UPDATE.
bool HasOpenWork(pg::Transaction& tx, const std::string& lane_id);

}  // namespace kabar::dispatcher
