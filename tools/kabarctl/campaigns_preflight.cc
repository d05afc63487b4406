#include "tools/kabarctl/campaigns_preflight.h"

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "libs/base/rupiah.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "tools/kabarctl/campaigns_plan.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/live_line.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::CampaignsService;
using campaigns::v1::PreflightCampaignRequest;
using campaigns::v1::PreflightCampaignResponse;
using campaigns::v1::PreflightSummary;

constexpr absl::Duration kUsualTimeout = absl::Hours(1);

// Excel takes a cell that begins with one of these for a formula.
std::string Cell(absl::string_view text) {
  std::string safe = OneLine(text);
  if (!safe.empty() && std::string("=+-@").find(safe[0]) != std::string::npos) {
    safe = absl::StrCat("'", safe);
  }
  if (safe.find_first_of(",\";\r\n") == std::string::npos) return safe;
  return absl::StrCat("\"", absl::StrReplaceAll(safe, {{"\"", "\"\""}}), "\"");
}

absl::string_view OutcomeText(campaigns::v1::PreflightOutcome outcome) {
  switch (outcome) {
    case campaigns::v1::WOULD_BE_SENT:
      return "sent";
    case campaigns::v1::WOULD_BE_SUPPRESSED:
      return "suppressed";
    case campaigns::v1::WOULD_BE_REFUSED:
      return "refused";
    case campaigns::v1::WOULD_WAIT:
      return "not today";
    default:
      return "?";
  }
}

// The summary; the rows go to `file` as they come.
absl::StatusOr<PreflightSummary> Read(Session& session, const PreflightCampaignRequest& request,
                                      PrivateFile* file) {
  const auto stub = CampaignsService::NewStub(session.Channel(Area::kCampaigns));
  const absl::Duration timeout = session.Timeout(kUsualTimeout);
  grpc::ClientContext context;
  session.Prepare(context, timeout);
  const auto reader = stub->PreflightCampaign(&context, request);
  std::optional<PreflightSummary> summary;
  absl::Status written;
  {
    LiveLine line(session.error(), session.terminal().error_is_terminal, absl::InfiniteDuration());
    PreflightCampaignResponse part;
    while (reader->Read(&part)) {
      std::string lines;
      for (const auto& row : part.rows()) lines += PreflightCsvLine(row);
      if (file != nullptr && written.ok()) written = file->Write(lines);
      if (!written.ok()) context.TryCancel();
      if (part.has_summary()) summary = part.summary();
      line.Show(absl::StrFormat("%s %d of %d", Bar(part.done(), part.audience()), part.done(),
                                part.audience()));
    }
  }
  const absl::Status status = rpc::ToAbsl(reader->Finish());
  KABAR_RETURN_IF_ERROR(written);
  if (!status.ok()) return session.Named(status, Area::kCampaigns, timeout);
  if (!summary) return absl::InternalError("the preflight ended without a summary");
  return *std::move(summary);
}

std::string RupiahText(std::int64_t amount) {
  std::string text;
  base::AppendRupiah(amount, &text);
  return text;
}

std::string CostText(const PreflightSummary& summary) {
  if (!summary.has_cost()) return "No estimate of the cost: kabar-campaigns has no --rate-card.\n";
  const auto& cost = summary.cost();
  std::string text =
      absl::StrCat("Cost by the rate card: about ", RupiahText(cost.rupiah()), ".\n");
  for (const auto& item : cost.items()) {
    absl::StrAppend(&text, "  ", Count(item.messages(), "message"), ", ", item.category(), ", ",
                    item.country(), ": ", RupiahText(item.rupiah()), "\n");
  }
  if (cost.unpriced() > 0) {
    absl::StrAppend(&text, "  ", Count(cost.unpriced(), "message"),
                    " that the rate card has no price for\n");
  }
  return text;
}

}  // namespace

std::string PreflightCsvHeader() {
  return "phone,tracking_number,outcome,reason,field,what_to_do,provider_template,text\n";
}

std::string PreflightCsvLine(const campaigns::v1::PreflightRow& row) {
  return absl::StrCat(Cell(row.phone()), ",", Cell(row.tracking_number()), ",",
                      OutcomeText(row.outcome()), ",", Cell(row.reason()), ",",
                      Cell(row.variable()), ",", Cell(row.advice()), ",",
                      Cell(row.provider_template()), ",", Cell(row.text()), "\n");
}

std::string PreflightText(const PreflightSummary& summary) {
  std::string text = absl::StrCat(Count(summary.audience(), "message"), ": ", summary.to_send(),
                                  " would be sent, ", summary.suppressed(), " suppressed, ",
                                  summary.refused(), " refused.\n");
  if (summary.merged() > 0) {
    absl::StrAppend(&text, Count(summary.merged(), "shipment"),
                    summary.merged() == 1 ? " is" : " are",
                    " told of in another one's message to the same contact.\n");
  }
  if (summary.to_send() > 0) {
    absl::StrAppend(&text, summary.as_template(), " of them as WhatsApp templates, ",
                    summary.as_text(), " as text to customers who wrote within 24 hours.\n");
  }
  if (summary.reasons_size() > 0) {
    Table table({{"MESSAGES", true}, {"OUTCOME"}, {"REASON"}, {"WHAT TO DO"}});
    for (const auto& reason : summary.reasons()) {
      table.Row({absl::StrCat(reason.messages()), std::string(OutcomeText(reason.outcome())),
                 reason.reason(), OneLine(reason.advice())});
    }
    absl::StrAppend(&text, "\n", table.Render());
  }
  if (summary.samples_size() > 0) absl::StrAppend(&text, "\nThe first texts:\n");
  for (const auto& sample : summary.samples()) {
    absl::StrAppend(&text, "  ", sample.phone(),
                    sample.provider_template().empty()
                        ? ""
                        : absl::StrCat(" (goes as template ", sample.provider_template(), ")"),
                    ": ", OneLine(sample.text()), "\n");
  }
  absl::StrAppend(&text, "\n", CostText(summary));
  if (!summary.has_plan()) {
    return absl::StrCat(text,
                        "No plan: the dispatcher cannot tell of the messaging limit just now.\n");
  }
  return absl::StrCat(text, PlanText(summary.plan()));
}

absl::StatusOr<int> PreflightCampaign(Session& session, const Arguments& arguments) {
  PreflightCampaignRequest request;
  request.set_id(arguments.Get("ID"));
  PrivateFile file;
  const bool with_file = arguments.Has("csv");
  if (with_file) {
    request.set_with_rows(true);
    KABAR_RETURN_IF_ERROR(file.Open(arguments.Get("csv")));
    KABAR_RETURN_IF_ERROR(file.Write(PreflightCsvHeader()));
  }
  KABAR_ASSIGN_OR_RETURN(const PreflightSummary summary,
                         Read(session, request, with_file ? &file : nullptr));
  if (with_file) KABAR_RETURN_IF_ERROR(file.Finish());
  session.out() << (session.json() ? Json(summary) : PreflightText(summary));
  if (with_file)
    session.error() << "what would become of each message: " << arguments.Get("csv") << "\n";
  return kExitOk;
}

}  // namespace kabar::kabarctl
