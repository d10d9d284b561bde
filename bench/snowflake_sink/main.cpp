// What Snowflake would be if it cost nothing: answers Snowpipe Streaming and luge's SQL, counts the rows, keeps none. Enforces 10 requests
// and 20 MB a second and channel.
//
//   snowflake_sink [CERTIFICATE KEY]      the same service over HTTP and, with these PEM files, over TLS, each on a free port
//
// Prints one JSON line with the ports, then serves until SIGTERM. POST /keep, /restore: the channels as they are. GET /counters: since the last.
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <httplib.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <thread>
#include <vector>
#include <zstd.h>

#include "channels.h"
#include "statements.h"

namespace {

using httplib::Request;
using httplib::Response;
using luge::sink::Append;
using luge::sink::Channel;
using luge::sink::Channels;
using luge::sink::Statements;
using Json = nlohmann::json;

constexpr std::size_t kLargestBody = 4U << 20;
constexpr std::size_t kPiece = 256U << 10;

/// Lines and bytes of a zstd frame, without keeping it. False: it is none.
bool measure(std::string_view packed, Append& append) {
  thread_local const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  thread_local std::vector<char> piece(kPiece + 1);
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  piece[0] = '\n';  // the byte before: an empty line is no row
  std::size_t left = 1;
  while (left != 0) {
    ZSTD_outBuffer out{piece.data() + 1, kPiece, 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) != 0 || (left != 0 && out.pos == 0 && in.pos == in.size)) return false;
    std::uint32_t rows = 0;
    for (std::size_t i = 1; i <= out.pos; ++i) rows += static_cast<std::uint32_t>((piece[i] == '\n') & (piece[i - 1] != '\n'));
    append.rows += rows;
    append.plain_bytes += out.pos;
    if (out.pos > 0) piece[0] = piece[out.pos];
  }
  if (piece[0] != '\n') ++append.rows;  // the last line may end without one
  return true;
}

Json status_of(const std::string& name, const Channel& channel) {
  return {{"database_name", "LUGE"},
          {"schema_name", "PUBLIC"},
          {"pipe_name", ""},
          {"channel_name", name},
          {"channel_status_code", "SUCCESS"},
          {"last_committed_offset_token", channel.token ? Json(*channel.token) : Json()},
          {"created_on_ms", channel.created_ms},
          {"rows_inserted", channel.rows},
          {"rows_parsed", channel.rows},
          {"rows_error_count", 0},
          {"last_error_offset_upper_bound", nullptr},
          {"last_error_message", nullptr},
          {"last_error_timestamp", nullptr},
          {"last_error_timestamp_ms", nullptr},
          {"snowflake_avg_processing_latency_ms", 0}};
}

/// A resource's path without what differs between the SDK's paths and REST's, in capitals: names are not case-sensitive there.
std::string key_of(const std::string& path) {
  const std::size_t at = path.find("/databases/");
  std::string key = at == std::string::npos ? path : path.substr(at);
  const std::size_t channel = key.find("/channels/");
  for (std::size_t i = 0; i < std::min(channel, key.size()); ++i) key[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(key[i])));
  return key;
}

class Service {
 public:
  void serve(httplib::Server& server) {
    server.set_payload_max_length(64U << 20);
    server.set_keep_alive_max_count(1'000'000'000);
    server.set_keep_alive_timeout(60);
    server.set_tcp_nodelay(true);
    server.new_task_queue = [] { return new httplib::ThreadPool(32); };
    const auto to = [this](void (Service::*handler)(const Request&, Response&)) {
      return [this, handler](const Request& request, Response& response) { (this->*handler)(request, response); };
    };
    server.Get("/v2/streaming/hostname", to(&Service::hostname));
    server.Post("/oauth/token", to(&Service::token));
    server.Post("/api/v2/statements", to(&Service::statement));
    server.Post("/api/v2/statements/", to(&Service::statement));
    server.Post("/v2/.*/rows", to(&Service::rows));
    server.Post("/v2/.*:bulk-channel-status", to(&Service::statuses));
    server.Post("/v2/.*:pipe-info", to(&Service::pipe_info));
    server.Post("/v2/.*", to(&Service::nothing));
    server.Post("/telemetry/.*", to(&Service::nothing));
    server.Put("/v2/.*", to(&Service::open));
    server.Delete("/v2/.*", to(&Service::drop));
    server.Post("/keep", [this](const Request&, Response&) { channels_.keep(); });
    server.Post("/restore", [this](const Request&, Response&) { channels_.restore(); });
    server.Get("/counters", to(&Service::counters));
  }

 private:
  static void reply(Response& response, const Json& body, int status = 200) {
    response.status = status;
    response.set_content(body.dump(), "application/json");
  }

  void hostname(const Request& request, Response& response) {
    const std::string host = request.get_header_value("Host");
    response.set_content(host.substr(0, host.rfind(':')), "text/plain");
  }
  /// A token that is good for long; nobody checks it.
  void token(const Request& /*request*/, Response& response) {
    // {"alg":"HS256","typ":"JWT"} . {"iss":"sink","sub":"LUGE","iat":1700000000,"exp":4102444800} . no signature
    response.set_content(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzaW5rIiwic3ViIjoiTFVHRSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ."
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
        "text/plain");
  }
  void statement(const Request& request, Response& response) {
    const auto answer = statements_.answer(request.body);
    response.status = answer.status;
    response.set_content(answer.body, "application/json");
  }
  void open(const Request& request, Response& response) {
    const std::string key = key_of(request.path);
    const Channel channel = channels_.open(key);
    reply(response, {{"status_code", 0},
                     {"message", "OK"},
                     {"next_continuation_token", channel.continuation()},
                     {"channel_status", status_of(key.substr(key.rfind('/') + 1), channel)}});
  }
  void drop(const Request& request, Response& response) {
    channels_.drop(key_of(request.path));
    nothing(request, response);
  }
  void rows(const Request& request, Response& response) {
    if (request.body.size() > kLargestBody) return reply(response, {{"code", "ERR_REQUEST_BODY_TOO_LARGE"}, {"message", "too large"}}, 413);
    Append append;
    append.key = key_of(request.path.substr(0, request.path.rfind('/')));
    append.continuation_token = request.get_param_value("continuationToken");
    append.end_token = request.get_param_value("endOffsetToken");
    append.packed_bytes = request.body.size();
    if (request.get_header_value("Content-Encoding") != "zstd" || !measure(request.body, append))
      return reply(response, {{"code", "ERR_INVALID_REQUEST"}, {"message", "the body is no zstd frame"}}, 400);
    const Channels::Answer answer = channels_.append(append);
    switch (answer.outcome) {
      case Channels::Outcome::taken:
        return reply(response, {{"status_code", 0}, {"message", "OK"}, {"next_continuation_token", answer.continuation_token}});
      case Channels::Outcome::unknown:
        return reply(response, {{"code", "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"}, {"message", "no such channel"}}, 404);
      case Channels::Outcome::stale: return reply(response, {{"code", "STALE_CONTINUATION_TOKEN_SEQUENCER"}, {"message", "reopened"}}, 400);
      case Channels::Outcome::too_fast: return reply(response, {{"code", "390701"}, {"message", "Request rate exceeds max. Try later."}}, 429);
    }
  }
  void statuses(const Request& request, Response& response) {
    const std::string key = key_of(request.path.substr(0, request.path.rfind(':')));
    Json found = Json::object();
    const Json fields = Json::parse(request.body, nullptr, false);
    for (const Json& name : fields.value("channel_names", Json::array())) {
      if (const auto channel = channels_.find(key + "/channels/" + name.get<std::string>())) found[name] = status_of(name, *channel);
    }
    reply(response, {{"status_code", 0}, {"message", "OK"}, {"channel_statuses", found}});
  }
  /// What the SDK asks before it opens channels. No file is ever uploaded: the location leads nowhere.
  void pipe_info(const Request& /*request*/, Response& response) {
    const Json parameters = {{"max_client_lag_seconds", 1},
                             {"rowset_flush_threshold_kb", 1024},
                             {"max_buffered_kb_for_rowset_mode", 10240},
                             {"rowset_threshold_lookback_seconds", 60},
                             {"rowset_threshold_ewma_weight", 50},
                             {"target_file_size_compressed_mb", 16},
                             {"cpu_throttle_high_watermark_percent", 90},
                             {"cpu_throttle_low_watermark_percent", 50},
                             {"mem_throttle_high_watermark_percent", 90},
                             {"mem_throttle_low_watermark_percent", 50}};
    const Json location = {{"expiry_time_ms", 4102444800000},
                           {"location_type", "S3"},
                           {"location", "sink/nowhere/"},
                           {"bucket_name", "sink"},
                           {"path_prefix", "nowhere/"},
                           {"region", "us-east-1"},
                           {"storage_account", ""},
                           {"storage_endpoint", "127.0.0.1:9"},
                           {"use_s3_regional_url", false},
                           {"url_override", nullptr},
                           {"creds", {{"AWS_KEY_ID", "sink"}, {"AWS_SECRET_KEY", "sink"}, {"AWS_TOKEN", "sink"}}},
                           {"parameters", parameters}};
    reply(response,
          {{"database", "LUGE"},
           {"schema", "PUBLIC"},
           {"pipe", "T-STREAMING"},
           {"owner", "LUGE"},
           {"valid", true},
           {"rowset_stage_location", location},
           {"durable_stage_location", location},
           {"encryption_info",
            {{"pipe_key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}, {"pipe_key_id", "1"}, {"diversifier", "bHVnZS1lbXVsYXRvci0wMQ=="}}},
           {"parameter_overrides", parameters}});
  }
  void nothing(const Request& /*request*/, Response& response) { reply(response, {{"status_code", 0}, {"message", "OK"}}); }
  void counters(const Request& /*request*/, Response& response) {
    const auto counted = channels_.take_counters();
    reply(response, {{"requests", counted.requests},
                     {"refused", counted.refused},
                     {"repeated", counted.repeated},
                     {"rows", counted.rows},
                     {"plain_bytes", counted.plain_bytes},
                     {"packed_bytes", counted.packed_bytes}});
  }

  Channels channels_;
  Statements statements_;
};

[[noreturn]] void end(int /*signal*/) { std::_Exit(0); }

}  // namespace

int main(int count, char** words) {
  if (count != 1 && count != 3) {
    std::fprintf(stderr, "usage: snowflake_sink [CERTIFICATE KEY]\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  std::signal(SIGTERM, end);
  std::signal(SIGINT, end);
  Service service;
  httplib::Server plain;
  service.serve(plain);
  Json ports = {{"http_port", plain.bind_to_any_port("127.0.0.1")}};
  std::unique_ptr<httplib::SSLServer> secure;
  std::thread secure_thread;
  if (count == 3) {
    secure = std::make_unique<httplib::SSLServer>(words[1], words[2]);
    if (!secure->is_valid()) {
      std::fprintf(stderr, "snowflake_sink: %s or %s is no PEM file\n", words[1], words[2]);
      return 1;
    }
    service.serve(*secure);
    ports["https_port"] = secure->bind_to_any_port("127.0.0.1");
    secure_thread = std::thread([&] { secure->listen_after_bind(); });
  }
  std::printf("%s\n", ports.dump().c_str());
  std::fflush(stdout);
  plain.listen_after_bind();
  return 0;
}
