// Merges and duplicates.
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;
constexpr char kDuplicates[] = "duplicates";

absl::Status Required(absl::string_view field, const std::string& value) {
  return value.empty() ? base::InvalidField(field, "is required") : absl::OkStatus();
}

}  // namespace

grpc::Status Handler::MergeContacts(grpc::ServerContext* context,
                                    const v1::MergeContactsRequest* request,
                                    v1::ContactMerge* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_RETURN_IF_ERROR(Required("survivor_id", request->survivor_id()));
      KABAR_RETURN_IF_ERROR(Required("merged_id", request->merged_id()));
      KABAR_ASSIGN_OR_RETURN(const Merge merge,
                             unit.MergeContacts(request->survivor_id(), request->merged_id(),
                                                "operator", call.key_name));
      unit.Audit(audit::ActorOf(call, request->request_id()),
                 {.outlet = call.outlet,
                  .action = "MergeContacts",
                  .target = absl::StrCat("contact/", merge.survivor_id),
                  .after = {{"merge", merge.id}, {"merged", merge.merged_id}}});
      ToProto(merge, response);
      return absl::OkStatus();
    };
    return Mutate(call, "MergeContacts", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::UndoMerge(grpc::ServerContext* context, const v1::UndoMergeRequest* request,
                                v1::ContactMerge* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      KABAR_RETURN_IF_ERROR(Required("merge_id", request->merge_id()));
      KABAR_ASSIGN_OR_RETURN(const Merge merge, unit.UndoMerge(request->merge_id(), call.key_name));
      unit.Audit(audit::ActorOf(call, request->request_id()),
                 {.outlet = call.outlet,
                  .action = "UndoMerge",
                  .target = absl::StrCat("contact/", merge.survivor_id),
                  .after = {{"merge", merge.id}, {"apart", merge.merged_id}}});
      ToProto(merge, response);
      return absl::OkStatus();
    };
    return Mutate(call, "UndoMerge", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::ListMerges(grpc::ServerContext* context, const v1::ListMergesRequest* request,
                                 v1::ListMergesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        const std::string list = absl::StrCat("merges ", request->contact_id());
        KABAR_ASSIGN_OR_RETURN(const int64_t before,
                               NumberOfPageToken(list, request->page_token()));
        return store_.Read(
            call.outlet, "ListMerges", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(std::vector<Merge> found,
                                     unit.ListMerges(request->contact_id(), before, size + 1));
              response->Clear();
              const bool more = found.size() > static_cast<std::size_t>(size);
              if (more) found.pop_back();
              for (const Merge& one : found) ToProto(one, response->add_merges());
              if (more) {
                response->set_next_page_token(
                    MakePageToken(list, absl::StrCat(found.back().number)));
              }
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::ListDuplicates(grpc::ServerContext* context,
                                     const v1::ListDuplicatesRequest* request,
                                     v1::ListDuplicatesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        KABAR_ASSIGN_OR_RETURN(const std::string after,
                               LastOfPageToken(kDuplicates, request->page_token()));
        return store_.Read(
            call.outlet, "ListDuplicates", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(std::vector<DuplicatePair> found,
                                     unit.ListDuplicates(after, size + 1));
              response->Clear();
              const bool more = found.size() > static_cast<std::size_t>(size);
              if (more) found.pop_back();
              for (const DuplicatePair& one : found) {
                v1::DuplicatePair* pair = response->add_pairs();
                ToProto(one.first, pair->mutable_first());
                ToProto(one.second, pair->mutable_second());
                pair->set_reason(one.reason);
              }
              if (more) {
                const DuplicatePair& last = found.back();
                response->set_next_page_token(
                    MakePageToken(kDuplicates, absl::StrCat(last.first.id, " ", last.second.id)));
              }
              return absl::OkStatus();
            });
      });
}

}  // namespace kabar::contacts
