// For kabarctl's tests: the contract of contacts, played.
//
// Thread safety: guarded by the world's mutex. Blocks: never. Errors: what a test puts into
// `refuse`.
#ifndef KABAR_TOOLS_KABARCTL_TESTING_FAKE_CONTACTS_H_
#define KABAR_TOOLS_KABARCTL_TESTING_FAKE_CONTACTS_H_

#include <algorithm>
#include <mutex>

#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "tools/kabarctl/testing/fake_world.h"

namespace kabar::kabarctl::testing {

class FakeContacts : public contacts::v1::ContactsService::Service {
 public:
  FakeContacts(World& world, rpc::Guard& guard) : world_(world), guard_(guard) {}

  grpc::Status ImportContacts(grpc::ServerContext* context,
                              grpc::ServerReader<contacts::v1::ImportContactsRequest>* reader,
                              contacts::v1::ImportContactsResponse* response) override {
    return rpc::ServeStream(
        context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
          contacts::v1::ImportContactsRequest part;
          while (reader->Read(&part)) {
            const std::lock_guard lock(world_.mutex);
            KABAR_RETURN_IF_ERROR(world_.refuse);
            if (part.has_options()) {
              world_.import_options = part.options();
              world_.import_request_ids.push_back(part.options().request_id());
              continue;
            }
            ++world_.pieces;
            world_.largest_piece = std::max(world_.largest_piece, part.data().size());
            world_.imported += part.data();
          }
          const std::lock_guard lock(world_.mutex);
          if (world_.breaks-- > 0) return absl::UnavailableError("gone");
          *response = world_.import_report;
          return absl::OkStatus();
        });
  }

  grpc::Status GetSegment(grpc::ServerContext* context, const contacts::v1::GetSegmentRequest*,
                          contacts::v1::Segment* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      if (!world_.segment_by_id) {
        return base::Error(absl::StatusCode::kNotFound, "SEGMENT_NOT_FOUND", "no such segment");
      }
      *response = *world_.segment_by_id;
      return absl::OkStatus();
    });
  }

  grpc::Status ExplainSegment(grpc::ServerContext* context,
                              const contacts::v1::ExplainSegmentRequest* request,
                              contacts::v1::ExplainSegmentResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.explained = *request;
      *response = world_.explanation;
      return absl::OkStatus();
    });
  }

  // As it was told: the world's own word is newer where it has one.
  grpc::Status RecordFact(grpc::ServerContext* context,
                          const contacts::v1::RecordFactRequest* request,
                          contacts::v1::Fact* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      KABAR_RETURN_IF_ERROR(world_.refuse);
      world_.fact = *request;
      *response = world_.facts.facts().empty() ? request->fact() : world_.facts.facts(0);
      return absl::OkStatus();
    });
  }
  grpc::Status ListFacts(grpc::ServerContext* context, const contacts::v1::ListFactsRequest*,
                         contacts::v1::ListFactsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      *response = world_.facts;
      return absl::OkStatus();
    });
  }
  grpc::Status GetMarketingSuppressions(grpc::ServerContext* context,
                                        const contacts::v1::GetMarketingSuppressionsRequest*,
                                        contacts::v1::MarketingSuppressions* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      *response = world_.suppressions;
      return absl::OkStatus();
    });
  }
  grpc::Status UpdateMarketingSuppressions(
      grpc::ServerContext* context, const contacts::v1::UpdateMarketingSuppressionsRequest* request,
      contacts::v1::MarketingSuppressions* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.switched = *request;
      *response->mutable_switched_off() = request->switched_off();
      return absl::OkStatus();
    });
  }

  grpc::Status InstallLibrarySegments(
      grpc::ServerContext* context, const contacts::v1::InstallLibrarySegmentsRequest* request,
      contacts::v1::InstallLibrarySegmentsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      world_.installed = *request;
      *response = world_.installation;
      return absl::OkStatus();
    });
  }

  // Two a page, so that lists need several.
  grpc::Status ListSegments(grpc::ServerContext* context,
                            const contacts::v1::ListSegmentsRequest* request,
                            contacts::v1::ListSegmentsResponse* response) override {
    return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call&) -> absl::Status {
      const std::lock_guard lock(world_.mutex);
      KABAR_RETURN_IF_ERROR(world_.refuse);
      std::size_t from = request->page_token().empty() ? 0 : std::stoul(request->page_token());
      const std::size_t end =
          std::min<std::size_t>(from + std::min(2, request->page_size()), world_.segments.size());
      for (; from < end; ++from) *response->add_segments() = world_.segments[from];
      if (end < world_.segments.size()) response->set_next_page_token(std::to_string(end));
      return absl::OkStatus();
    });
  }

 private:
  World& world_;
  rpc::Guard& guard_;
};

}  // namespace kabar::kabarctl::testing

#endif  // KABAR_TOOLS_KABARCTL_TESTING_FAKE_CONTACTS_H_
