// Contacts; the other handler_*.cc have the rest.
#include "services/contacts/handler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/mutate.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr int kMaxResolve = 1000;
absl::Status RequireIdentity(const Contact& contact) {
  for (const IdentityKind kind : kAllIdentityKinds) {
    if (!IdentityOf(contact, kind).empty()) return absl::OkStatus();
  }
  return base::InvalidField("contact.phone", "is required: a phone number, a bsuid or a username");
}

// Each entry's identities in stored form.
absl::StatusOr<std::vector<Contact>> Wanted(const v1::ResolveContactsRequest& request) {
  if (request.contacts_size() > kMaxResolve) {
    return base::InvalidField("contacts", absl::StrCat("at most ", kMaxResolve, " at once"));
  }
  std::vector<Contact> wanted;
  for (int i = 0; i < request.contacts_size(); ++i) {
    Contact contact = FromProto(request.contacts(i));
    const std::string prefix = absl::StrCat("contacts[", i, "].");
    KABAR_RETURN_IF_ERROR(NormalizeContact(prefix, contact));
    if (!RequireIdentity(contact).ok()) {
      return base::InvalidField(absl::StrCat(prefix, "phone"),
                                "is required, or a bsuid or username");
    }
    wanted.push_back(std::move(contact));
  }
  return wanted;
}

// One for each entry, or none.
absl::StatusOr<std::vector<absl::Time>> Heard(const v1::ResolveContactsRequest& request) {
  if (request.heard_times_size() > 0 && request.heard_times_size() != request.contacts_size()) {
    return base::InvalidField("heard_times", "one for each of contacts, or none");
  }
  std::vector<absl::Time> heard;
  for (const google::protobuf::Timestamp& time : request.heard_times()) {
    heard.push_back(absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()));
  }
  return heard;
}

// Whether he may lose an address that somebody else then has.
bool MovesAddress(const v1::UpdateContactRequest& request) {
  const v1::Contact& contact = request.contact();
  const auto& paths = request.update_mask().paths();
  if (paths.empty()) {
    return !contact.phone().empty() || !contact.bsuid().empty() || !contact.username().empty();
  }
  return std::any_of(paths.begin(), paths.end(), [](const std::string& path) {
    return path == "*" || path == "phone" || path == "bsuid" || path == "username";
  });
}

}  // namespace

// What PostgreSQL keeps is microseconds; an answer must equal what is read later.
absl::Time Handler::Now() const { return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())); }

grpc::Status Handler::CreateContact(grpc::ServerContext* context,
                                    const v1::CreateContactRequest* request,
                                    v1::Contact* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      Contact wanted = FromProto(request->contact());
      KABAR_RETURN_IF_ERROR(NormalizeContact("contact.", wanted));
      KABAR_RETURN_IF_ERROR(RequireIdentity(wanted));
      KABAR_RETURN_IF_ERROR(NormalizeTyped(unit, "contact.", wanted));
      KABAR_ASSIGN_OR_RETURN(const Contact added, unit.InsertContact(wanted));
      ToProto(added, response);
      return absl::OkStatus();
    };
    return Mutate(call, "CreateContact", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::GetContact(grpc::ServerContext* context, const v1::GetContactRequest* request,
                                 v1::Contact* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(
        call.outlet, "GetContact", call.deadline, [&](Store::Unit& unit) -> absl::Status {
          KABAR_ASSIGN_OR_RETURN(const Contact found, unit.GetContact(request->id()));
          KABAR_ASSIGN_OR_RETURN(const std::vector<Identity> known_by,
                                 unit.ListIdentities(found.id));
          KABAR_ASSIGN_OR_RETURN(const Activity activity, unit.GetActivity(found.id));
          response->Clear();
          ToProto(found, response);
          ToProto(activity, response->mutable_activity());
          for (const Identity& one : known_by) ToProto(one, response->add_identities());
          return absl::OkStatus();
        });
  });
}

grpc::Status Handler::ListContacts(grpc::ServerContext* context,
                                   const v1::ListContactsRequest* request,
                                   v1::ListContactsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        const std::string list = absl::StrCat("contacts ", request->filter());
        KABAR_ASSIGN_OR_RETURN(const std::string after,
                               LastOfPageToken(list, request->page_token()));
        return store_.Read(call.outlet, "ListContacts", call.deadline,
                           [&](Store::Unit& unit) -> absl::Status {
                             KABAR_ASSIGN_OR_RETURN(const SegmentFilter filter,
                                                    CheckFilter(unit, request->filter(), "filter"));
                             KABAR_ASSIGN_OR_RETURN(std::vector<Contact> found,
                                                    unit.ListContacts(filter, after, size + 1));
                             response->Clear();
                             const bool more = found.size() > static_cast<std::size_t>(size);
                             if (more) found.pop_back();
                             for (const Contact& one : found)
                               ToProto(one, response->add_contacts());
                             if (more) {
                               response->set_next_page_token(MakePageToken(list, found.back().id));
                             }
                             return absl::OkStatus();
                           });
      });
}

grpc::Status Handler::UpdateContact(grpc::ServerContext* context,
                                    const v1::UpdateContactRequest* request,
                                    v1::Contact* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      if (request->contact().id().empty()) {
        return base::InvalidField("contact.id", "is required");
      }
      if (MovesAddress(*request)) unit.HoldPeople(/*alone=*/true);
      KABAR_ASSIGN_OR_RETURN(Contact changed, unit.LockContact(request->contact().id()));
      KABAR_RETURN_IF_ERROR(ApplyMask(request->contact(), request->update_mask(), &changed));
      KABAR_RETURN_IF_ERROR(NormalizeContact("contact.", changed));
      KABAR_RETURN_IF_ERROR(RequireIdentity(changed));
      KABAR_RETURN_IF_ERROR(NormalizeTyped(unit, "contact.", changed));
      KABAR_ASSIGN_OR_RETURN(const Contact saved, unit.ReplaceContact(changed));
      ToProto(saved, response);
      return absl::OkStatus();
    };
    return Mutate(call, "UpdateContact", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::DeleteContact(grpc::ServerContext* context,
                                    const v1::DeleteContactRequest* request,
                                    v1::DeleteContactResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    return Mutate(call, "DeleteContact", request->request_id(), *request, response,
                  [&](Store::Unit& unit) { return unit.DeleteContact(request->id()); });
  });
}

grpc::Status Handler::ResolveContacts(grpc::ServerContext* context,
                                      const v1::ResolveContactsRequest* request,
                                      v1::ResolveContactsResponse* response) {
  // Finding is reading; only creating needs the right to write.
  const rpc::Access access = request->create_missing() ? rpc::Access::kWrite : rpc::Access::kRead;
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const std::vector<Contact> wanted, Wanted(*request));
    KABAR_ASSIGN_OR_RETURN(const std::vector<absl::Time> heard, Heard(*request));
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      response->Clear();
      bool any_erased = false;
      if (request->create_missing() && !heard.empty()) {
        unit.HoldPeople(/*alone=*/false);
        KABAR_ASSIGN_OR_RETURN(any_erased,
                               unit.AnyErasedSince(*std::min_element(heard.begin(), heard.end())));
      }
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        Contact one = wanted[i];
        if (request->create_missing()) {
          KABAR_RETURN_IF_ERROR(NormalizeTyped(unit, absl::StrCat("contacts[", i, "]."), one));
        }
        if (any_erased) {
          KABAR_ASSIGN_OR_RETURN(const bool erased, unit.ErasedSince(one, heard[i]));
          KABAR_ASSIGN_OR_RETURN(const Contact known, unit.FindContact(one));
          if (erased && known.id.empty()) {
            response->add_contacts();
            continue;
          }
        }
        KABAR_ASSIGN_OR_RETURN(const Contact found, request->create_missing()
                                                        ? unit.FindOrInsertContact(one)
                                                        : unit.FindContact(one));
        v1::Contact* answer = response->add_contacts();
        if (!found.id.empty()) ToProto(found, answer);
      }
      return absl::OkStatus();
    };
    if (!request->create_missing()) {
      return store_.Read(call.outlet, "ResolveContacts", call.deadline, work);
    }
    return Mutate(call, "ResolveContacts", request->request_id(), *request, response, work);
  });
}

}  // namespace kabar::contacts
