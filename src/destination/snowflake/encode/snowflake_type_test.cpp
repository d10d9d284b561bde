#include "destination/snowflake/encode/snowflake_type.h"

#include "destination/snowflake/encode/encode_test_support.h"

namespace luge {
namespace {

TEST(SnowflakeType, OfEveryKind) {
  const std::pair<ValueType, const char*> cases[] = {
      {plain(ValueKind::boolean), "BOOLEAN"},
      {plain(ValueKind::int16), "NUMBER(38,0)"},
      {plain(ValueKind::int32), "NUMBER(38,0)"},
      {plain(ValueKind::int64), "NUMBER(38,0)"},
      {plain(ValueKind::uint32), "NUMBER(38,0)"},
      {plain(ValueKind::uint64), "NUMBER(38,0)"},
      {plain(ValueKind::float32), "FLOAT"},
      {plain(ValueKind::float64), "FLOAT"},
      {decimal(18, 2), "NUMBER(18,2)"},
      {decimal(38, 37), "NUMBER(38,37)"},
      {decimal(38, 38), "VARCHAR"},
      {plain(ValueKind::text), "VARCHAR"},
      {plain(ValueKind::json), "VARIANT"},
      {plain(ValueKind::binary), "BINARY"},
      {plain(ValueKind::date), "DATE"},
      {plain(ValueKind::time), "TIME(6)"},
      {plain(ValueKind::time_tz), "VARCHAR"},
      {plain(ValueKind::timestamp), "TIMESTAMP_NTZ(6)"},
      {plain(ValueKind::interval), "VARCHAR"},
      {plain(ValueKind::timestamp_tz), "TIMESTAMP_TZ(6)"},
      {plain(ValueKind::uuid), "VARCHAR(36)"},
      {list_of(plain(ValueKind::int32)), "ARRAY"},
  };
  for (const auto& [type, expected] : cases) EXPECT_EQ(snowflake_type(type), expected) << to_string(type);
}

}  // namespace
}  // namespace luge
