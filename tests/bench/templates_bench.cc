// Our side of `tools/bench templates`.
//
//   templates_bench render TEMPLATE ROWS SECONDS [TEXTS]   {"renders_per_s"} on one thread
//   templates_bench batch ADDRESS TEMPLATE_ID ROWS CALLS   milliseconds of RenderBatch of 100 rows,
//                                                          one call after the other
//
// ROWS: tab-separated, names in the first line. The text of each row goes into TEXTS, a line each.
// `batch` takes the API key from KABAR_API_KEY.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/status.h"
#include "libs/template_lang/template.h"

namespace kabar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kRowsACall = 100;
constexpr int kWarmUpCalls = 200;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Rows {
  std::vector<std::string> names = {};
  std::vector<std::vector<std::string>> values = {};
};

absl::StatusOr<std::string> ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

absl::StatusOr<Rows> ReadRows(const char* path) {
  KABAR_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  Rows rows;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    std::vector<std::string> cells = absl::StrSplit(line, '\t');
    if (rows.names.empty()) {
      rows.names = std::move(cells);
    } else if (cells.size() != rows.names.size()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": a row of another width"));
    } else {
      rows.values.push_back(std::move(cells));
    }
  }
  if (rows.values.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": no rows"));
  return rows;
}

absl::Status Render(const char* template_path, const char* rows_path, double seconds,
                    const char* texts_path) {
  KABAR_ASSIGN_OR_RETURN(const std::string text, ReadFile(template_path));
  KABAR_ASSIGN_OR_RETURN(const Rows rows, ReadRows(rows_path));
  KABAR_ASSIGN_OR_RETURN(const template_lang::Template compiled, template_lang::Compile(text));
  KABAR_ASSIGN_OR_RETURN(const template_lang::Binding bound, compiled.Bind({.row = rows.names}));
  std::vector<std::vector<absl::string_view>> views;
  for (const auto& row : rows.values) views.emplace_back(row.begin(), row.end());

  template_lang::Output out;
  size_t bytes = 0;
  int64_t renders = 0;
  const Clock::time_point start = Clock::now();
  double passed = 0;
  for (; passed < seconds; passed = SecondsSince(start)) {
    for (const auto& row : views) {
      if (!bound.Render(row, template_lang::Mode::kStrict, &out).ok()) {
        return absl::FailedPreconditionError("a row could not be rendered");
      }
      bytes += out.text.size();
    }
    renders += static_cast<int64_t>(views.size());
  }
  if (bytes == 0) return absl::FailedPreconditionError("nothing was rendered");
  if (texts_path != nullptr) {
    std::ofstream texts(texts_path, std::ios::binary);
    for (const auto& row : views) {
      (void)bound.Render(row, template_lang::Mode::kStrict, &out);
      texts << out.text << "\n";
    }
  }
  std::printf("{\"renders_per_s\": %.0f}\n", static_cast<double>(renders) / passed);
  return absl::OkStatus();
}

absl::Status Batch(const char* address, const char* template_id, const char* rows_path, int calls) {
  using templates::v1::TemplatesService;
  const char* const key = std::getenv("KABAR_API_KEY");
  if (key == nullptr) return absl::InvalidArgumentError("KABAR_API_KEY is not set");
  KABAR_ASSIGN_OR_RETURN(const Rows rows, ReadRows(rows_path));
  templates::v1::RenderBatchRequest request;
  request.set_template_id(template_id);
  request.set_version(1);
  for (const std::string& name : rows.names) request.add_variables(name);
  for (size_t i = 0; i < kRowsACall; ++i) {
    auto* values = request.add_rows()->mutable_values();
    for (const std::string& value : rows.values[i % rows.values.size()]) *values->Add() = value;
  }
  const auto stub = TemplatesService::NewStub(rpc::MakeChannel(address));
  const rpc::Caller caller(key);
  std::vector<double> milliseconds;
  for (int i = -kWarmUpCalls; i < calls; ++i) {
    grpc::ClientContext context;
    caller.Prepare(context, {.wait_for_ready = true});
    templates::v1::RenderBatchResponse response;
    const Clock::time_point start = Clock::now();
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl(stub->RenderBatch(&context, request, &response)));
    const double took = 1000 * SecondsSince(start);
    for (const auto& one : response.rendered()) {
      if (one.text().empty()) return absl::FailedPreconditionError("a row could not be rendered");
    }
    if (i >= 0) milliseconds.push_back(took);
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  const auto at = [&](double share) {
    const auto rank = static_cast<size_t>(share * static_cast<double>(milliseconds.size()));
    return milliseconds[std::min(rank, milliseconds.size() - 1)];
  };
  std::printf("{\"calls\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
              milliseconds.size(), at(0.5), at(0.99), milliseconds.back());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  absl::Status status = absl::InvalidArgumentError("usage: see the head of templates_bench.cc");
  double seconds = 0;
  int calls = 0;
  if (verb == "render" && argc >= 5 && absl::SimpleAtod(argv[4], &seconds)) {
    status = Render(argv[2], argv[3], seconds, argc > 5 ? argv[5] : nullptr);
  } else if (verb == "batch" && argc == 6 && absl::SimpleAtoi(argv[5], &calls) && calls > 0) {
    status = Batch(argv[2], argv[3], argv[4], calls);
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "templates_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace kabar

int main(int argc, char** argv) { return kabar::Main(argc, argv); }
