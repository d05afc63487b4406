// The service as its callers see it: a real gRPC server over a real PostgreSQL; for its tests.
//
// Thread safety: none, a test's own. Blocks: as calls and SQL do. Errors: of the calls, as
// statuses.
#ifndef KABAR_SERVICES_TEMPLATES_TESTING_HANDLER_FIXTURE_H_
#define KABAR_SERVICES_TEMPLATES_TESTING_HANDLER_FIXTURE_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pg/pool.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"
#include "services/templates/handler.h"
#include "services/templates/migrations.h"
#include "services/templates/pg_store.h"

namespace kabar::templates::testing {

using kabar::testing::HasFieldViolation;
using kabar::testing::IsOk;
using kabar::testing::ReasonIs;
using kabar::testing::StatusIs;
using Stub = v1::TemplatesService::Stub;

inline pg::PoolOptions NewDatabase() {
  pg::PoolOptions options;
  options.connection = kabar::testing::TestPostgres().CreateDatabase();
  options.schema = "templates";
  REQUIRE_THAT(pg::Migrate(options, TemplatesMigrations(), absl::Now() + absl::Minutes(1)), IsOk());
  return options;
}

struct Fixture {
  pg::Pool pool{NewDatabase()};
  PgStore store{pool};
  CompiledTemplates compiled{store, 1 << 20};
  kabar::testing::FakeClock clock;
  rpc::Guard guard{{.service = "templates"}, rpc::testing::TestKeys()};
  Handler handler{store, compiled, clock, guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  std::unique_ptr<Stub> stub = v1::TemplatesService::NewStub(server.channel());
  std::string key = "operator-a";

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }

  absl::StatusOr<v1::Template> Create(const std::string& code, const std::string& message,
                                      const std::string& request_id = "") {
    v1::CreateTemplateRequest request;
    request.mutable_template_()->set_code(code);
    request.mutable_template_()->set_message(message);
    request.set_request_id(request_id);
    return Call(&Stub::CreateTemplate, request);
  }
  absl::StatusOr<v1::Template> Update(const std::string& id, const std::string& message,
                                      const std::string& request_id = "") {
    v1::UpdateTemplateRequest request;
    request.mutable_template_()->set_id(id);
    request.mutable_template_()->set_message(message);
    request.set_request_id(request_id);
    return Call(&Stub::UpdateTemplate, request);
  }
  absl::StatusOr<v1::Template> Archive(const std::string& id) {
    v1::ArchiveTemplateRequest request;
    request.set_id(id);
    return Call(&Stub::ArchiveTemplate, request);
  }
  absl::StatusOr<v1::Template> Get(const std::string& id, int32_t version = 0) {
    v1::GetTemplateRequest request;
    request.set_id(id);
    request.set_version(version);
    return Call(&Stub::GetTemplate, request);
  }
  absl::StatusOr<v1::ProviderTemplate> Register(const std::string& name, const std::string& body,
                                                const std::string& status = "APPROVED") {
    v1::RegisterProviderTemplateRequest request;
    v1::ProviderTemplate& one = *request.mutable_provider_template();
    one.set_name(name);
    one.set_language("id");
    one.set_body(body);
    one.set_category("UTILITY");
    one.set_status(status);
    return Call(&Stub::RegisterProviderTemplate, request);
  }
};

inline v1::RenderBatchRequest Batch(const std::string& id, int32_t version,
                                    const std::vector<std::string>& columns,
                                    const std::vector<std::vector<std::string>>& rows) {
  v1::RenderBatchRequest request;
  request.set_template_id(id);
  request.set_version(version);
  for (const std::string& column : columns) request.add_variables(column);
  for (const auto& row : rows) {
    v1::RenderBatchRequest::Row* added = request.add_rows();
    for (const std::string& value : row) added->add_values(value);
  }
  return request;
}

}  // namespace kabar::templates::testing

#endif  // KABAR_SERVICES_TEMPLATES_TESTING_HANDLER_FIXTURE_H_
