#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "destination/snowflake/encode/encode_test_support.h"
#include "destination/snowflake/sdk/python_transform.h"
#include "destination/snowflake/sdk/sdk_test_support.h"
#include "support/sample_chunk.h"

namespace luge {
namespace {

using Json = nlohmann::json;

class PythonTransforms : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    ::setenv("LUGE_TEST_FOUND", found().c_str(), 1);
    ::setenv("LUGE_TEST_LINES", lines().c_str(), 1);
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(LUGE_SDK_TESTS);  // a transform's module may stand in the working directory
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(directory_);
  }

  std::string found() const { return directory_ + "/found.json"; }
  std::string lines() const { return directory_ + "/lines"; }

  static Result<std::unique_ptr<PythonTransform>> load(const std::string& name) {
    return PythonTransform::load(name, sdk_python(), SnowflakeEmulator::shared().ca_file());
  }
  static Result<TableChunk> run(const std::string& function, TableChunk chunk) {
    auto transform = load("sample_transforms:" + function);
    EXPECT_TRUE(transform) << transform.error().message();
    if (!transform) return std::move(transform).error();
    return (*transform)->apply(std::move(chunk));
  }
  static TableChunk sample(bool streamed = true) {
    SeededRandom random(7);
    return sample_chunk(every_kind_schema(), {.rows = 200, .absent_percent = streamed ? 20U : 0U, .streamed = streamed}, random);
  }

  std::string directory_ = "/tmp/luge_transform_XXXXXX";
  std::filesystem::path before_;
};

/// In PyArrow's order: buffers of the column, then of its children.
void collect_addresses(const ArrowColumn& column, Json& addresses) {
  const auto address_of = [](const Buffer& buffer) { return reinterpret_cast<std::uintptr_t>(buffer.data()); };
  addresses.push_back(column.validity.empty() ? Json() : Json(address_of(column.validity)));
  if (has_offsets(column.type.kind)) addresses.push_back(address_of(column.offsets));
  if (column.children.empty()) addresses.push_back(address_of(column.values));
  for (const ArrowColumn& child : column.children) collect_addresses(child, addresses);
}

TEST_F(PythonTransforms, pyarrow_uses_the_very_buffers) {
  TableChunk chunk = sample();
  Json addresses = Json::array();
  for (const ArrowColumn& column : chunk.columns) collect_addresses(column, addresses);
  ASSERT_TRUE(run("addresses", std::move(chunk)));
  std::ifstream file(found());
  EXPECT_EQ(Json::parse(file), addresses);
}

TEST_F(PythonTransforms, what_comes_back_unchanged_is_the_same_chunk) {
  for (const bool streamed : {true, false}) {
    const auto back = run("same", sample(streamed));
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_TRUE(same_chunk(*back, sample(streamed)));
    ASSERT_TRUE(run("keep", sample(streamed))) << "a batch may outlive its call";
  }
}

TEST_F(PythonTransforms, values_change_and_nothing_else) {
  const TableChunk before = sample();
  const auto after = run("shout", sample());
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(after->ops, before.ops);
  EXPECT_EQ(after->ordinals, before.ordinals);
  EXPECT_EQ(after->runs.size(), before.runs.size());
  EXPECT_EQ(after->present.size(), before.present.size());
  bool changed = false;
  for (std::size_t c = 0; c < before.columns.size(); ++c) {
    const ArrowColumn &was = before.columns[c], &is = after->columns[c];
    if (was.type.kind != ValueKind::text && was.type.kind != ValueKind::json) {
      EXPECT_TRUE(same_column(is, was)) << before.schema->columns[c].name;
      continue;
    }
    for (std::size_t row = 0; row < was.length; ++row) {
      ASSERT_EQ(is.is_null(row), was.is_null(row));
      ASSERT_EQ(after->is_present(c, row), before.is_present(c, row));
    }
    changed |= was.values.size() != is.values.size() || std::memcmp(was.values.data(), is.values.data(), was.values.size()) != 0;
  }
  EXPECT_TRUE(changed);
}

TEST_F(PythonTransforms, other_shapes_are_refused_by_name) {
  const auto what_of = [&](const std::string& function) {
    const auto refused = run(function, sample());
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "transform");
    EXPECT_NE(refused.error().what.find("sample_transforms:" + function + " of table"), std::string::npos);
    return refused.error().what;
  };
  EXPECT_NE(what_of("drops_a_row").find("199 rows for 200"), std::string::npos);
  EXPECT_NE(what_of("renames").find("the columns X"), std::string::npos);
  EXPECT_NE(what_of("retypes").find("as string and not as"), std::string::npos);
  EXPECT_NE(what_of("forgets").find("NoneType"), std::string::npos);
}

TEST_F(PythonTransforms, an_exception_is_named_without_values) {
  const auto failed = run("raises", sample());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "transform_exception");
  EXPECT_NE(failed.error().what.find("sample_transforms:raises"), std::string::npos);
  EXPECT_NE(failed.error().what.find("raised ValueError at sample_transforms.py:"), std::string::npos) << failed.error().what;
  EXPECT_NE(failed.error().what.find(" in raises"), std::string::npos);
  EXPECT_EQ(failed.error().message().find("4711"), std::string::npos);
}

TEST_F(PythonTransforms, what_cannot_be_loaded) {
  EXPECT_EQ(load("sample_transforms").error().code, "transform");
  EXPECT_EQ(load("sample_transforms:nothing").error().code, "transform");
  EXPECT_NE(load("sample_transforms:nothing").error().what.find("no function nothing"), std::string::npos);
  EXPECT_EQ(PythonTransform::load("sample_transforms:same", sdk_python(), "/another/ca.pem").error().code, "python_in_use");
  EXPECT_EQ(PythonTransform::load("sample_transforms:same", "/no/such/python", "").error().code, "python_missing");
  EXPECT_NE(load("no_such_module_of_luge:f").error().what.find("ModuleNotFoundError"), std::string::npos);
}

TEST_F(PythonTransforms, standard_output_stays_luges) {
  testing::internal::CaptureStdout();
  EXPECT_TRUE(run("prints", sample()));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

/// Values of every kind that Python can hold, the awkward ones among them.
TableChunk reference_chunk() {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
  std::vector<std::pair<std::string, ArrowColumn>> columns;
  columns.emplace_back("BOOLEAN", boolean_column({true, false, std::nullopt, true}));
  columns.emplace_back("INT16", fixed_column<std::int16_t>(plain(ValueKind::int16), {0, -32768, 32767, std::nullopt}));
  columns.emplace_back("INT32", fixed_column<std::int32_t>(plain(ValueKind::int32), {0, INT32_MIN, INT32_MAX, std::nullopt}));
  columns.emplace_back("INT64", fixed_column<std::int64_t>(plain(ValueKind::int64), {0, INT64_MIN, INT64_MAX, std::nullopt}));
  columns.emplace_back("UINT32", fixed_column<std::uint32_t>(plain(ValueKind::uint32), {0, UINT32_MAX, 1, std::nullopt}));
  columns.emplace_back("UINT64", fixed_column<std::uint64_t>(plain(ValueKind::uint64), {0, UINT64_MAX, 1, std::nullopt}));
  columns.emplace_back("FLOAT64", fixed_column<double>(plain(ValueKind::float64), {0.1, -1.5e300, 3.0, std::nullopt}));
  columns.emplace_back("FLOAT64_ODD", fixed_column<double>(plain(ValueKind::float64), {kNan, kInfinity, -kInfinity, 0.5}));
  columns.emplace_back("DECIMAL", fixed_column<__int128>(decimal(18, 2), {120, -1, 0, std::nullopt}));
  columns.emplace_back("TEXT", bytes_column(plain(ValueKind::text), {"", "a\"\\\n\u00e9\U0001F600", "null", std::nullopt}));
  columns.emplace_back("JSON", bytes_column(plain(ValueKind::json), {"{\"a\":[1,2.5,null]}", "\"x\"", "[]", std::nullopt}));
  columns.emplace_back("BINARY", bytes_column(plain(ValueKind::binary), {std::string("\0\xff", 2), "", "abc", std::nullopt}));
  columns.emplace_back("DATE", fixed_column<std::int32_t>(plain(ValueKind::date), {0, 20'000, -700'000, std::nullopt}));
  columns.emplace_back("TIME", fixed_column<std::int64_t>(plain(ValueKind::time), {0, 86'399'999'999, 3'600'000'000, std::nullopt}));
  columns.emplace_back("TIMESTAMP", fixed_column<std::int64_t>(plain(ValueKind::timestamp), {0, 1'700'000'000'123'456, -1, std::nullopt}));
  columns.emplace_back("TIMESTAMP_TZ", fixed_column<std::int64_t>(plain(ValueKind::timestamp_tz), {0, 1'700'000'000'123'456, -1, std::nullopt}));
  columns.emplace_back("LIST", list_column(fixed_column<std::int32_t>(plain(ValueKind::int32), {1, std::nullopt, 3}), {2, 0, 1, std::nullopt}));
  ArrowColumn uuids;
  uuids.type = plain(ValueKind::uuid);
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t byte = 0; byte < 16; ++byte) uuids.values.push(static_cast<std::uint8_t>(i * 16 + byte));
    count_row(uuids, true);
  }
  columns.emplace_back("UUID", std::move(uuids));

  std::vector<std::pair<std::string, ValueType>> types;
  TableChunk chunk;
  chunk.rows = 4;
  for (auto& [name, column] : columns) {
    types.emplace_back(name, column.type);
    chunk.columns.push_back(std::move(column));
  }
  chunk.schema = schema_of(types);
  return chunk;
}

TEST_F(PythonTransforms, to_pylist_is_the_encoders_reference) {
  TableChunk chunk = reference_chunk();
  EncodedRows rows;
  NdjsonEncoder encoder(chunk.schema, names_of(*chunk.schema), 1);
  ASSERT_FALSE(encoder.encode(chunk, {}, rows));
  std::ofstream(lines()) << std::string_view(reinterpret_cast<const char*>(rows.text.data()), rows.text.size());
  const auto back = run("reference", std::move(chunk));
  ASSERT_TRUE(back) << back.error().message();
  std::ifstream file(found());
  // Where they must differ, and how: luge's form is the one that Snowflake reads back exactly.
  const Json wanted = {{"BOOLEAN", Json::array()},
                       {"INT16", Json::array()},
                       {"INT32", Json::array()},
                       {"INT64", Json::array()},
                       {"UINT32", Json::array()},
                       {"UINT64", Json::array()},
                       {"FLOAT64", Json::array()},
                       {"FLOAT64_ODD", {"the reference loses NaN and infinities"}},
                       {"DECIMAL", Json::array()},
                       {"TEXT", Json::array()},
                       {"JSON", {"the reference sends JSON as text"}},
                       {"BINARY", Json::array()},
                       {"DATE", Json::array()},
                       {"TIME", Json::array()},
                       {"TIMESTAMP", Json::array()},
                       {"TIMESTAMP_TZ", {"times are spelt differently"}},
                       {"LIST", Json::array()},
                       {"UUID", {"the reference sends a uuid as Base64"}}};
  EXPECT_EQ(Json::parse(file), wanted);
}

}  // namespace
}  // namespace luge
