// The client over TLS against a server with a certificate made here: the name is verified, and the
// outcomes are the same as without TLS.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/http/client.h"
#include "libs/http/testing/awaiter.h"
#include "libs/testing/temp_dir.h"

namespace kabar::http {
namespace {

namespace asio = boost::asio;
using TlsStream = asio::ssl::stream<asio::ip::tcp::socket>;

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A self-signed certificate for `name` ("DNS:..." or "IP:...") and its key, in one PEM text.
std::string MakeCertificate(const std::string& name) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("kabar test"), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  X509_EXTENSION* const names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name.c_str());
  X509_add_ext(certificate, names, -1);
  X509_sign(certificate, key, EVP_sha256());

  BIO* const out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_bio_X509(out, certificate);
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(out, &text));
  std::string pem(text, size);
  BIO_free(out);
  X509_EXTENSION_free(names);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pem;
}

// Accepts one connection and runs the script on it, if the handshake succeeds.
class TlsPeer {
 public:
  TlsPeer(const std::string& pem, std::function<void(TlsStream&)> script)
      : context_(asio::ssl::context::tls_server),
        acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    context_.use_certificate_chain(asio::buffer(pem));
    context_.use_private_key(asio::buffer(pem), asio::ssl::context::pem);
    thread_ = std::thread([this, script = std::move(script)] {
      boost::system::error_code error;
      TlsStream stream(io_, context_);
      acceptor_.accept(stream.next_layer(), error);
      stream.handshake(asio::ssl::stream_base::server, error);
      if (!error) script(stream);
    });
  }
  ~TlsPeer() { thread_.join(); }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  asio::io_context io_;
  asio::ssl::context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

std::string ReadHead(TlsStream& stream) {
  std::string head;
  boost::system::error_code error;
  asio::read_until(stream, asio::dynamic_buffer(head), "\r\n\r\n", error);
  return head;
}

void Answer(TlsStream& stream) {
  boost::system::error_code error;
  asio::write(stream, asio::buffer(kOk, sizeof(kOk) - 1), error);
}

struct Fixture {
  testing::TempDir dir;
  std::string pem;
  Awaiter awaiter;

  std::unique_ptr<Client> Create(const std::string& host, std::uint16_t port, bool trust = true) {
    ClientOptions options;
    options.base_url = absl::StrCat("https://", host, ":", port);
    options.max_connections = 1;
    if (trust) options.ca_file = dir.WriteFile("ca.pem", pem);
    return Client::Create(std::move(options)).value();
  }
  void Post(Client* client) {
    client->Post(ClientRequest{.target = "/", .deadline = absl::Now() + absl::Seconds(10)}, nullptr,
                 awaiter.Done());
  }
};

TEST_CASE_METHOD(Fixture, "Client: two requests over one verified TLS connection", "[http]") {
  const bool by_name = GENERATE(true, false);
  pem = MakeCertificate(by_name ? "DNS:localhost" : "IP:127.0.0.1");
  TlsPeer peer(pem, [](TlsStream& stream) {
    for (int i = 0; i < 2; ++i) {
      ReadHead(stream);
      Answer(stream);
    }
  });
  auto client = Create(by_name ? "localhost" : "127.0.0.1", peer.port());
  Post(client.get());
  REQUIRE(awaiter.Await(1)[0].outcome == Outcome::kResponse);
  Post(client.get());
  REQUIRE(awaiter.Await(2)[1].outcome == Outcome::kResponse);
  CHECK(awaiter.Await(2)[1].response.body == "ok");
  CHECK(client->stats().connections_opened == 1);
}

TEST_CASE_METHOD(Fixture, "Client: a certificate that cannot be verified is not sent to",
                 "[http]") {
  const bool wrong_name = GENERATE(true, false);
  pem = MakeCertificate(wrong_name ? "DNS:elsewhere.example" : "DNS:localhost");
  TlsPeer peer(pem, [](TlsStream& stream) { ReadHead(stream); });
  auto client = Create("localhost", peer.port(), /*trust=*/wrong_name);
  Post(client.get());
  const Completion done = awaiter.One();
  CHECK(done.outcome == Outcome::kNotSent);
  CHECK(done.reason == Reason::kConnect);
  CHECK(done.detail.find("certificate verify failed") != std::string::npos);
  CHECK(client->stats().requests_written == 0);
}

TEST_CASE_METHOD(Fixture, "Client: TLS closed after the request was written is ambiguous",
                 "[http]") {
  pem = MakeCertificate("DNS:localhost");
  TlsPeer peer(pem, [](TlsStream& stream) { ReadHead(stream); });
  auto client = Create("localhost", peer.port());
  Post(client.get());
  const Completion done = awaiter.One();
  CHECK(done.outcome == Outcome::kAmbiguous);
  CHECK(done.reason == Reason::kClosed);
}

}  // namespace
}  // namespace kabar::http
