// The limit of an initial copy: COPY BINARY of a whole table over one or more connections, every byte thrown away.
//
//   copy_to_nowhere CONNINFO TABLE [CONNECTIONS]
//
// Several connections read equal ranges of the table's pages (ctid), as luge does. Prints one JSON object.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <libpq-fe.h>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Totals {
  std::atomic<std::uint64_t> rows = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<bool> failed = false;
};

/// One COPY on a connection of its own.
void copy(const char* conninfo, const std::string& query, Totals& totals) {
  PGconn* connection = PQconnectdb(conninfo);
  PGresult* result = PQexec(connection, ("COPY (" + query + ") TO STDOUT (FORMAT binary)").c_str());
  if (PQresultStatus(result) != PGRES_COPY_OUT) totals.failed = true;
  PQclear(result);
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  char* row = nullptr;
  for (int length = 0; !totals.failed && (length = PQgetCopyData(connection, &row, 0)) > 0;) {
    ++rows;
    bytes += static_cast<std::uint64_t>(length);
    PQfreemem(row);
  }
  if (totals.failed) {
    std::fprintf(stderr, "%s", PQerrorMessage(connection));
  } else {
    totals.rows += rows - 1;  // the trailer is a message of its own; the header comes with the first row
    totals.bytes += bytes;
  }
  PQfinish(connection);
}

long pages_of(const char* conninfo, const std::string& table) {
  PGconn* connection = PQconnectdb(conninfo);
  PGresult* result = PQexec(connection, ("SELECT pg_relation_size('" + table + "') / current_setting('block_size')::int").c_str());
  const long pages = PQresultStatus(result) == PGRES_TUPLES_OK ? std::atol(PQgetvalue(result, 0, 0)) : -1;
  PQclear(result);
  PQfinish(connection);
  return pages;
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: copy_to_nowhere CONNINFO TABLE [CONNECTIONS]\n");
    return 2;
  }
  const std::string table = words[2];
  const long connections = count > 3 ? std::atol(words[3]) : 1;
  const auto start = std::chrono::steady_clock::now();
  Totals totals;
  std::vector<std::thread> threads;
  if (connections <= 1) {
    copy(words[1], "SELECT * FROM " + table, totals);
  } else {
    const long pages = pages_of(words[1], table);
    for (long i = 0; i < connections; ++i) {
      std::string query = "SELECT * FROM " + table + " WHERE ctid >= '(" + std::to_string(pages * i / connections) + ",0)'";
      if (i + 1 < connections) query += " AND ctid < '(" + std::to_string(pages * (i + 1) / connections) + ",0)'";
      threads.emplace_back([&totals, words, query] { copy(words[1], query, totals); });
    }
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("{\"seconds\": %.3f, \"rows\": %lu, \"bytes\": %lu}\n", seconds, totals.rows.load(), totals.bytes.load());
  return totals.failed ? 1 : 0;
}
