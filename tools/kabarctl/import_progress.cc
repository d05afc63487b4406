#include "tools/kabarctl/import_progress.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kabar/contacts/v1/imports.grpc.pb.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {
namespace {

constexpr auto kEvery = std::chrono::milliseconds(500);
constexpr absl::Duration kTimeout = absl::Seconds(2);

double Mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1024 * 1024); }

}  // namespace

ImportProgress::ImportProgress(Session& session, std::string request_id, std::int64_t size)
    : session_(session),
      request_id_(std::move(request_id)),
      size_(size),
      line_(session.error(), session.terminal().error_is_terminal, absl::InfiniteDuration()) {
  if (session_.terminal().error_is_terminal) {
    thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
  }
}

ImportProgress::~ImportProgress() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void ImportProgress::Run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, kEvery, [&] { return stop.stop_requested(); })) {
    if (stop.stop_requested()) return;
    line_.Show(Text(Taken()));
  }
}

std::string ImportProgress::Text(const std::string& taken) const {
  const std::int64_t sent = sent_;
  const std::string bytes = size_ == 0
                                ? absl::StrFormat("%.1f MiB", Mib(sent))
                                : absl::StrFormat("%s %3d%%  %.1f of %.1f MiB", Bar(sent, size_),
                                                  100 * sent / size_, Mib(sent), Mib(size_));
  return absl::StrCat(bytes, taken);
}

std::string ImportProgress::Taken() {
  contacts::v1::GetImportRequest request;
  request.set_import_request_id(request_id_);
  grpc::ClientContext context;
  session_.Prepare(context, kTimeout);
  contacts::v1::Import import;
  const auto stub = contacts::v1::ImportsService::NewStub(session_.Channel(Area::kContacts));
  if (!stub->GetImport(&context, request, &import).ok()) return "";
  return absl::StrCat("  ", Count(import.rows(), "row"), ": ", import.accepted(), " accepted, ",
                      import.refused(), " refused");
}

}  // namespace kabar::kabarctl
