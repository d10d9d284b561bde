// Real servers' values (*.golden, made by capture.py): the reader of the text and the reader of the bytes must agree.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "batch/column_builder.h"
#include "model/arrow_layout.h"
#include "model/chunk_codec.h"
#include "model/type_mapping.h"

namespace luge {
namespace {

struct GoldenValue {
  std::string text;
  std::string bytes;
};
struct GoldenType {
  std::string name;
  ColumnSchema column;
  std::vector<GoldenValue> values;
  bool has_bytes = true;
};

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c == 'f' ? '\f' : c == 'v' ? '\v' : c;
  }
  return out;
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

std::vector<GoldenType> read_golden(const std::filesystem::path& path) {
  std::vector<GoldenType> types;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("type\t")) {
      const auto schema = decode_schema(std::string_view(line).substr(5));
      EXPECT_TRUE(schema) << line;
      GoldenType& type = types.emplace_back();
      type.name = (*schema)->name.table;
      type.column = (*schema)->columns.front();
      type.column.value = map_type(*type.column.type, type.column.typmod, {});
    } else if (line.starts_with("value\t")) {
      const auto tab = line.rfind('\t');
      const std::string_view hex = std::string_view(line).substr(tab + 1);
      if (hex == "-") types.back().has_bytes = false;
      types.back().values.push_back({unescape(std::string_view(line).substr(6, tab - 6)), hex == "-" ? "" : from_hex(hex)});
    }
  }
  return types;
}

std::unique_ptr<ColumnBuilder> builder_of(const ColumnSchema& column) { return make_column_builder(*column.type, column.typmod, column.value); }

ArrowColumn column_of(const ColumnSchema& column, const ValueView& value) {
  const auto builder = builder_of(column);
  EXPECT_TRUE(builder->append(value));
  return builder->finish();
}

bool same_bytes(const Buffer& a, const Buffer& b) { return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0); }

bool same_column(const ArrowColumn& a, const ArrowColumn& b) {
  return a.type == b.type && a.length == b.length && a.null_count == b.null_count && same_bytes(a.validity, b.validity) &&
         same_bytes(a.offsets, b.offsets) && same_bytes(a.values, b.values) &&
         std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(), same_column);
}

class Values : public testing::TestWithParam<int> {
 protected:
  std::vector<GoldenType> types_ = read_golden(std::filesystem::path(LUGE_VALUES_DIRECTORY) / (std::to_string(GetParam()) + ".golden"));
};

TEST_P(Values, TextAndBytesBuildTheSameColumn) {
  ASSERT_GT(types_.size(), 80U);
  std::size_t compared = 0;
  for (const GoldenType& type : types_) {
    const ColumnSchema& column = type.column;
    if (!type.has_bytes || !has_binary_reader(*column.type, column.typmod, column.value)) continue;
    const auto from_text = builder_of(column);
    const auto from_bytes = builder_of(column);
    for (const GoldenValue& value : type.values) {
      SCOPED_TRACE(type.name + ": " + value.text.substr(0, 80));
      const bool text_fits = from_text->append({ValueState::text, value.text});
      const bool bytes_fit = from_bytes->append({ValueState::binary, value.bytes});
      ASSERT_EQ(text_fits, bytes_fit) << (text_fits ? from_bytes->misfit() : from_text->misfit());
      if (!text_fits) {
        EXPECT_EQ(from_text->misfit(), from_bytes->misfit());
        continue;
      }
      ++compared;
      EXPECT_TRUE(same_column(column_of(column, {ValueState::text, value.text}), column_of(column, {ValueState::binary, value.bytes})));
    }
    const ArrowColumn text_column = from_text->finish();
    const ArrowColumn bytes_column = from_bytes->finish();
    EXPECT_TRUE(same_column(text_column, bytes_column)) << type.name;
    EXPECT_EQ(layout_fault(text_column), nullptr) << type.name;
    EXPECT_TRUE(has_valid_text(text_column)) << type.name;
  }
  EXPECT_GT(compared, 1000U);
}

TEST_P(Values, WhatBecomesTextIsPostgresqlsOwnText) {
  std::size_t compared = 0;
  for (const GoldenType& type : types_) {
    ColumnSchema column = type.column;
    if (column.value.kind != ValueKind::json) column.value = {ValueKind::text, 0, 0, nullptr};
    for (const GoldenValue& value : type.values) {
      SCOPED_TRACE(type.name + ": " + value.text.substr(0, 80));
      const auto matches = [&](const ArrowColumn& built) {
        return std::string_view(reinterpret_cast<const char*>(built.values.data()), built.values.size()) == value.text;
      };
      EXPECT_TRUE(matches(column_of(column, {ValueState::text, value.text})));
      if (!type.has_bytes || !has_binary_reader(*column.type, column.typmod, column.value)) continue;
      EXPECT_TRUE(matches(column_of(column, {ValueState::binary, value.bytes})));
      ++compared;
    }
  }
  EXPECT_GT(compared, 100U);
}

TEST_P(Values, TypesWithoutAnExactBinaryReaderRefuseBytes) {
  std::set<std::string> without;
  for (const GoldenType& type : types_) {
    const ColumnSchema& column = type.column;
    if (has_binary_reader(*column.type, column.typmod, column.value)) continue;
    without.insert(type.name);
    const auto builder = builder_of(column);
    for (const GoldenValue& value : type.values) {
      // An empty array carries nothing that would have to be read.
      if (!type.has_bytes || value.text == "{}") continue;
      EXPECT_FALSE(builder->append({ValueState::binary, value.bytes})) << type.name;
      EXPECT_EQ(builder->length(), 0U);
    }
  }
  for (const char* name : {"money", "inet", "hstore", "pair", "int4range", "bit(5)", "regclass", "int2vector", "box[]", "money[]"})
    EXPECT_TRUE(without.contains(name)) << name;
  for (const char* name : {"int4", "numeric", "numeric(18,2)", "text", "jsonb", "mood", "price", "timestamptz[]"})
    EXPECT_FALSE(without.contains(name)) << name;
}

INSTANTIATE_TEST_SUITE_P(Servers, Values, testing::Values(13, 15, 18));

}  // namespace
}  // namespace luge
