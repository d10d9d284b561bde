#include "decode/copy_reader.h"

#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "support/wire_writer.h"

namespace luge {
namespace {

constexpr std::string_view kSignature{"PGCOPY\n\377\r\n\0", 11};

WireWriter header() { return WireWriter().bytes(kSignature).u32(0).i32(0); }

// What was read, with owned values, and how it ended.
struct Copied {
  std::vector<std::vector<std::optional<std::string>>> rows;
  Status status;
};

Copied read_pieces(const std::vector<std::string>& pieces, std::vector<bool> text_columns) {
  CopyReader reader(text_columns);
  Copied copied;
  for (const std::string& piece : pieces) {
    const std::vector<char> exact(piece.begin(), piece.end());  // freed before the next piece: a view kept too long is seen
    reader.feed({exact.data(), exact.size()});
    while (true) {
      auto row = reader.next();
      if (!row) {
        copied.status = std::move(row).error();
        return copied;
      }
      if (!*row) break;
      auto& values = copied.rows.emplace_back();
      for (std::size_t i = 0; i < (*row)->size(); ++i) {
        const ValueView& value = (**row)[i];
        if (value.state == ValueState::null) {
          values.emplace_back();
        } else {
          EXPECT_EQ(value.state, text_columns[i] ? ValueState::text : ValueState::binary);
          values.emplace_back(value.bytes);
        }
      }
    }
  }
  EXPECT_EQ(reader.rows(), copied.rows.size());
  copied.status = reader.finish();
  return copied;
}

const WireWriter kTwoRows = header().i16(2).field("one").i32(-1).i16(2).field("").field(std::string_view("\0\xFF", 2)).i16(-1);
const std::vector<std::vector<std::optional<std::string>>> kTwoRowsRead{{"one", std::nullopt}, {"", std::string("\0\xFF", 2)}};

TEST(CopyReader, ReadsRowsAsTextOrBinaryByColumn) {
  const Copied copied = read_pieces({kTwoRows.str()}, {true, false});
  ASSERT_TRUE(copied.status) << copied.status.error().message();
  EXPECT_EQ(copied.rows, kTwoRowsRead);
}

TEST(CopyReader, HandsOutWholeRowsWithoutCopying) {
  CopyReader reader({true});
  const std::string data = header().i16(1).field("borrowed").str();
  reader.feed(data);
  const auto row = reader.next();
  ASSERT_TRUE(row);
  ASSERT_TRUE(*row);
  EXPECT_GE((**row)[0].bytes.data(), data.data());
  EXPECT_LT((**row)[0].bytes.data(), data.data() + data.size());
}

TEST(CopyReader, IsIndifferentToTheCuts) {
  const std::string& data = kTwoRows.str();
  for (std::size_t first = 0; first <= data.size(); ++first) {
    for (std::size_t second = first; second <= data.size(); ++second) {
      const Copied copied = read_pieces({data.substr(0, first), data.substr(first, second - first), data.substr(second)}, {true, false});
      ASSERT_TRUE(copied.status) << first << " " << second << ": " << copied.status.error().message();
      ASSERT_EQ(copied.rows, kTwoRowsRead) << first << " " << second;
    }
  }
  std::vector<std::string> bytes;
  for (const char byte : data) bytes.emplace_back(1, byte);
  const Copied copied = read_pieces(bytes, {true, false});
  ASSERT_TRUE(copied.status);
  EXPECT_EQ(copied.rows, kTwoRowsRead);
}

TEST(CopyReader, EveryPrefixIsUnfinished) {
  const std::string& data = kTwoRows.str();
  for (std::size_t length = 0; length < data.size(); ++length) {
    const Copied copied = read_pieces({data.substr(0, length)}, {true, false});
    ASSERT_FALSE(copied.status) << length;
    EXPECT_EQ(copied.status.error().code, "malformed");
    EXPECT_LE(copied.rows.size(), 2U);
  }
}

TEST(CopyReader, EmptyTableAndTableWithoutColumns) {
  EXPECT_TRUE(read_pieces({header().i16(-1).str()}, {true, false}).status);
  const Copied copied = read_pieces({header().i16(0).i16(0).i16(-1).str()}, {});
  EXPECT_TRUE(copied.status);
  EXPECT_EQ(copied.rows.size(), 2U);
}

TEST(CopyReader, SkipsAHeaderExtensionAndHarmlessFlags) {
  const WireWriter data = WireWriter().bytes(kSignature).u32(0x0000FFFF).i32(3).bytes("ext").i16(1).field("x").i16(-1);
  for (std::size_t cut = 0; cut < data.str().size(); ++cut) {
    const Copied copied = read_pieces({data.str().substr(0, cut), data.str().substr(cut)}, {false});
    ASSERT_TRUE(copied.status);
    EXPECT_EQ(copied.rows.size(), 1U);
  }
}

TEST(CopyReader, RefusesWhatIsMalformed) {
  const auto expect_malformed = [](const WireWriter& data, std::string_view why) {
    for (const std::size_t piece : {data.str().size(), std::size_t{1}}) {
      std::vector<std::string> pieces;
      for (std::size_t at = 0; at < data.str().size(); at += piece) pieces.push_back(data.str().substr(at, piece));
      const Copied copied = read_pieces(pieces, {false, false});
      ASSERT_FALSE(copied.status) << why;
      EXPECT_EQ(copied.status.error().code, "malformed");
      EXPECT_EQ(copied.status.error().recovery, Recovery::stop_pipeline);
      EXPECT_NE(copied.status.error().what.find(why), std::string::npos) << copied.status.error().what;
    }
  };
  expect_malformed(WireWriter().bytes("1\tfrom COPY text\n"), "not COPY BINARY");
  expect_malformed(WireWriter().bytes(kSignature).u32(0x10000).i32(0), "critical flags");
  expect_malformed(WireWriter().bytes(kSignature).u32(0x80000000).i32(0), "critical flags");
  expect_malformed(WireWriter().bytes(kSignature).u32(0).i32(-1), "negative length");
  expect_malformed(header().i16(1).field("x"), "number of fields");
  expect_malformed(header().i16(3).field("x"), "number of fields");
  expect_malformed(header().i16(-2), "number of fields");
  expect_malformed(header().i16(2).i32(-2), "negative length");
  expect_malformed(header().i16(2).field("x").i32(INT32_MIN), "negative length");
  expect_malformed(header().i16(-1).i16(-1), "after the trailer");
  expect_malformed(header().i16(-1).u8(0), "after the trailer");
}

TEST(CopyReader, AWrongSignatureIsRefusedAtItsFirstWrongByte) {
  CopyReader reader({false});
  reader.feed("PGCO");
  ASSERT_TRUE(reader.next());
  reader.feed("!");
  EXPECT_FALSE(reader.next());
}

TEST(CopyReader, ErrorsNameRowAndByteButNoValue) {
  const Copied copied = read_pieces({header().i16(1).field("secret").i16(1).i32(-7).str()}, {true});
  ASSERT_FALSE(copied.status);
  EXPECT_NE(copied.status.error().what.find("at byte 33, in row 2"), std::string::npos) << copied.status.error().what;
  EXPECT_EQ(copied.status.error().message().find("secret"), std::string::npos);
}

TEST(CopyReader, StaysFailed) {
  CopyReader reader({false});
  reader.feed("nonsense");
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.finish());
  reader.feed(header().str());
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace luge
