#include "state/redis/redis_connection.h"

#include <array>
#include <hiredis/hiredis.h>
#include <optional>
#include <sys/socket.h>

namespace luge {

namespace {

timeval timeval_of(Duration duration) {
  return {static_cast<time_t>(duration.count() / 1'000'000), static_cast<suseconds_t>(duration.count() % 1'000'000)};
}

RedisReply taken(const redisReply& reply) {
  RedisReply out;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      out.kind = RedisReply::Kind::text;
      out.text.assign(reply.str, static_cast<std::size_t>(reply.len));
      break;
    case REDIS_REPLY_INTEGER:
      out.kind = RedisReply::Kind::number;
      out.number = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      out.kind = RedisReply::Kind::list;
      for (std::size_t i = 0; i < reply.elements; ++i) out.list.push_back(taken(*reply.element[i]));
      break;
    default: break;
  }
  return out;
}

struct Meaning {
  std::string_view word;  ///< the first of an error, which Redis calls its code
  std::string_view code;
  Recovery recovery;
  std::string_view hint;
};

constexpr std::array kMeanings{
    Meaning{"NOAUTH", "redis_auth", Recovery::stop_pipeline, "put user and password into --state redis://USER:PASSWORD@…, or file:PATH"},
    Meaning{"WRONGPASS", "redis_auth", Recovery::stop_pipeline, "check user and password of --state"},
    Meaning{"NOPERM", "redis_forbidden", Recovery::stop_pipeline,
            "the ACL of luge's user needs ~luge:* and +@read +@write +@scripting +config|get +role"},
    Meaning{"LOADING", "redis_loading", Recovery::retry, ""},
    Meaning{"BUSY", "redis_loading", Recovery::retry, ""},
    Meaning{"READONLY", "redis_readonly", Recovery::retry, "name the master, or the sentinels: redis+sentinel://…"},
    Meaning{"MASTERDOWN", "redis_readonly", Recovery::retry, ""},
    Meaning{"OOM", "redis_full", Recovery::retry, "raise maxmemory, or give luge's state a Redis of its own"},
    Meaning{"MISCONF", "redis_unwritable", Recovery::retry, "Redis cannot write to its disk; its log says why"},
    Meaning{"NOREPLICAS", "redis_unwritable", Recovery::retry, "fewer replicas are connected than min-replicas-to-write asks for"},
    Meaning{"MOVED", "redis_cluster", Recovery::stop_pipeline, "a Redis Cluster cannot keep luge's state; give a single server or sentinels"},
    Meaning{"CROSSSLOT", "redis_cluster", Recovery::stop_pipeline, "a Redis Cluster cannot keep luge's state; give a single server or sentinels"},
};

Error refusal(std::string_view message, const std::string& where) {
  const std::string_view word = message.substr(0, message.find(' '));
  for (const Meaning& meaning : kMeanings) {
    if (meaning.word != word) continue;
    // Redis repeats arguments in some messages; its code says enough.
    return make_error(meaning.recovery, meaning.code, "Redis at " + where + " refuses: " + std::string(word), std::string(meaning.hint));
  }
  return fatal("redis", "Redis at " + where + " answered with the error " + std::string(word));
}

}  // namespace

void RedisConnection::Close::operator()(redisContext* context) const {
  // The kernel would go on sending what was given up, for minutes, and Redis would carry it out after its repetition. A reset throws it away.
  if (context->err != 0 && context->fd >= 0) {
    const linger reset{1, 0};
    setsockopt(context->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  redisFree(context);
}

Error RedisConnection::lost() const {
  Error error = make_error(Recovery::retry, "redis_lost", "the connection to Redis at " + description_ + " was lost: " + context_->errstr);
  error.write_state = WriteState::unknown;
  return error;
}

bool RedisConnection::broken() const { return !context_ || context_->err != 0; }

Result<RedisConnection> RedisConnection::connect(const RedisAddress::Host& host) {
  RedisConnection connection;
  connection.description_ = host.name + ":" + std::to_string(host.port);
  connection.context_.reset(redisConnectWithTimeout(host.name.c_str(), host.port, timeval_of(kConnectTimeout)));
  if (!connection.context_) return fatal("memory", "no memory for a connection to Redis");
  if (connection.context_->err != 0) {
    return make_error(Recovery::retry, "redis_unreachable",
                      "Redis at " + connection.description_ + " cannot be reached: " + connection.context_->errstr,
                      "is the server running there, and does its `bind` admit this machine?");
  }
  redisSetTimeout(connection.context_.get(), timeval_of(kAnswerTimeout));
  redisEnableKeepAlive(connection.context_.get());
  return connection;
}

Result<RedisAddress::Host> RedisConnection::ask_sentinels(const RedisAddress& address) {
  std::optional<Error> last;
  for (const RedisAddress::Host& sentinel : address.hosts) {
    auto connection = connect(sentinel);
    if (!connection) {
      last = connection.error();
      continue;
    }
    auto reply = connection->run({"SENTINEL", "get-master-addr-by-name", address.master});
    if (!reply) {
      last = reply.error();
    } else if (reply->kind == RedisReply::Kind::list && reply->list.size() == 2) {
      return RedisAddress::Host{reply->list[0].text, static_cast<std::uint16_t>(std::strtoul(reply->list[1].text.c_str(), nullptr, 10))};
    } else {
      last = fatal("redis_master", "the sentinel " + connection->description() + " knows no master " + address.master, "check the name in --state");
    }
  }
  return *last;
}

Status RedisConnection::sign_in(const RedisAddress& address) {
  if (!address.password.empty()) {
    std::vector<std::string> words{"AUTH"};
    if (!address.user.empty()) words.push_back(address.user);
    words.push_back(address.password);
    // "ERR AUTH <password> called without any password configured": the same as a wrong one.
    if (const auto answer = run(words); !answer) {
      return answer.error().code == "redis"
                 ? fatal("redis_auth", "Redis at " + description_ + " does not take this user or password", "check user and password of --state")
                 : answer.error();
    }
  }
  if (address.database != 0) CHECK_OK(run({"SELECT", std::to_string(address.database)}));
  if (address.master.empty()) return ok();
  // A sentinel may not know yet that its master was voted out.
  TRY(const RedisReply role, run({"ROLE"}));
  if (role.kind == RedisReply::Kind::list && !role.list.empty() && role.list.front().text == "master") return ok();
  return make_error(Recovery::retry, "redis_readonly", "Redis at " + description_ + " is not the master of " + address.master + " any more");
}

Result<RedisConnection> RedisConnection::open(const RedisAddress& address) {
  if (address.tls) {
    return fatal("redis_tls", "this luge was built with a hiredis that has no TLS",
                 "use redis:// over a tunnel or a private network, or --state sqlite:PATH");
  }
  RedisAddress::Host host = address.hosts.front();
  if (!address.master.empty()) {
    TRY(host, ask_sentinels(address));
  }
  TRY(RedisConnection connection, connect(host));
  CHECK_OK(connection.sign_in(address));
  return connection;
}

Result<RedisReply> RedisConnection::run(const std::vector<std::string>& words) {
  if (broken()) return lost();
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  struct Free {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  const std::unique_ptr<redisReply, Free> reply(
      static_cast<redisReply*>(redisCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data())));
  if (!reply) return lost();
  if (reply->type == REDIS_REPLY_ERROR) return refusal({reply->str, static_cast<std::size_t>(reply->len)}, description_);
  return taken(*reply);
}

}  // namespace luge
