// contacts, templates and dispatcher as triggers sees them, in the test's own process: real gRPC,
// plain memory. Each answers for the outlet of its caller only.
//
// Thread safety: safe for concurrent use. Blocks: ReadEvents until the caller is gone. Errors: what
// the services answer (NOT_FOUND, ...), and what a test asks for with `failure`.
#ifndef KABAR_SERVICES_TRIGGERS_TESTING_FAKE_PEERS_H_
#define KABAR_SERVICES_TRIGGERS_TESTING_FAKE_PEERS_H_

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/testing/local_server.h"
#include "services/triggers/testing/fake_events.h"

namespace kabar::triggers::testing {

// What a test changes at any time.
class Faults {
 public:
  // The next `times` calls fail with `status`; with `after_work` they do their work first.
  void Fail(absl::Status status, int times, bool after_work = false) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    times_ = times;
    after_work_ = after_work;
  }
  absl::Status Before() { return Take(false); }
  absl::Status After() { return Take(true); }

 private:
  absl::Status Take(bool after) {
    const std::lock_guard lock(mutex_);
    if (times_ == 0 || after != after_work_) return absl::OkStatus();
    --times_;
    return status_;
  }

  std::mutex mutex_;
  absl::Status status_;
  int times_ = 0;
  bool after_work_ = false;
};

class FakeContacts : public contacts::v1::ContactsService::Service {
 public:
  explicit FakeContacts(rpc::Guard& guard) : guard_(guard) {}

  Faults faults;

  // A contact that is there already; its id.
  std::string Add(const std::string& outlet, const std::string& phone, const std::string& name) {
    const std::lock_guard lock(mutex_);
    contacts::v1::Contact contact;
    contact.set_phone(phone);
    contact.set_name(name);
    return Insert(outlet, std::move(contact)).id();
  }
  // All contacts of the outlet are deleted, and created anew when they are needed, with other ids.
  void Replace(const std::string& outlet) {
    const std::lock_guard lock(mutex_);
    by_id_[outlet].clear();
    ++generation_;
  }
  int count(const std::string& outlet) {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(by_id_[outlet].size());
  }

  grpc::Status GetContact(grpc::ServerContext* context,
                          const contacts::v1::GetContactRequest* request,
                          contacts::v1::Contact* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
      KABAR_RETURN_IF_ERROR(faults.Before());
      const std::lock_guard lock(mutex_);
      const auto found = by_id_[call.outlet].find(request->id());
      if (found == by_id_[call.outlet].end()) {
        return base::Error(absl::StatusCode::kNotFound, "CONTACT_NOT_FOUND", "no such contact");
      }
      *response = found->second;
      return absl::OkStatus();
    });
  }

  grpc::Status ResolveContacts(grpc::ServerContext* context,
                               const contacts::v1::ResolveContactsRequest* request,
                               contacts::v1::ResolveContactsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
      KABAR_RETURN_IF_ERROR(faults.Before());
      const std::lock_guard lock(mutex_);
      for (const auto& wanted : request->contacts()) {
        if (wanted.phone() == "+0") return base::InvalidField("contacts", "no phone");
        contacts::v1::Contact* found = response->add_contacts();
        for (const auto& [id, contact] : by_id_[call.outlet]) {
          if ((!wanted.phone().empty() && contact.phone() == wanted.phone()) ||
              (!wanted.bsuid().empty() && contact.bsuid() == wanted.bsuid())) {
            *found = contact;
          }
        }
        if (found->id().empty() && request->create_missing()) *found = Insert(call.outlet, wanted);
      }
      return faults.After();
    });
  }

 private:
  contacts::v1::Contact Insert(const std::string& outlet, contacts::v1::Contact contact) {
    contact.set_id(absl::StrCat("con_", outlet, "_", generation_ + by_id_[outlet].size() + 1));
    by_id_[outlet][contact.id()] = contact;
    return contact;
  }

  rpc::Guard& guard_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::string, contacts::v1::Contact>> by_id_;
  std::size_t generation_ = 0;
};

// Renders "<text> name=value, ..." with the values that the template names, in its order; a row
// that lacks one fails with MISSING_VARIABLE.
class FakeTemplates : public templates::v1::TemplatesService::Service {
 public:
  explicit FakeTemplates(rpc::Guard& guard) : guard_(guard) {}

  Faults faults;
  Faults delete_faults;

  // Why the provider template must not be sent; empty: it may.
  void SetTrouble(const std::string& trouble) {
    const std::lock_guard lock(mutex_);
    trouble_ = trouble;
  }

  void Put(const std::string& outlet, const std::string& id, const std::string& text,
           std::vector<std::string> variables) {
    const std::lock_guard lock(mutex_);
    templates_[{outlet, id}] = {text, std::move(variables)};
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  // The use of a template by its user (automation), "" if there is none.
  std::string used_by(const std::string& outlet, const std::string& user) {
    const std::lock_guard lock(mutex_);
    const auto found = uses_.find({outlet, user});
    return found == uses_.end() ? "" : found->second;
  }

  std::size_t uses() {
    const std::lock_guard lock(mutex_);
    return uses_.size();
  }
  void ForgetUses() {
    const std::lock_guard lock(mutex_);
    uses_.clear();
  }

  grpc::Status PutTemplateUse(grpc::ServerContext* context,
                              const templates::v1::PutTemplateUseRequest* request,
                              templates::v1::Template* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
      KABAR_RETURN_IF_ERROR(faults.Before());
      const std::lock_guard lock(mutex_);
      const auto found = templates_.find({call.outlet, request->template_id()});
      if (found == templates_.end()) return NotFound();
      if (request->template_id() == "tpl_archived") {
        return base::Error(absl::StatusCode::kFailedPrecondition, "TEMPLATE_ARCHIVED", "archived");
      }
      for (const std::string& name : found->second.variables) {
        const auto& given = request->variables();
        // The fake knows no other spellings than these.
        const std::string spelled = name == "name" ? "contactname" : name;
        if (std::find(given.begin(), given.end(), spelled) == given.end()) {
          return base::InvalidField("template_id", request->what() + " has no " + name);
        }
      }
      uses_[{call.outlet, request->user()}] = request->template_id();
      response->set_id(request->template_id());
      return faults.After();
    });
  }

  grpc::Status DeleteTemplateUse(grpc::ServerContext* context,
                                 const templates::v1::DeleteTemplateUseRequest* request,
                                 templates::v1::DeleteTemplateUseResponse*) override {
    return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
      KABAR_RETURN_IF_ERROR(delete_faults.Before());
      const std::lock_guard lock(mutex_);
      uses_.erase({call.outlet, request->user()});
      return absl::OkStatus();
    });
  }

  grpc::Status RenderBatch(grpc::ServerContext* context,
                           const templates::v1::RenderBatchRequest* request,
                           templates::v1::RenderBatchResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
      KABAR_RETURN_IF_ERROR(faults.Before());
      const std::lock_guard lock(mutex_);
      ++calls_;
      const auto found = templates_.find({call.outlet, request->template_id()});
      if (found == templates_.end()) return NotFound();
      for (const auto& row : request->rows()) {
        auto* rendered = response->add_rendered();
        RenderRow(found->second, *request, row, rendered);
        if (rendered->has_provider_form()) {
          rendered->mutable_provider_form()->set_trouble(trouble_);
        }
      }
      return faults.After();
    });
  }

 private:
  struct Text {
    std::string text;
    std::vector<std::string> variables;
  };

  static absl::Status NotFound() {
    return base::Error(absl::StatusCode::kNotFound, "TEMPLATE_NOT_FOUND", "no such template");
  }

  static void RenderRow(const Text& text, const templates::v1::RenderBatchRequest& request,
                        const templates::v1::RenderBatchRequest::Row& row,
                        templates::v1::Rendered* rendered) {
    std::string all = text.text;
    for (const std::string& name : text.variables) {
      std::string value;
      for (int i = 0; i < request.variables_size(); ++i) {
        if (request.variables(i) == name) value = row.values(i);
      }
      if (value.empty()) {
        rendered->mutable_failure()->set_reason("MISSING_VARIABLE");
        rendered->mutable_failure()->set_variable(name);
        return;
      }
      absl::StrAppend(&all, " ", value);
    }
    rendered->set_text(all);
    rendered->mutable_provider_form()->set_name("form");
    rendered->mutable_provider_form()->set_language("id");
  }

  rpc::Guard& guard_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Text> templates_;
  std::map<std::pair<std::string, std::string>, std::string> uses_;
  std::string trouble_;
  int calls_ = 0;
};

// Keeps what was enqueued, by id, as the ledger does: a QUEUED message takes the new text.
class FakeDispatcher : public dispatcher::v1::DispatcherService::Service {
 public:
  explicit FakeDispatcher(rpc::Guard& guard) : guard_(guard) {}

  struct Stored {
    std::string outlet;
    std::string lane;
    dispatcher::v1::OutgoingMessage message;
    int enqueues = 0;
    bool stale = false;
    bool sent = false;
  };

  Faults faults;  // of Enqueue

  // Every other window is closed.
  void OpenWindow(const std::string& phone) {
    const std::lock_guard lock(mutex_);
    windows_.insert(phone);
  }
  // What goes with his text leaves no room for all of it.
  void MakeTooLong(const std::string& phone) {
    const std::lock_guard lock(mutex_);
    too_long_.insert(phone);
  }
  grpc::Status ForeseeMessages(grpc::ServerContext* context,
                               const dispatcher::v1::ForeseeMessagesRequest* request,
                               dispatcher::v1::ForeseeMessagesResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
      const std::lock_guard lock(mutex_);
      if (!senders_.contains({call.outlet, request->sender_id()})) {
        return NotFound("SENDER_NOT_FOUND");
      }
      for (const auto& message : request->messages()) {
        auto* told = response->add_messages();
        told->set_window_open(windows_.contains(message.phone()));
        const bool has_form = !message.provider_form().name().empty();
        if (!told->window_open()) told->set_reason(has_form ? "" : "WINDOW_CLOSED_NO_TEMPLATE");
        if (!has_form && too_long_.contains(message.phone())) told->set_reason("TEXT_TOO_LONG");
        told->set_state(told->reason().empty() ? events::v1::SENT : events::v1::FAILED);
      }
      return absl::OkStatus();
    });
  }
  void AddSender(const std::string& outlet, const std::string& id) {
    const std::lock_guard lock(mutex_);
    senders_.insert({outlet, id});
  }
  std::map<std::string, Stored> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  std::map<std::string, dispatcher::v1::Lane> lanes() {
    const std::lock_guard lock(mutex_);
    return lanes_;
  }
  void MakeStale(const std::string& id) {
    const std::lock_guard lock(mutex_);
    messages_.at(id).stale = true;
  }
  void MarkSent(const std::string& id) {
    const std::lock_guard lock(mutex_);
    messages_.at(id).sent = true;
  }
  // One that no step knows.
  void AddStranger(const std::string& outlet, const std::string& lane, const std::string& id) {
    const std::lock_guard lock(mutex_);
    Stored& stored = messages_[id];
    stored.outlet = outlet;
    stored.lane = lane;
    stored.message.set_id(id);
    stored.stale = true;
  }
  void ForgetLanes() {
    const std::lock_guard lock(mutex_);
    lanes_.clear();
  }

  grpc::Status GetSender(grpc::ServerContext* context,
                         const dispatcher::v1::GetSenderRequest* request,
                         dispatcher::v1::Sender* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
      const std::lock_guard lock(mutex_);
      if (!senders_.contains({call.outlet, request->id()})) return NotFound("SENDER_NOT_FOUND");
      response->set_id(request->id());
      return absl::OkStatus();
    });
  }

  grpc::Status CreateLane(grpc::ServerContext* context,
                          const dispatcher::v1::CreateLaneRequest* request,
                          dispatcher::v1::Lane* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
      const std::lock_guard lock(mutex_);
      if (!senders_.contains({call.outlet, request->lane().sender_id()})) {
        return NotFound("SENDER_NOT_FOUND");
      }
      *response = lanes_.emplace(request->lane().id(), request->lane()).first->second;
      return absl::OkStatus();
    });
  }

  grpc::Status Enqueue(grpc::ServerContext* context, const dispatcher::v1::EnqueueRequest* request,
                       dispatcher::v1::EnqueueResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
      KABAR_RETURN_IF_ERROR(faults.Before());
      const std::lock_guard lock(mutex_);
      if (!lanes_.contains(request->lane_id())) return NotFound("LANE_NOT_FOUND");
      for (const auto& message : request->messages()) {
        if (message.id().substr(0, 8) != request->messages(0).id().substr(0, 8)) {
          return base::InvalidField("messages", "the ids are of different dates");
        }
        if (message.subject() == "refuse-me") return base::InvalidField("messages", "bad subject");
      }
      for (const auto& message : request->messages()) {
        Stored& stored = messages_[message.id()];
        if (stored.sent) {
          response->set_unchanged(response->unchanged() + 1);
          continue;
        }
        stored = {call.outlet, request->lane_id(), message, stored.enqueues + 1, false, false};
        response->set_added(response->added() + 1);
      }
      return faults.After();
    });
  }

  grpc::Status GetMessage(grpc::ServerContext* context,
                          const dispatcher::v1::GetMessageRequest* request,
                          dispatcher::v1::Message* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) {
      const std::lock_guard lock(mutex_);
      const auto found = messages_.find(request->id());
      if (found == messages_.end()) return NotFound("MESSAGE_NOT_FOUND");
      const auto& refusal = found->second.message.refusal();
      response->set_state(found->second.sent                      ? events::v1::SENT
                          : refusal.state() == events::v1::FAILED ? events::v1::FAILED
                                                                  : events::v1::QUEUED);
      return absl::OkStatus();
    });
  }

  grpc::Status ListStaleMessages(grpc::ServerContext* context,
                                 const dispatcher::v1::ListStaleMessagesRequest* request,
                                 dispatcher::v1::ListStaleMessagesResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
      const std::lock_guard lock(mutex_);
      const int most = std::min(request->page_size(), 1000);
      for (const auto& [id, stored] : messages_) {
        if (!stored.stale || stored.outlet != call.outlet || stored.lane != request->lane_id() ||
            id <= request->page_token()) {
          continue;
        }
        if (response->messages_size() == most) {
          response->set_next_page_token(response->messages(most - 1).id());
          break;
        }
        response->add_messages()->set_id(id);
      }
      return absl::OkStatus();
    });
  }

 private:
  static absl::Status NotFound(const char* reason) {
    return base::Error(absl::StatusCode::kNotFound, reason, "not there");
  }

  rpc::Guard& guard_;
  std::mutex mutex_;
  std::set<std::pair<std::string, std::string>> senders_;
  std::set<std::string> windows_;
  std::set<std::string> too_long_;  // phones
  std::map<std::string, dispatcher::v1::Lane> lanes_;
  std::map<std::string, Stored> messages_;
};

// All of them behind one address.
struct FakePeers {
  rpc::Guard guard{{.service = "fakes"}, rpc::testing::TestKeys()};
  FakeContacts contacts{guard};
  FakeTemplates templates{guard};
  FakeDispatcher dispatcher{guard};
  FakeEvents events{guard};
  rpc::testing::LocalServer server{guard, {&contacts, &templates, &dispatcher, &events}};
};

}  // namespace kabar::triggers::testing

#endif  // KABAR_SERVICES_TRIGGERS_TESTING_FAKE_PEERS_H_
