// Values of one column, good and bad: a refused one leaves no trace, and what was built is sound. The first byte chooses the type, then
// each value has two bytes: its form and its length.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ensure.h"
#include "batch/column_builder.h"
#include "model/arrow_layout.h"
#include "model/type_mapping.h"

namespace luge {
namespace {

struct Column {
  PgType type;
  std::int32_t typmod;
};

std::vector<Column> every_column() {
  constexpr std::int32_t kHeader = 4, kWide = ((38 << 16) | 19) + kHeader, kMoney = ((18 << 16) | 2) + kHeader;
  std::vector<Column> columns;
  for (const Oid oid :
       {pg_oid::kBool,     pg_oid::kInt2, pg_oid::kInt4,  pg_oid::kInt8,  pg_oid::kOid,   pg_oid::kXid8,   pg_oid::kFloat4,    pg_oid::kFloat8,
        pg_oid::kText,     pg_oid::kChar, pg_oid::kBytea, pg_oid::kDate,  pg_oid::kTime,  pg_oid::kTimetz, pg_oid::kTimestamp, pg_oid::kTimestamptz,
        pg_oid::kInterval, pg_oid::kUuid, pg_oid::kJson,  pg_oid::kJsonb, pg_oid::kMoney, pg_oid::kNumeric}) {
    PgType type;
    type.oid = oid;
    columns.push_back({type, -1});
  }
  columns.push_back({columns.back().type, kWide});
  columns.push_back({columns.back().type, kMoney});
  for (std::size_t i = columns.size(); i-- > 0;) {
    PgType array;
    array.oid = 90'000;
    array.is_array = true;
    array.element = std::make_shared<const PgType>(columns[i].type);
    columns.push_back({array, columns[i].typmod});
  }
  return columns;
}

void build(const Column& column, std::string_view input) {
  const ValueType value_type = map_type(column.type, column.typmod, {});
  const auto builder = make_column_builder(column.type, column.typmod, value_type);
  std::size_t expected = 0;
  while (input.size() >= 2) {
    const auto form = static_cast<ValueState>(static_cast<unsigned char>(input[0]) % 4U);
    const std::size_t length = std::min<std::size_t>(static_cast<unsigned char>(input[1]), input.size() - 2);
    const std::string value(input.substr(2, length));  // its own memory: reading past its end is seen
    input.remove_prefix(2 + length);
    const bool fits = builder->append({form, value});
    ENSURE(fits || !builder->misfit().empty(), "a refusal has a reason");
    expected += fits ? 1 : 0;
    ENSURE(builder->length() == expected, "a refused value leaves no trace");
  }
  const std::size_t bytes = builder->bytes();
  const ArrowColumn built = builder->finish();
  ENSURE(built.bytes() == bytes, "the bytes are known");
  ENSURE(layout_fault(built) == nullptr, "the column is sound");
  ENSURE(has_valid_text(built), "text is UTF-8");
}

}  // namespace
}  // namespace luge

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<luge::Column> columns = luge::every_column();
  if (size == 0) return 0;
  luge::build(columns[data[0] % columns.size()], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
