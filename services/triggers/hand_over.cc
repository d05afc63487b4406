#include "services/triggers/hand_over.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/log/log.h"
#include "services/triggers/values_table.h"

namespace kabar::triggers {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(10);
constexpr char kContactNotFound[] = "CONTACT_NOT_FOUND";
constexpr char kNoPhone[] = "NO_PHONE";
constexpr char kErased[] = "ERASED";
constexpr char kAutomationDisabled[] = "AUTOMATION_DISABLED";
constexpr char kStepNotFound[] = "STEP_NOT_FOUND";
constexpr char kLeaseLost[] = "LEASE_LOST";

// Deadlines of the database are real time whatever the clock of the loop.
absl::Time Soon() { return absl::Now() + kStoreTimeout; }

// "20261121-...": the ledger is partitioned by it.
std::string DayOf(const std::string& message_id) { return message_id.substr(0, 8); }

}  // namespace

// A step on its way. Once `done`, its result stands and nothing more is done for it; a failure in
// `content` goes on, so that the ledger holds the refusal.
struct HandOver::Item {
  const StepWork* step = nullptr;
  std::string sender_id = {};
  std::string contact_id = {};
  std::string message_id = {};
  Person person = {};
  Rendered content = {};
  bool suppressed = false;
  absl::Time render_time = absl::InfinitePast();
  StepResult result = {};
  bool done = false;

  void Finish(StepResult outcome) {
    result = std::move(outcome);
    done = true;
  }
  // To be recorded in the ledger as what it is.
  void Refuse(const char* reason) { content.failure = reason; }
  bool refused() const { return !content.failure.empty(); }
};

namespace {

template <typename Items>
Items Open(const Items& items) {
  Items open;
  for (auto* item : items) {
    if (!item->done) open.push_back(item);
  }
  return open;
}

// Of messages that can still be sent.
template <typename Items>
Items Sendable(const Items& items) {
  Items sendable;
  for (auto* item : items) {
    if (!item->done && !item->refused()) sendable.push_back(item);
  }
  return sendable;
}

template <typename Items>
void Fail(const Items& items, const absl::Status& failure, absl::string_view what) {
  // The reason only: a service's message may quote what it was given.
  static log::Throttle throttle(absl::Seconds(5));
  log::Warn(throttle, "steps not handed over",
            {{"step", what}, {"reason", ReasonOf(failure)}, {"count", items.size()}});
  for (auto* item : items) item->Finish(ResultOf(failure));
}

// Calls `call` for at most `max` items at once. What it refuses as a whole is tried one by one, so
// that one bad item does not take the others with it.
template <typename Items>
void InBatches(const Items& items, std::size_t max, absl::string_view what,
               const std::function<absl::Status(const Items&)>& call) {
  for (std::size_t begin = 0; begin < items.size(); begin += max) {
    const std::size_t end = std::min(items.size(), begin + max);
    const Items batch(items.begin() + static_cast<std::ptrdiff_t>(begin),
                      items.begin() + static_cast<std::ptrdiff_t>(end));
    const absl::Status status = call(batch);
    if (status.ok()) continue;
    if (batch.size() == 1 || !IsPermanent(status)) {
      Fail(batch, status, what);
      continue;
    }
    for (auto* item : batch) {
      const Items alone{item};
      if (const absl::Status one = call(alone); !one.ok()) Fail(alone, one, what);
    }
  }
}

}  // namespace

std::vector<StepResult> HandOver::HandOverSteps(absl::Span<const StepWork> steps) {
  std::vector<Item> all(steps.size());
  std::map<std::string, Items> by_outlet;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Item& item = all[i];
    item.step = &steps[i];
    item.sender_id = steps[i].sender_id;
    item.contact_id = steps[i].contact_id;
    item.message_id = steps[i].message_id;
    // One that may be in the ledger already goes on: the step must say so.
    if (!steps[i].automation_active && steps[i].message_id.empty()) {
      item.Finish({.kind = StepResult::Kind::kRefused, .reason = kAutomationDisabled});
    } else if (!steps[i].automation_active && steps[i].held()) {
      item.Refuse(kAutomationDisabled);
      item.suppressed = true;
    }
    by_outlet[steps[i].outlet_id].push_back(&item);
  }
  for (const auto& [outlet, items] : by_outlet) {
    Resolve(outlet, Open(items));
    Assign(Open(items));
    OpenLanes(outlet, Open(items));
    Render(outlet, Sendable(items));
    HoldBack(outlet, Sendable(items));
    Enqueue(outlet, Open(items));
  }
  std::vector<StepResult> results;
  for (Item& item : all) results.push_back(std::move(item.result));
  return results;
}

absl::StatusOr<HandOver::Again> HandOver::RenderAgain(const Lane& lane,
                                                      absl::Span<const StepWork> steps,
                                                      absl::Span<const std::string> without_step) {
  StepWork nothing;
  std::vector<Item> all(steps.size() + without_step.size());
  Items known;
  Items items;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Item& item = all[i];
    item.sender_id = lane.sender_id;
    items.push_back(&item);
    if (i >= steps.size()) {
      item.step = &nothing;
      item.message_id = without_step[i - steps.size()];
      item.Refuse(kStepNotFound);
      continue;
    }
    item.step = &steps[i];
    item.contact_id = steps[i].contact_id;
    item.message_id = steps[i].message_id;
    if (!steps[i].automation_active) {
      item.Refuse(kAutomationDisabled);
      item.suppressed = true;
    }
    known.push_back(&item);
  }
  Resolve(lane.outlet_id, known);
  Render(lane.outlet_id, Sendable(known));
  HoldBack(lane.outlet_id, Sendable(known));
  Enqueue(lane.outlet_id, Open(items));
  Again again;
  for (const Item& item : all) {
    switch (item.result.kind) {
      case StepResult::Kind::kHandedOver:
      case StepResult::Kind::kRefused:
        ++again.rendered;
        break;
      case StepResult::Kind::kHeld:
        again.held.push_back(item.message_id);
        break;
      case StepResult::Kind::kRetry:
        again.failed.push_back(item.message_id);
        break;
    }
  }
  return again;
}

void HandOver::Resolve(const std::string& outlet, const Items& items) {
  Items by_phone;
  Items by_id;
  for (Item* item : items) {
    // An event came with one of the two; without both its person was erased (pg_erasure.h).
    if (item->step->event_contact_id.empty() && item->step->phone.empty()) {
      item->Refuse(kErased);
      item->suppressed = true;
      continue;
    }
    (item->step->event_contact_id.empty() ? by_phone : by_id).push_back(item);
  }
  ResolveByPhone(outlet, by_phone);
  ResolveById(outlet, by_id);
  for (Item* item : Open(items)) {
    if (item->contact_id.empty()) item->contact_id = item->person.contact_id;
    if (!item->refused() && item->person.phone.empty() && item->person.bsuid.empty()) {
      item->Refuse(kNoPhone);
    }
  }
}

void HandOver::ResolveByPhone(const std::string& outlet, const Items& items) {
  InBatches<Items>(items, kMaxResolve, "resolve", [&](const Items& batch) -> absl::Status {
    std::vector<Identity> identities;
    std::map<std::string, std::size_t> of_phone;
    for (const Item* item : batch) {
      const auto [place, added] = of_phone.emplace(item->step->phone, identities.size());
      if (added) {
        identities.push_back({.phone = item->step->phone,
                              .name = item->step->name,
                              .heard = item->step->published_at});
      }
      Identity& identity = identities[place->second];
      identity.heard = std::max(identity.heard, item->step->published_at);
    }
    absl::StatusOr<std::vector<Person>> people =
        peers_.ResolveContacts(outlet, identities, /*create_missing=*/true);
    if (!people.ok()) return people.status();
    for (Item* item : batch) {
      item->person = (*people)[of_phone.at(item->step->phone)];
      if (item->person.contact_id.empty()) item->Refuse(kContactNotFound);
    }
    return absl::OkStatus();
  });
}

// Contacts has no call for several ids; each contact is asked for once.
void HandOver::ResolveById(const std::string& outlet, const Items& items) {
  std::map<std::string, Items> by_id;
  for (Item* item : items) by_id[item->step->event_contact_id].push_back(item);
  for (const auto& [id, same] : by_id) {
    absl::StatusOr<Person> person = peers_.GetContact(outlet, id);
    if (!person.ok() && !absl::IsNotFound(person.status())) {
      Fail(same, person.status(), "resolve");
      continue;
    }
    for (Item* item : same) {
      if (person.ok()) {
        item->person = *person;
      } else {
        item->person.contact_id = id;
        item->Refuse(kContactNotFound);
      }
    }
  }
}

void HandOver::Assign(const Items& items) {
  std::vector<Assignment> assignments;
  Items asked;
  for (Item* item : items) {
    if (!item->message_id.empty()) continue;
    item->message_id = MessageIdOf(*item->step, item->contact_id);
    assignments.push_back({.outlet_id = item->step->outlet_id,
                           .step_id = item->step->id,
                           .lease = item->step->lease,
                           .contact_id = item->contact_id,
                           .message_id = item->message_id});
    asked.push_back(item);
  }
  const absl::StatusOr<std::vector<std::string>> kept = store_.AssignMessages(assignments, Soon());
  if (!kept.ok()) return Fail(asked, kept.status(), "assign");
  const std::set<std::string> ours(kept->begin(), kept->end());
  for (Item* item : asked) {
    if (!ours.contains(item->step->id)) {
      item->Finish({.kind = StepResult::Kind::kRetry, .reason = kLeaseLost});
    }
  }
}

void HandOver::OpenLanes(const std::string& outlet, const Items& items) {
  std::map<std::string, Items> by_sender;
  for (Item* item : items) by_sender[item->sender_id].push_back(item);
  for (const auto& [sender_id, same] : by_sender) {
    if (const absl::Status status = OpenLane({outlet, sender_id}); !status.ok()) {
      Fail(same, status, "lane");
    }
  }
}

absl::Status HandOver::OpenLane(const Lane& lane) {
  const auto key = std::make_pair(lane.outlet_id, lane.sender_id);
  {
    const std::lock_guard lock(mutex_);
    if (open_lanes_.contains(key)) return absl::OkStatus();
  }
  if (absl::Status made = peers_.CreateLane(lane.outlet_id, lane.sender_id); !made.ok()) {
    return made;
  }
  // Before the first message: a text in a lane that nobody knows would never be rendered again.
  if (absl::Status kept = store_.RememberLane(lane, Soon()); !kept.ok()) return kept;
  const std::lock_guard lock(mutex_);
  open_lanes_.insert(key);
  return absl::OkStatus();
}

void HandOver::Render(const std::string& outlet, const Items& items) {
  std::map<std::string, Items> by_template;
  for (Item* item : items) by_template[item->step->template_id].push_back(item);
  for (const auto& [template_id, same] : by_template) RenderWith(outlet, template_id, same);
}

void HandOver::RenderWith(const std::string& outlet, const std::string& template_id,
                          const Items& items) {
  const auto render = [&](const Items& batch) -> absl::Status {
    ValuesTable table;
    for (const Item* item : batch) table.AddRow(*item->step, item->person);
    const std::vector<std::vector<std::string>> rows = table.TakeRows();
    const absl::Time now = clock_.Now();
    absl::StatusOr<std::vector<Rendered>> rendered =
        peers_.Render(outlet, template_id, table.columns(), rows);
    if (!rendered.ok() && IsPermanent(rendered.status()) && batch.size() == 1) {
      batch[0]->content.failure = ReasonOf(rendered.status());
      return absl::OkStatus();
    }
    if (!rendered.ok()) return rendered.status();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i]->content = std::move((*rendered)[i]);
      batch[i]->render_time = now;
    }
    return absl::OkStatus();
  };
  InBatches<Items>(items, kMaxEnqueue, "render", render);
}

void HandOver::HoldBack(const std::string& outlet, const Items& items) {
  std::map<std::string, Items> by_sender;
  for (Item* item : items) {
    if (!item->content.trouble.empty()) by_sender[item->sender_id].push_back(item);
  }
  for (const auto& [sender_id, same] : by_sender) {
    InBatches<Items>(same, kMaxEnqueue, "window", [&](const Items& batch) -> absl::Status {
      const absl::StatusOr<std::vector<bool>> needed =
          peers_.NeedTemplates(outlet, sender_id, OutgoingOf(batch));
      if (!needed.ok()) return needed.status();
      const absl::Time now = clock_.Now();
      for (std::size_t i = 0; i < batch.size(); ++i) {
        Item* item = batch[i];
        if (!(*needed)[i]) continue;
        if (now - std::max(item->step->due_time, item->step->published_at) < kHeldFor) {
          item->Finish({.kind = StepResult::Kind::kHeld, .reason = item->content.trouble});
        } else {
          item->content.failure = item->content.trouble;
        }
      }
      return absl::OkStatus();
    });
  }
}

std::vector<Outgoing> HandOver::OutgoingOf(const Items& batch) const {
  std::vector<Outgoing> messages;
  for (const Item* item : batch) {
    messages.push_back({.id = item->message_id,
                        .contact_id = item->contact_id,
                        .subject = SubjectOf(item->step->variables),
                        .phone = item->person.phone,
                        .bsuid = item->person.bsuid,
                        .content = item->content,
                        .suppressed = item->suppressed,
                        .render_time = item->refused() ? clock_.Now() : item->render_time});
  }
  return messages;
}

void HandOver::Enqueue(const std::string& outlet, const Items& items) {
  std::map<std::pair<std::string, std::string>, Items> by_lane_and_day;
  for (Item* item : items) {
    by_lane_and_day[{item->sender_id, DayOf(item->message_id)}].push_back(item);
  }
  for (const auto& [key, same] : by_lane_and_day) EnqueueBatch({outlet, key.first}, same);
}

void HandOver::EnqueueBatch(const Lane& lane, const Items& items) {
  InBatches<Items>(items, kMaxEnqueue, "enqueue", [&](const Items& batch) -> absl::Status {
    const absl::StatusOr<std::int64_t> unchanged =
        peers_.Enqueue(lane.outlet_id, lane.sender_id, OutgoingOf(batch));
    if (absl::IsNotFound(unchanged.status())) {
      // The ledger does not know the lane any more (restored from a backup): made anew next time.
      const std::lock_guard lock(mutex_);
      open_lanes_.erase({lane.outlet_id, lane.sender_id});
      return absl::UnavailableError("the lane is gone");
    }
    if (!unchanged.ok()) return unchanged.status();
    for (Item* item : batch) {
      bool refused = item->refused();
      if (refused && *unchanged > 0) {
        // Handed over before, by an Enqueue whose answer was lost: what came of it counts.
        const absl::StatusOr<bool> taken = peers_.WasTaken(lane.outlet_id, item->message_id);
        if (!taken.ok()) return taken.status();
        refused = !*taken;
      }
      item->Finish(
          refused ? StepResult{.kind = StepResult::Kind::kRefused, .reason = item->content.failure}
                  : StepResult{.kind = StepResult::Kind::kHandedOver});
    }
    return absl::OkStatus();
  });
}

}  // namespace kabar::triggers
