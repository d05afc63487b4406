// Payloads of the webhook journal applied to the ledger.
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <map>
#include <pqxx/result>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/failure.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_correspondence.h"
#include "services/dispatcher/pg_failures.h"
#include "services/dispatcher/pg_journal.h"
#include "services/dispatcher/pg_ledger_batch.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"
#include "services/dispatcher/pg_webhook_parties.h"
#include "services/dispatcher/pg_windows.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kInsertInbound{
    "dispatcher.insert_inbound",
    "INSERT INTO inbound (provider_id, outlet_id, sender_id, recipient_id)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS u(provider_id)"
    " ORDER BY u.provider_id ON CONFLICT DO NOTHING RETURNING provider_id"};
constexpr pg::Query kEvidence{
    "dispatcher.write_evidence",
    "INSERT INTO sender_evidence (sender_id, send_answered) VALUES ($1, $2)"
    " ON CONFLICT (sender_id) DO UPDATE SET"
    " send_answered = GREATEST(sender_evidence.send_answered, excluded.send_answered)"};
constexpr pg::Query kDeadLetter{
    "dispatcher.insert_dead_letter",
    "INSERT INTO dead_letters (outlet_id, kind, reason, payload, phone_number_id)"
    " VALUES ($1, $2, $3, $4, $5)"};
constexpr pg::Query kLettersApplied{"dispatcher.letters_applied",
                                    "UPDATE dead_letters SET state = 3"
                                    " WHERE id = ANY($1::bigint[]) AND state = 2"};
constexpr pg::Query kLetterAgain{
    "dispatcher.letter_again",
    "UPDATE dead_letters SET state = 1, outlet_id = CASE WHEN outlet_id = '' THEN $2 ELSE outlet_id"
    " END, kind = $3, reason = $4 WHERE id = $1::bigint"};

void Set(absl::Time time, google::protobuf::Timestamp* proto) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  proto->set_seconds(micros / 1'000'000);
  proto->set_nanos(static_cast<std::int32_t>(micros % 1'000'000) * 1000);
}

// A webhook that was buried for a while tells what was so when it came.
#define KABAR_IS_OLDER "excluded.told_at < n.told_at"
// This thread alone writes here, one transaction after another, so numbers are seen in order.
constexpr pg::Query kTemplateNews{
    "dispatcher.put_template_news",
    "INSERT INTO template_news AS n (account_id, name, language, status, category, quality, reason,"
    " number, told_at) SELECT $1, $2, $3, $4, $5, $6, $7, nextval('template_news_number'),"
    " COALESCE((SELECT created_at FROM dead_letters WHERE id = $8::bigint), now())"
    " WHERE EXISTS (SELECT 1 FROM senders WHERE account_id = $1 AND account_id <> '')"
    " ON CONFLICT (account_id, name, language) DO UPDATE SET"
    " status = CASE WHEN " KABAR_IS_OLDER
    " OR excluded.status = '' THEN n.status"
    "  ELSE excluded.status END,"
    " category = CASE WHEN " KABAR_IS_OLDER
    " OR excluded.category = '' THEN n.category"
    "  ELSE excluded.category END,"
    " quality = CASE WHEN " KABAR_IS_OLDER
    " OR excluded.quality = '' THEN n.quality"
    "  ELSE excluded.quality END,"
    " reason = CASE WHEN " KABAR_IS_OLDER
    " OR excluded.status = '' THEN n.reason"
    "  ELSE excluded.reason END,"
    " number = excluded.number, told_at = GREATEST(n.told_at, excluded.told_at)"};

// One transaction's work, in the order in which its methods stand.
class Application {
 public:
  Application(pg::Transaction& tx, const WebhookBatch& batch, WebhookEffects& effects)
      : tx_(tx), batch_(batch), effects_(effects), now_(absl::Now()) {}

  absl::Status Run() {
    KABAR_RETURN_IF_ERROR(LockJournal(tx_, batch_.journal));
    // Unless one of them is buried once more below.
    if (!batch_.retried_letters.empty()) {
      tx_.Exec(kLettersApplied, pg::BigintArray(batch_.retried_letters));
    }
    parties_.FindSenders(tx_, batch_);
    FindTargets();
    LearnUserIds();
    for (std::size_t i = 0; i < batch_.statuses.size(); ++i) ApplyStatus(i);
    ledger_.Save(tx_, events_);
    for (const Failed& failed : failed_) React(failed);
    // After the statuses, which bring the provider's ids that an answer refers to.
    ApplyInbound();
    for (const TemplateNews& news : batch_.templates) KeepNews(news);
    for (const NewDeadLetter& letter : batch_.dead_letters) {
      const SenderOf* sender = parties_.Find(letter.phone_number_id);
      Bury(sender, letter.kind, letter.reason, letter);
    }
    for (const auto& [sender, time] : evidence_) tx_.Exec(kEvidence, sender, time);
    effects_.changes = ledger_.changes();
    effects_.requeued = ledger_.requeued();
    MarkApplied(tx_, batch_.journal);
    return events_.Append(tx_);
  }

 private:
  struct Target {
    std::string message_id;
    std::int32_t attempt = 0;
  };

  // By our own tag first; by the provider's id for a status without one.
  void FindTargets() {
    targets_.resize(batch_.statuses.size());
    std::vector<std::size_t> untagged;
    for (std::size_t i = 0; i < batch_.statuses.size(); ++i) {
      const absl::StatusOr<base::AttemptTag> tag = base::ParseAttemptTag(batch_.statuses[i].tag);
      if (tag.ok()) {
        targets_[i] = {tag->message_id, tag->attempt};
      } else {
        untagged.push_back(i);
      }
    }
    FindUntagged(untagged);
    std::vector<std::string> ids;
    for (const Target& target : targets_) {
      if (!target.message_id.empty()) ids.push_back(target.message_id);
    }
    ledger_.Load(tx_, ids, Pausing());
    ledger_.LoadEarlierAttempts(tx_, ledger_.All());
  }

  // A lane that may have to be paused is locked for it at once: two of these never wait for each
  // other.
  std::vector<std::string> Pausing() const {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const StatusChange& status = batch_.statuses[i];
      if (status.state == AttemptState::kFailed && !targets_[i].message_id.empty() &&
          Judge(status.decision, {.free_text = true, .has_form = true, .with_medium = true}, {})
                  .action == OutcomeAction::kPauseLane) {
        ids.push_back(targets_[i].message_id);
      }
    }
    return ids;
  }

  // A status names the user id of a person whom we wrote to by phone: from now on both are his, and
  // his answer is known as his even if he hides the phone.
  void LearnUserIds() {
    std::vector<PersonNamed> people;
    for (std::size_t i = 0; i < batch_.statuses.size(); ++i) {
      const StatusChange& status = batch_.statuses[i];
      const LedgerRow* row = ledger_.Find(targets_[i].message_id);
      if (status.bsuid.empty() || row == nullptr || row->phone.empty()) continue;
      const SenderOf* sender = parties_.Find(status.phone_number_id);
      if (sender == nullptr || sender->id != row->lane->lane.sender_id) continue;
      people.push_back({status.phone_number_id, {row->phone, status.bsuid}});
    }
    if (!people.empty()) parties_.Resolve(tx_, people);
  }

  // By the provider's id, among what was sent to the recipient.
  void FindUntagged(const std::vector<std::size_t>& places) {
    if (places.empty()) return;
    std::vector<PersonNamed> people;
    for (const std::size_t place : places) {
      const StatusChange& status = batch_.statuses[place];
      people.push_back({status.phone_number_id, {status.phone, status.bsuid}});
    }
    const std::vector<std::int64_t> recipients = parties_.Resolve(tx_, people);
    std::vector<AttemptNamed> named;
    for (std::size_t i = 0; i < places.size(); ++i) {
      named.push_back({recipients[i], batch_.statuses[places[i]].provider_id});
    }
    const std::vector<SentMessage> found = FindAttempts(tx_, named);
    for (std::size_t i = 0; i < places.size(); ++i) {
      targets_[places[i]] = {found[i].message_id, found[i].attempt};
    }
  }

  void ApplyStatus(std::size_t i) {
    const StatusChange& status = batch_.statuses[i];
    const SenderOf* sender = parties_.Find(status.phone_number_id);
    if (sender == nullptr) {
      return Bury(nullptr, "WEBHOOK_UNKNOWN_SENDER", "no sender has this phone_number_id", status);
    }
    LedgerRow* row = ledger_.Find(targets_[i].message_id);
    if (row == nullptr) {
      return Bury(sender, "WEBHOOK_UNKNOWN_MESSAGE",
                  "neither its callback data nor its id names a message of the ledger", status);
    }
    if (row->lane->lane.sender_id != sender->id) {
      return Bury(sender, "WEBHOOK_WRONG_SENDER", "the message was sent by another number", status);
    }
    const std::int32_t attempt = targets_[i].attempt;
    if (attempt < 1 || attempt > row->attempt) {
      return Bury(sender, "WEBHOOK_UNKNOWN_ATTEMPT", "the ledger knows no such attempt", status);
    }
    const std::optional<absl::Time> started = StartOf(*row, attempt);
    if (started) NoteEvidence(*sender, *started);
    AttemptMove move{.provider_id = status.provider_id,
                     .reason = status.reason,
                     .pricing_category = status.pricing_category,
                     .billable = status.billable};
    if (status.state != AttemptState::kFailed) {
      ledger_.MoveAttempt(*row, attempt, status.state, move);
      return;
    }
    // In which form the attempt went nobody knows any more; that a window is closed holds anyway.
    const Judgement judgement = Judge(status.decision,
                                      {.attempt = attempt,
                                       .free_text = true,
                                       .has_form = row->has_form,
                                       .with_medium = row->with_medium,
                                       .of_campaign = row->lane->lane.of_campaign()},
                                      now_);
    move.retry = judgement.retry;
    move.costs_try = judgement.costs_try;
    move.render_again = judgement.render_again;
    move.not_before = judgement.not_before;
    if (ledger_.MoveAttempt(*row, attempt, status.state, move)) {
      failed_.push_back({&status, sender, row, judgement.action, started.value_or(now_)});
    }
  }

  // When its request was written, as far as is known.
  static std::optional<absl::Time> StartOf(const LedgerRow& row, std::int32_t attempt) {
    for (const AttemptRow& known : row.attempts) {
      if (known.attempt == attempt && known.started_at) return known.started_at;
    }
    if (attempt == row.attempt) return row.claimed_at;
    return std::nullopt;
  }

  void NoteEvidence(const SenderOf& sender, absl::Time started) {
    auto [place, added] = evidence_.emplace(sender.id, started);
    if (!added) place->second = std::max(place->second, started);
  }

  struct Failed {
    const StatusChange* status;
    const SenderOf* sender;
    const LedgerRow* row;
    OutcomeAction action;
    absl::Time started;
  };

  // What a failure means beyond its message; once per attempt, however often it is reported.
  void React(const Failed& failed) {
    const StatusChange& status = *failed.status;
    const SenderOf& sender = *failed.sender;
    const std::int64_t recipient = failed.row->recipient_id;
    Lane& lane = ledger_.FindLane(failed.row->lane->lane.id)->lane;
    ActOnFailure(tx_, lane, recipient, failed.action, status.reason, failed.started, events_);
    if (status.decision.alert) {
      effects_.alerts.push_back({status.decision.action, status.reason});
    }
    switch (failed.action) {
      case OutcomeAction::kPauseSender:
      case OutcomeAction::kStopSender:
      case OutcomeAction::kStopPortfolio:
        effects_.senders.push_back(
            {sender.id, sender.portfolio_id, failed.action == OutcomeAction::kStopPortfolio});
        break;
      case OutcomeAction::kPauseLane:
        effects_.lanes.push_back(lane.id);
        break;
      case OutcomeAction::kCloseWindow:
        effects_.closed_windows.push_back(
            {sender.portfolio_id, sender.id, NowKnownAs(tx_, recipient)});
        break;
      case OutcomeAction::kOptOut:
      case OutcomeAction::kRest24h:
      case OutcomeAction::kNone:
        break;
    }
    if (status.decision.signal == whatsapp::ErrorSignal::kRate) NoteTooMuch(failed);
    if (status.decision.action == whatsapp::ErrorAction::kRetryRecipient) {
      effects_.refused_pairs.push_back(
          {sender.portfolio_id, sender.id, NowKnownAs(tx_, recipient)});
    }
  }

  // Those of one batch are told as one: what was on its way together counts once.
  void NoteTooMuch(const Failed& failed) {
    for (WebhookEffects::SentTooMuch& known : effects_.too_much) {
      if (known.sender_id != failed.sender->id) continue;
      known.at = std::max(known.at, failed.started);
      return;
    }
    effects_.too_much.push_back({failed.sender->id, failed.sender->portfolio_id, failed.started});
  }

  void ApplyInbound() {
    if (batch_.inbound.empty()) return;
    std::vector<PersonNamed> people;
    for (const InboundMessage& inbound : batch_.inbound) {
      people.push_back({inbound.phone_number_id, {inbound.phone, inbound.bsuid}});
    }
    const std::vector<std::int64_t> recipients = parties_.Resolve(tx_, people);
    pg::ArrayBuilder ids, outlets, senders, recipient_ids;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      const InboundMessage& inbound = batch_.inbound[i];
      const SenderOf* sender = parties_.Find(inbound.phone_number_id);
      if (sender == nullptr) {
        Bury(nullptr, "WEBHOOK_UNKNOWN_SENDER", "no sender has this phone_number_id", inbound);
        continue;
      }
      ids.Add(inbound.provider_id);
      outlets.Add(sender->outlet_id);
      senders.Add(sender->id);
      recipient_ids.Add(recipients[i]);
    }
    std::set<std::string> fresh;
    for (const pqxx::row& row :
         tx_.Exec(kInsertInbound, std::move(ids).Finish(), std::move(outlets).Finish(),
                  std::move(senders).Finish(), std::move(recipient_ids).Finish())) {
      fresh.insert(pg::TextField(row[0]));
    }
    const std::vector<SentMessage> contexts = FindContexts(recipients);
    const std::vector<SentMessage> last = FindLast(recipients, contexts);
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      const InboundMessage& inbound = batch_.inbound[i];
      if (fresh.erase(inbound.provider_id) == 0) continue;  // delivered before
      TakeInbound(inbound, *parties_.Find(inbound.phone_number_id), recipients[i], contexts[i],
                  last[i]);
    }
  }

  // What each of them answers, as the provider says.
  std::vector<SentMessage> FindContexts(const std::vector<std::int64_t>& recipients) {
    std::vector<AttemptNamed> named;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      named.push_back({recipients[i], batch_.inbound[i].context_id});
    }
    std::vector<SentMessage> contexts = FindAttempts(tx_, named);
    AddTapped(contexts);
    return contexts;
  }

  // A button carries the id of its message: that tells even where nobody knows the provider's id of
  // it, because the answer to our request was lost.
  void AddTapped(std::vector<SentMessage>& contexts) {
    std::vector<MessageNamed> named(contexts.size());
    for (std::size_t i = 0; i < contexts.size(); ++i) {
      const InboundMessage& inbound = batch_.inbound[i];
      const SenderOf* sender = parties_.Find(inbound.phone_number_id);
      if (sender == nullptr || !contexts[i].message_id.empty()) continue;
      if (inbound.kind != "button" && inbound.kind != "interactive") continue;
      named[i] = {ParseButtonPayload(inbound.payload_id).message_id, sender->id};
    }
    const std::vector<SentMessage> found = FindMessages(tx_, named);
    for (std::size_t i = 0; i < contexts.size(); ++i) {
      if (!found[i].message_id.empty()) contexts[i] = found[i];
    }
  }

  // What the others may answer.
  std::vector<SentMessage> FindLast(const std::vector<std::int64_t>& recipients,
                                    const std::vector<SentMessage>& contexts) {
    std::vector<Writer> writers(recipients.size());
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      const SenderOf* sender = parties_.Find(batch_.inbound[i].phone_number_id);
      if (sender == nullptr || !contexts[i].message_id.empty()) continue;
      writers[i] = {recipients[i], sender->id, batch_.inbound[i].time};
    }
    return FindLastMessages(tx_, writers);
  }

  void TakeInbound(const InboundMessage& inbound, const SenderOf& sender, std::int64_t recipient,
                   const SentMessage& context, const SentMessage& last) {
    ++effects_.inbound;
    if (inbound.opens_window && recipient != 0) {
      // A clock that runs ahead does not lengthen the window.
      const absl::Time time = std::min(inbound.time, now_);
      OpenWindowFor(tx_, sender.id, recipient, time);
      effects_.windows.push_back({sender.portfolio_id, sender.id, recipient, time});
    }
    events::v1::InboundReceived& event = *events_.Inbound(sender.outlet_id);
    event.set_inbound_id(inbound.provider_id);
    event.set_sender_id(sender.id);
    event.set_phone(inbound.phone);
    event.set_bsuid(inbound.bsuid);
    event.set_profile_name(inbound.profile_name);
    event.set_username(inbound.username);
    event.set_new_phone(inbound.new_phone);
    event.set_new_bsuid(inbound.new_bsuid);
    event.set_kind(inbound.kind);
    Set(inbound.time, event.mutable_write_time());
    event.set_text(inbound.text);
    // What the tap means; to whom it belongs stands in the context.
    event.set_payload(ParseButtonPayload(inbound.payload_id).answer);
    event.set_context_message_id(context.message_id);
    event.set_context_contact_id(context.contact_id);
    event.set_context_run_id(context.run_id);
    if (last.message_id.empty()) return;
    event.set_last_message_id(last.message_id);
    event.set_last_contact_id(last.contact_id);
    event.set_last_run_id(last.run_id);
    Set(last.claimed_at, event.mutable_last_claim_time());
  }

  void KeepNews(const TemplateNews& news) {
    const whatsapp::TemplateChange& change = news.change;
    const pqxx::result kept =
        tx_.Exec(kTemplateNews, change.account, change.name, change.language, change.status,
                 change.category, change.quality, change.reason, news.dead_letter_id);
    if (kept.affected_rows() > 0) return;
    Bury(nullptr, "WEBHOOK_UNKNOWN_ACCOUNT", "no sender has this account_id", news);
  }

  // Of one webhook, the same thing is buried once: the letter holds all of it. A letter's own
  // webhook makes no new one.
  template <typename Part>
  void Bury(const SenderOf* sender, const std::string& kind, const std::string& reason,
            const Part& part) {
    const std::string outlet = sender == nullptr ? "" : sender->outlet_id;
    if (part.dead_letter_id != 0) {
      tx_.Exec(kLetterAgain, part.dead_letter_id, outlet, kind, reason);
      return;
    }
    if (!buried_.emplace(part.phone_number_id, kind, reason, part.payload).second) return;
    tx_.Exec(kDeadLetter, outlet, kind, reason, pg::Bytes(part.payload), part.phone_number_id);
    ++effects_.dead_letters;
  }

  pg::Transaction& tx_;
  const WebhookBatch& batch_;
  WebhookEffects& effects_;
  const absl::Time now_;
  WebhookParties parties_;
  std::vector<Target> targets_;
  LedgerBatch ledger_;
  LedgerEvents events_;
  std::vector<Failed> failed_;
  std::map<std::string, absl::Time> evidence_;
  std::set<std::tuple<std::string, std::string, std::string, std::string>> buried_;
};

}  // namespace

absl::StatusOr<WebhookEffects> PgStore::ApplyWebhooks(const WebhookBatch& batch,
                                                      absl::Time deadline) {
  WebhookEffects effects;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ApplyWebhooks", {.deadline = deadline, .attempts = 5},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       effects = {};
                                       return Application(tx, batch, effects).Run();
                                     }));
  return effects;
}

}  // namespace kabar::dispatcher
