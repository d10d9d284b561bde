// What a row costs between Arrow and the NDJSON that Snowflake's transports send: ten columns of usual types, and each kind of column alone.
// usage: micro_ndjson [rows]     CPU time, one thread; the best of seven
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <time.h>
#include <vector>

#include "base/random.h"
#include "destination/snowflake/encode/ndjson_encoder.h"
#include "destination/snowflake/encode/row_shards.h"

namespace {

using namespace luge;

constexpr std::uint32_t kRowsATransaction = 100;
constexpr std::int64_t kMicrosOf2024 = 1'704'067'200'000'000;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

using AppendValue = std::function<void(ArrowColumn& column, std::size_t row, Random& random)>;

void append_bytes(ArrowColumn& column, const std::string& bytes) {
  if (column.offsets.empty()) column.offsets.push(std::int32_t{0});
  column.values.append(bytes.data(), bytes.size());
  column.offsets.push(static_cast<std::int32_t>(column.values.size()));
}

struct BenchColumn {
  const char* name;
  ValueType type;
  AppendValue append;
};

ValueType plain(ValueKind kind) { return {kind, 0, 0, nullptr}; }

const BenchColumn kId{"id", plain(ValueKind::int64), [](ArrowColumn& c, std::size_t row, Random&) { c.values.push(static_cast<std::int64_t>(row)); }};
const BenchColumn kCustomer{"customer_id", plain(ValueKind::int32),
                            [](ArrowColumn& c, std::size_t, Random& r) { c.values.push(static_cast<std::int32_t>(r.below(1'000'000))); }};
const BenchColumn kName{"name", plain(ValueKind::text), [](ArrowColumn& c, std::size_t, Random& r) {
                          append_bytes(c, "customer name " + std::to_string(100'000 + r.below(900'000)));
                        }};
const BenchColumn kNote{"note", plain(ValueKind::text), [](ArrowColumn& c, std::size_t, Random& r) {
                          append_bytes(c,
                                       "a longer remark of some eighty letters, \"quoted\" once, for number " + std::to_string(r.below(1'000'000)));
                        }};
const BenchColumn kAmount{"amount", {ValueKind::decimal, 18, 2, nullptr}, [](ArrowColumn& c, std::size_t, Random& r) {
                            c.values.push(static_cast<std::int64_t>(r.below(10'000'000'00) + 10'000));
                            c.values.push(std::int64_t{0});
                          }};
const BenchColumn kCreatedAt{"created_at", plain(ValueKind::timestamp_tz), [](ArrowColumn& c, std::size_t, Random& r) {
                               c.values.push(kMicrosOf2024 + static_cast<std::int64_t>(r.below(31'000'000'000'000)));
                             }};
const BenchColumn kUpdatedAt{"updated_at", plain(ValueKind::timestamp_tz), kCreatedAt.append};
const BenchColumn kUuid{"uuid", plain(ValueKind::uuid), [](ArrowColumn& c, std::size_t, Random& r) {
                          c.values.push(r.next());
                          c.values.push(r.next());
                        }};
const BenchColumn kActive{"active", plain(ValueKind::boolean), [](ArrowColumn& c, std::size_t row, Random& r) {
                            c.values.resize_zeroed(row / 8 + 1);
                            if (r.chance(1, 2)) set_bit(c.values.data(), row);
                          }};
const BenchColumn kQuantity{"quantity", plain(ValueKind::int32),
                            [](ArrowColumn& c, std::size_t, Random& r) { c.values.push(static_cast<std::int32_t>(r.below(100))); }};
const BenchColumn kPrice{"price", plain(ValueKind::float64),
                         [](ArrowColumn& c, std::size_t, Random& r) { c.values.push(static_cast<double>(r.below(1'000'000'000)) / 997.0); }};
const BenchColumn kDocument{"document", plain(ValueKind::json), [](ArrowColumn& c, std::size_t, Random& r) {
                              append_bytes(
                                  c, R"({"k": )" + std::to_string(r.below(1'000'000)) + R"(, "tags": ["a", "b", "c"], "note": "some text here"})");
                            }};
const BenchColumn kBytes{"bytes", plain(ValueKind::binary), [](ArrowColumn& c, std::size_t, Random& r) {
                           std::string bytes(64, '\0');
                           for (char& byte : bytes) byte = static_cast<char>(r.below(256));
                           append_bytes(c, bytes);
                         }};
const BenchColumn kLongText{"long_text", plain(ValueKind::text), [](ArrowColumn& c, std::size_t, Random& r) {
                              std::string text;
                              while (text.size() < 2000) text += "another sentence of prose, number " + std::to_string(r.below(1000)) + ". ";
                              append_bytes(c, text);
                            }};

TableChunk chunk_of(const std::vector<BenchColumn>& columns, std::uint32_t rows) {
  SeededRandom random(1);
  auto schema = std::make_shared<TableSchema>();
  TableChunk chunk;
  chunk.rows = rows;
  for (const BenchColumn& column : columns) {
    ColumnSchema shape;
    shape.name = column.name;
    shape.attnum = static_cast<std::int16_t>(schema->columns.size() + 1);
    shape.value = column.type;
    schema->columns.push_back(std::move(shape));
    ArrowColumn values;
    values.type = column.type;
    values.length = rows;
    for (std::uint32_t row = 0; row < rows; ++row) column.append(values, row, random);
    chunk.columns.push_back(std::move(values));
  }
  schema->key_columns = {0};
  chunk.schema = schema;
  for (std::uint32_t row = 0; row < rows; ++row) {
    chunk.ops.push_back(RowOp::insert);
    chunk.ordinals.push_back(row % kRowsATransaction);
    if (row % kRowsATransaction == 0) chunk.runs.push_back({0, Lsn{0x16'B374'D848U + row}, 700'000 + row, {757'382'400'000'000 + row}});
    chunk.runs.back().end_row = row + 1;
  }
  return chunk;
}

void measure(const char* what, const std::vector<BenchColumn>& columns, std::uint32_t rows) {
  const TableChunk chunk = chunk_of(columns, rows);
  std::vector<std::string> names;
  for (const BenchColumn& column : columns) {
    names.emplace_back(column.name);
    for (char& letter : names.back()) letter = static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
  }
  NdjsonEncoder encoder(chunk.schema, names, 1);
  EncodedRows encoded;
  constexpr std::uint32_t kRowsAPiece = 5000;  // a request of about two megabytes, in a buffer that is used again
  double best = 1e9;
  std::size_t bytes = 0;
  for (int round = 0; round < 7; ++round) {
    bytes = 0;
    const double start = cpu_seconds();
    for (std::uint32_t from = 0; from < rows; from += kRowsAPiece) {
      encoded.clear();
      RowSelection selection;
      selection.from = from;
      selection.to = from + kRowsAPiece;
      if (encoder.encode(chunk, selection, encoded)) std::exit(1);
      bytes += encoded.text.size();
    }
    best = std::min(best, cpu_seconds() - start);
  }
  std::printf("%-28s %5.0f bytes a row %8.1f ns a row %8.0f MB/s\n", what, static_cast<double>(bytes) / rows, best * 1e9 / rows,
              static_cast<double>(bytes) / best / 1e6);
}

void measure_shards(std::uint32_t rows) {
  const TableChunk chunk = chunk_of({kId}, rows);
  double best = 1e9;
  for (int round = 0; round < 7; ++round) {
    const double start = cpu_seconds();
    if (row_shards(chunk, 4).size() != rows) std::exit(1);
    best = std::min(best, cpu_seconds() - start);
  }
  std::printf("%-28s %*s %8.1f ns a row\n", "shards by an int8 key", 17, "", best * 1e9 / rows);
}

}  // namespace

int main(int argc, char** argv) {
  const auto rows = static_cast<std::uint32_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 200'000);
  measure("ten columns", {kId, kCustomer, kName, kNote, kAmount, kCreatedAt, kUpdatedAt, kUuid, kActive, kQuantity}, rows);
  for (const BenchColumn& column : {kId, kName, kNote, kAmount, kCreatedAt, kUuid, kActive, kPrice, kDocument, kBytes, kLongText})
    measure((std::string("id, ") + column.name).c_str(), {kId, column}, rows);
  measure_shards(rows);
  return 0;
}
