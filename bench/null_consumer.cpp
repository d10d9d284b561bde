// The limit of any consumer of a replication slot: receives pgoutput, looks at nothing but message tags, acknowledges, throws away.
//
//   null_consumer CONNINFO SLOT PUBLICATION END_LSN [streaming: on|off] [binary: on|off]
//
// Ends when everything before END_LSN has arrived; prints one JSON object. Layouts: PostgreSQL documentation, "Streaming Replication
// Protocol" and "Logical Replication Message Formats".
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <endian.h>
#include <libpq-fe.h>
#include <optional>
#include <poll.h>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kHeaderBytes = 25;  // 'w', three int64

std::uint64_t read_be64(const char* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return be64toh(value);
}

std::optional<std::uint64_t> parse_lsn(const char* text) {
  unsigned high = 0;
  unsigned low = 0;
  if (std::sscanf(text, "%X/%X", &high, &low) != 2) return std::nullopt;
  return std::uint64_t{high} << 32 | low;
}

class NullConsumer {
 public:
  NullConsumer(PGconn* connection, std::uint64_t end) : connection_(connection), end_(end), start_(Clock::now()) {}

  bool start(const std::string& slot, const std::string& publication, bool streaming, bool binary) {
    const int version = PQserverVersion(connection_);
    std::string command = "START_REPLICATION SLOT \"" + slot + "\" LOGICAL 0/0 (proto_version '" + (version >= 140000 ? "2" : "1") +
                          "', publication_names '\"" + publication + "\"'";
    if (version >= 140000 && streaming) command += ", streaming 'on'";
    if (version >= 140000 && binary) command += ", binary 'true'";
    PGresult* result = PQexec(connection_, (command + ")").c_str());
    const bool started = PQresultStatus(result) == PGRES_COPY_BOTH;
    PQclear(result);
    return started;
  }

  /// Reads until the end LSN; false when the stream broke.
  bool drain() {
    while (!done_) {
      char* frame = nullptr;
      const int length = PQgetCopyData(connection_, &frame, 1);
      if (length > 0) {
        take(frame, length);
        PQfreemem(frame);
      } else if (length < 0 || !wait()) {
        return false;
      }
    }
    acknowledge();
    return true;
  }

  void print() const {
    const auto seconds = [&](Clock::time_point at) { return std::chrono::duration<double>(at - start_).count(); };
    std::printf("{\"seconds\": %.3f, \"first_row_seconds\": %.3f, \"rows\": %lu, \"messages\": %lu, \"bytes\": %lu}\n", seconds(Clock::now()),
                seconds(first_row_), rows_, messages_, bytes_);
  }

 private:
  bool wait() {
    pollfd readable{PQsocket(connection_), POLLIN, 0};
    poll(&readable, 1, 1000);
    return PQconsumeInput(connection_) == 1;
  }

  void take(const char* frame, int length) {
    bytes_ += static_cast<std::uint64_t>(length);
    if (frame[0] == 'k') {
      if (read_be64(frame + 1) >= end_) done_ = true;
      if (frame[17] != 0) acknowledge();
      return;
    }
    if (length <= kHeaderBytes) return;
    ++messages_;
    switch (frame[kHeaderBytes]) {
      case 'I':
      case 'U':
      case 'D':
        if (rows_++ == 0) first_row_ = Clock::now();
        break;
      case 'C': commit(frame + kHeaderBytes + 2); break;  // tag, flags
      case 'c': commit(frame + kHeaderBytes + 6); break;  // tag, xid, flags
      default: break;
    }
    if ((messages_ & 0xFFF) == 0 && Clock::now() - acknowledged_at_ > std::chrono::seconds(1)) acknowledge();
  }

  void commit(const char* lsns) {  // commit_lsn, end_lsn
    last_end_ = read_be64(lsns + 8);
    if (last_end_ >= end_) done_ = true;
  }

  void acknowledge() {
    char reply[34] = {'r'};
    const std::uint64_t position = htobe64(last_end_);
    for (int field = 0; field < 3; ++field) std::memcpy(reply + 1 + 8 * field, &position, sizeof position);
    PQputCopyData(connection_, reply, sizeof reply);
    PQflush(connection_);
    acknowledged_at_ = Clock::now();
  }

  PGconn* connection_;
  std::uint64_t end_;
  Clock::time_point start_;
  Clock::time_point first_row_ = start_;
  Clock::time_point acknowledged_at_ = start_;
  std::uint64_t last_end_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
  bool done_ = false;
};

}  // namespace

int main(int count, char** words) {
  const auto end = count >= 5 ? parse_lsn(words[4]) : std::nullopt;
  if (!end) {
    std::fprintf(stderr, "usage: null_consumer CONNINFO SLOT PUBLICATION END_LSN [streaming: on|off] [binary: on|off]\n");
    return 2;
  }
  const auto on = [&](int index, bool fallback) { return count > index ? std::string(words[index]) == "on" : fallback; };
  const char* const keywords[] = {"dbname", "replication", nullptr};
  const char* const values[] = {words[1], "database", nullptr};
  PGconn* connection = PQconnectdbParams(keywords, values, 1);
  int code = 1;
  if (PQstatus(connection) == CONNECTION_OK) {
    NullConsumer consumer(connection, *end);
    if (consumer.start(words[2], words[3], on(5, true), on(6, false)) && consumer.drain()) {
      consumer.print();
      code = 0;
    } else {
      PQclear(PQgetResult(connection));  // the server's own words about a broken stream
    }
  }
  if (code != 0) std::fprintf(stderr, "%s", PQerrorMessage(connection));
  PQfinish(connection);
  return code;
}
