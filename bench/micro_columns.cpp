// What a row of W1's shape costs between the decoder and the destination: columns built from wire bytes, alone and through the spool.
// usage: micro_columns [rows]     CPU time, one thread; the best of five
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <time.h>
#include <vector>

#include "base/random.h"
#include "batch/chunk_builder.h"
#include "batch/spool.h"
#include "model/type_mapping.h"

namespace {

using namespace luge;

constexpr std::size_t kDistinctRows = 4096;
constexpr std::uint32_t kChunkRows = 100'000;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class T>
std::string big_endian(T value) {
  std::string bytes;
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    bytes += static_cast<char>((static_cast<std::uint64_t>(value) >> shift) & 0xFF);
  return bytes;
}

/// numeric_send of cents / 100.
std::string numeric_bytes(std::int64_t cents) {
  std::vector<std::int16_t> digits;
  std::int64_t whole = cents / 100;
  for (; whole > 0; whole /= 10000) digits.insert(digits.begin(), static_cast<std::int16_t>(whole % 10000));
  const auto weight = static_cast<std::int16_t>(digits.size() - 1);
  digits.push_back(static_cast<std::int16_t>(cents % 100 * 100));
  std::string bytes =
      big_endian(static_cast<std::int16_t>(digits.size())) + big_endian(weight) + big_endian<std::int16_t>(0) + big_endian<std::int16_t>(2);
  for (const std::int16_t digit : digits) bytes += big_endian(digit);
  return bytes;
}

const std::vector<std::pair<Oid, std::int32_t>> kW1Types = {
    {pg_oid::kInt8, -1},        {pg_oid::kInt4, -1}, {pg_oid::kText, -1},   {pg_oid::kNumeric, ((18 << 16) | 2) + 4},
    {pg_oid::kTimestamptz, -1}, {pg_oid::kBool, -1}, {pg_oid::kFloat8, -1}, {pg_oid::kUuid, -1},
    {pg_oid::kJsonb, -1},       {pg_oid::kDate, -1}};

TableSchemaPtr w1_schema() {
  auto schema = std::make_shared<TableSchema>();
  schema->oid = 16384;
  schema->name = {"public", "t"};
  for (const auto& [oid, typmod] : kW1Types) {
    auto type = std::make_shared<PgType>();
    type->oid = oid;
    ColumnSchema column;
    column.name = "c" + std::to_string(schema->columns.size());
    column.attnum = static_cast<std::int16_t>(schema->columns.size() + 1);
    column.typmod = typmod;
    column.value = map_type(*type, typmod, {});
    column.type = type;
    schema->columns.push_back(std::move(column));
  }
  schema->columns[0].in_identity = true;
  schema->key_columns = {0};
  return schema;
}

std::vector<std::string> row_values(std::uint64_t id, bool binary, Random& random) {
  const auto a = static_cast<std::int32_t>(random.below(1'000'000));
  const std::string s = "customer name " + std::to_string(100'000 + random.below(900'000));
  const auto cents = static_cast<std::int64_t>(random.below(10'000'000'00) + 10'000);
  const std::string json = R"({"k": )" + std::to_string(random.below(1'000'000)) + R"(, "tags": ["a", "b", "c"], "note": "some text here"})";
  if (!binary) {
    char time[40], uuid[37], number[40];
    std::snprintf(time, sizeof time, "2024-%02u-%02u %02u:%02u:%02u.%06u+00", static_cast<unsigned>(random.below(12) + 1),
                  static_cast<unsigned>(random.below(28) + 1), static_cast<unsigned>(random.below(24)), static_cast<unsigned>(random.below(60)),
                  static_cast<unsigned>(random.below(60)), static_cast<unsigned>(random.below(999'999) + 1));
    std::snprintf(uuid, sizeof uuid, "%08x-%04x-4%03x-8%03x-%012llx", static_cast<unsigned>(random.below(1ULL << 32)),
                  static_cast<unsigned>(random.below(65536)), static_cast<unsigned>(random.below(4096)), static_cast<unsigned>(random.below(4096)),
                  static_cast<unsigned long long>(random.below(1ULL << 48)));
    std::snprintf(number, sizeof number, "%lld.%02lld", static_cast<long long>(cents / 100), static_cast<long long>(cents % 100));
    return {std::to_string(id),
            std::to_string(a),
            s,
            number,
            time,
            random.chance(1, 2) ? "t" : "f",
            "0." + std::to_string(random.next() >> 10),
            uuid,
            json,
            std::string(time, 10)};
  }
  return {big_endian(id),
          big_endian(a),
          s,
          numeric_bytes(cents),
          big_endian(static_cast<std::int64_t>(random.below(800'000'000'000'000))),
          std::string(1, random.chance(1, 2) ? '\1' : '\0'),
          big_endian(random.next() >> 2),
          big_endian(random.next()) + big_endian(random.next()),
          "\1" + json,
          big_endian(static_cast<std::int32_t>(random.below(10'000)))};
}

/// Rows as the decoder hands them over: views into one frame's bytes.
struct Rows {
  std::vector<std::vector<std::string>> bytes;
  std::vector<std::vector<ValueView>> views;

  explicit Rows(bool binary) {
    SeededRandom random(1);
    for (std::size_t i = 0; i < kDistinctRows; ++i) bytes.push_back(row_values(i, binary, random));
    for (const auto& values : bytes) {
      auto& row = views.emplace_back();
      for (const std::string& value : values) row.push_back({binary ? ValueState::binary : ValueState::text, value});
    }
  }
  TableRow row(std::size_t i) const { return {16384, RowOp::insert, OldTuple::none, {}, views[i % kDistinctRows]}; }
};

void build(const TableSchemaPtr& schema, const Rows& rows, std::size_t count) {
  ChunkBuilder builder(schema);
  builder.begin_transaction(Lsn{1}, 1, {});
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto misfit = builder.append(rows.row(i), i)) {
      std::fprintf(stderr, "%s: %s\n", misfit->column.c_str(), misfit->reason.c_str());
      std::exit(1);
    }
    if (builder.rows() == kChunkRows) builder.finish();
  }
}

/// One streamed transaction, kept in `memory_bytes` and read back.
void spool(const TableSchemaPtr& schema, const Rows& rows, std::size_t count, std::size_t memory_bytes) {
  Spool spool({"/tmp", memory_bytes});
  for (std::size_t i = 0; i < count; ++i) {
    if (!spool.append(7, 7, schema, rows.row(i))) std::exit(1);
  }
  const auto reader = spool.commit(7, Lsn{1}, 7, {});
  for (;;) {
    const auto item = reader->next();
    if (!item) std::exit(1);
    if (!*item) break;
  }
}

void measure(const char* name, std::size_t count, const std::function<void()>& work) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double start = cpu_seconds();
    work();
    best = std::min(best, cpu_seconds() - start);
  }
  std::printf("%-44s %7.3f us a row\n", name, best * 1e6 / static_cast<double>(count));
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 500'000;
  const TableSchemaPtr schema = w1_schema();
  const Rows binary(true);
  const Rows text(false);
  measure("binary rows to columns", count, [&] { build(schema, binary, count); });
  measure("text rows to columns", count, [&] { build(schema, text, count); });
  measure("binary rows, spool in memory", count, [&] { spool(schema, binary, count, std::size_t{1} << 40); });
  measure("binary rows, spool through its file (32 MiB)", count, [&] { spool(schema, binary, count, std::size_t{32} << 20); });
  return 0;
}
