// Facts about contacts, and which of them keep marketing away.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/mutate.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr absl::Duration kClockSkew = absl::Minutes(5);

absl::StatusOr<FactKind> FromProto(v1::FactKind kind, absl::string_view field) {
  for (const FactKind known : kAllFactKinds) {
    if (static_cast<int>(known) == static_cast<int>(kind)) return known;
  }
  return base::InvalidField(field,
                            "is required: COMPLAINT, ESCALATION, OVERDUE_COD, "
                            "OVERDUE_INVOICE or ORDER");
}

void ToProto(const MarketingSuppressions& from, v1::MarketingSuppressions* to) {
  for (const FactKind kind : from.on()) to->add_on(static_cast<v1::FactKind>(kind));
  for (const FactKind kind : from.switched_off) {
    to->add_switched_off(static_cast<v1::FactKind>(kind));
  }
}

std::string Names(const std::vector<FactKind>& kinds) {
  return absl::StrJoin(kinds, " ", [](std::string* out, FactKind kind) {
    absl::StrAppend(out, FactKindName(kind));
  });
}

// For the audit log: whose it is and how it stands.
std::string Described(const Fact& fact) {
  return absl::StrCat(FactKindName(fact.kind), "/", fact.source, "/", fact.reference, " of ",
                      fact.contact_id, fact.open ? " OPEN" : " CLOSED");
}

// Of a time that was told; later ones would outlast every word that follows.
absl::StatusOr<absl::Time> TimeOf(const google::protobuf::Timestamp& told, absl::Time now) {
  const absl::Time time = absl::FromUnixSeconds(told.seconds()) + absl::Nanoseconds(told.nanos());
  if (told.seconds() < 0 || told.nanos() < 0 || told.nanos() > 999'999'999 ||
      time > now + kClockSkew) {
    return base::InvalidField("fact.time", "must lie between 1970 and now");
  }
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

absl::StatusOr<Fact> FromProto(const v1::Fact& from, absl::Time now) {
  Fact fact;
  fact.contact_id = from.contact_id();
  KABAR_ASSIGN_OR_RETURN(fact.kind, FromProto(from.kind(), "fact.kind"));
  fact.source = from.source();
  fact.reference = from.reference();
  if (from.state() != v1::Fact::OPEN && from.state() != v1::Fact::CLOSED) {
    return base::InvalidField("fact.state", "is required: OPEN or CLOSED");
  }
  fact.open = from.state() == v1::Fact::OPEN;
  fact.amount = from.amount();
  fact.time = now;
  if (from.has_time()) {
    KABAR_ASSIGN_OR_RETURN(fact.time, TimeOf(from.time(), now));
  }
  KABAR_RETURN_IF_ERROR(NormalizeFact(fact));
  return fact;
}

// Where a page ended; blanks are all that NormalizeFact leaves of white space.
std::string PlaceOf(const Fact& fact) {
  return absl::StrCat(FactKindName(fact.kind), "\n", fact.source, "\n", fact.reference);
}

absl::StatusOr<std::optional<Fact>> PlaceFrom(const std::string& list, const std::string& token) {
  KABAR_ASSIGN_OR_RETURN(const std::string last, LastOfPageToken(list, token));
  if (last.empty()) return std::optional<Fact>();
  const std::vector<std::string> parts = absl::StrSplit(last, '\n');
  const absl::StatusOr<FactKind> kind = FactKindOf(parts[0]);
  if (parts.size() != 3 || !kind.ok()) {
    return base::InvalidField("page_token", "is not one of this list");
  }
  return Fact{.kind = *kind, .source = parts[1], .reference = parts[2]};
}

}  // namespace

grpc::Status Handler::RecordFact(grpc::ServerContext* context, const v1::RecordFactRequest* request,
                                 v1::Fact* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      const bool person = call.role != rpc::Role::kService;
      if (!person && !request->fact().has_time()) {
        return base::InvalidField("fact.time",
                                  "is required of services: a word without it would be newer each "
                                  "time it is repeated");
      }
      KABAR_ASSIGN_OR_RETURN(const Fact wanted, FromProto(request->fact(), Now()));
      KABAR_ASSIGN_OR_RETURN(const std::optional<Fact> before, unit.FindFact(wanted));
      KABAR_ASSIGN_OR_RETURN(const Fact saved, unit.RecordFact(wanted));
      if (person) {
        unit.Audit(audit::ActorOf(call, request->request_id()),
                   {.outlet = call.outlet,
                    .action = "RecordFact",
                    .target = absl::StrCat("contact/", saved.contact_id),
                    .before = {{"fact", before ? Described(*before) : ""}},
                    .after = {{"fact", Described(saved)}}});
      }
      ToProto(saved, response);
      return absl::OkStatus();
    };
    return Mutate(call, "RecordFact", request->request_id(), *request, response, work);
  });
}

grpc::Status Handler::ListFacts(grpc::ServerContext* context, const v1::ListFactsRequest* request,
                                v1::ListFactsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        const std::string list = absl::StrCat("facts ", request->contact_id());
        KABAR_ASSIGN_OR_RETURN(const std::optional<Fact> after,
                               PlaceFrom(list, request->page_token()));
        return store_.Read(
            call.outlet, "ListFacts", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(std::vector<Fact> found,
                                     unit.ListFacts(request->contact_id(), after, size + 1));
              response->Clear();
              const bool more = found.size() > static_cast<std::size_t>(size);
              if (more) found.pop_back();
              for (const Fact& one : found) ToProto(one, response->add_facts());
              if (more) response->set_next_page_token(MakePageToken(list, PlaceOf(found.back())));
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::GetMarketingSuppressions(grpc::ServerContext* context,
                                               const v1::GetMarketingSuppressionsRequest*,
                                               v1::MarketingSuppressions* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    return store_.Read(call.outlet, "GetMarketingSuppressions", call.deadline,
                       [&](Store::Unit& unit) -> absl::Status {
                         KABAR_ASSIGN_OR_RETURN(const MarketingSuppressions now,
                                                unit.GetMarketingSuppressions());
                         response->Clear();
                         ToProto(now, response);
                         return absl::OkStatus();
                       });
  });
}

grpc::Status Handler::UpdateMarketingSuppressions(
    grpc::ServerContext* context, const v1::UpdateMarketingSuppressionsRequest* request,
    v1::MarketingSuppressions* response) {
  return rpc::Serve(context, guard_, rpc::Access::kOwner, [&](const rpc::Call& call) {
    const auto work = [&](Store::Unit& unit) -> absl::Status {
      MarketingSuppressions wanted;
      for (const int number : request->switched_off()) {
        KABAR_ASSIGN_OR_RETURN(const FactKind kind,
                               FromProto(static_cast<v1::FactKind>(number), "switched_off"));
        if (SuppressionReason(kind).empty()) {
          return base::InvalidField(
              "switched_off", absl::StrCat(FactKindName(kind), " keeps nobody out of marketing"));
        }
        const auto& off = wanted.switched_off;
        if (std::find(off.begin(), off.end(), kind) == off.end()) {
          wanted.switched_off.push_back(kind);
        }
      }
      KABAR_ASSIGN_OR_RETURN(const MarketingSuppressions before, unit.GetMarketingSuppressions());
      KABAR_RETURN_IF_ERROR(unit.SetMarketingSuppressions(wanted));
      unit.Audit(audit::ActorOf(call, request->request_id()),
                 {.outlet = call.outlet,
                  .action = "UpdateMarketingSuppressions",
                  .target = "marketing-suppressions",
                  .before = {{"switched_off", Names(before.switched_off)}},
                  .after = {{"switched_off", Names(wanted.switched_off)}}});
      ToProto(wanted, response);
      return absl::OkStatus();
    };
    return Mutate(call, "UpdateMarketingSuppressions", request->request_id(), *request, response,
                  work);
  });
}

}  // namespace kabar::contacts
