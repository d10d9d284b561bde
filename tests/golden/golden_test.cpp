// luge's readers against what real servers sent, and against an independent reader of the same bytes (capture.py).
#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

#include "decode/copy_reader.h"
#include "decode/pgoutput_decoder.h"
#include "decode/relation_cache.h"
#include "golden/golden_file.h"
#include "golden/message_text.h"

namespace luge {
namespace {

std::vector<GoldenFile> files_of(bool copies) {
  std::vector<GoldenFile> files = read_golden_files();
  std::erase_if(files, [&](const GoldenFile& file) { return file.options.contains("text_columns") != copies; });
  return files;
}

std::string name_of(const testing::TestParamInfo<GoldenFile>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class GoldenStream : public testing::TestWithParam<GoldenFile> {};

TEST_P(GoldenStream, ReadsAsTheServerMeantIt) {
  const GoldenFile& golden = GetParam();
  ASSERT_EQ(golden.payloads.size(), golden.lines.size());
  PgOutputDecoder decoder;
  for (std::size_t i = 0; i < golden.payloads.size(); ++i) {
    const auto message = decoder.decode(golden.payloads[i]);
    ASSERT_TRUE(message) << "payload " << i << ": " << message.error().message();
    EXPECT_EQ(to_text(*message), golden.lines[i]) << "payload " << i;
  }
}

TEST_P(GoldenStream, EveryPrefixIsRefused) {
  const GoldenFile& golden = GetParam();
  PgOutputDecoder decoder;
  for (const std::string& payload : golden.payloads) {
    for (std::size_t length = 0; length < payload.size(); length += 1 + length / 64) {
      const std::vector<char> cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_FALSE(decoder.decode({cut.data(), cut.size()}));
    }
    ASSERT_TRUE(decoder.decode(payload));  // moves the decoder into and out of streamed blocks
  }
}

// Every row finds the relation that the server described for it: as many columns as it has values.
TEST_P(GoldenStream, EveryRowFindsItsRelation) {
  PgOutputDecoder decoder;
  RelationCache relations;
  Xid32 stream = 0;
  int rows = 0;
  const auto check = [&](RelationOid oid, std::size_t values) {
    const RelationCache::Entry* entry = relations.find(stream, oid);
    ASSERT_NE(entry, nullptr) << "relation " << oid << " in stream " << stream;
    if (values > 0) {
      EXPECT_EQ(entry->message.columns.size(), values) << entry->message.name.table;
    }
    ++rows;
  };
  for (const std::string& payload : GetParam().payloads) {
    auto message = decoder.decode(payload);
    ASSERT_TRUE(message);
    if (auto* relation = std::get_if<RelationMessage>(&message->body)) {
      relations.put(stream, message->stream_xid, std::move(*relation));
    } else if (const auto* row = std::get_if<RowMessage>(&message->body)) {
      for (const auto& tuple : {row->row.before, row->row.after}) {
        if (!tuple.empty()) check(row->row.relation, tuple.size());
      }
    } else if (const auto* truncate = std::get_if<TruncateMessage>(&message->body)) {
      for (const RelationOid oid : truncate->relations) check(oid, 0);
    } else if (const auto* start = std::get_if<StreamStartMessage>(&message->body)) {
      stream = start->xid;
    } else if (std::holds_alternative<StreamStopMessage>(message->body)) {
      stream = 0;
    } else if (const auto* commit = std::get_if<StreamCommitMessage>(&message->body)) {
      relations.stream_committed(commit->xid);
    } else if (const auto* abort = std::get_if<StreamAbortMessage>(&message->body)) {
      relations.stream_aborted(abort->xid, abort->subxid);
    }
  }
  EXPECT_GT(rows, 0);
}

INSTANTIATE_TEST_SUITE_P(Servers, GoldenStream, testing::ValuesIn(files_of(false)), name_of);

class GoldenCopy : public testing::TestWithParam<GoldenFile> {};

TEST_P(GoldenCopy, ReadsAsTheServerMeantIt) {
  const GoldenFile& golden = GetParam();
  std::vector<bool> text_columns(5);
  std::istringstream columns(golden.options.at("text_columns"));
  for (std::string column; std::getline(columns, column, ',');) text_columns.at(std::stoul(column)) = true;

  CopyReader reader(text_columns);
  std::vector<std::string> lines;
  for (const std::string& payload : golden.payloads) {
    reader.feed(payload);
    while (true) {
      const auto row = reader.next();
      ASSERT_TRUE(row) << row.error().message();
      if (!*row) break;
      lines.push_back("Row " + to_text(**row));
    }
  }
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(lines, golden.lines);
  EXPECT_EQ(golden.payloads.size(), golden.lines.size() + 1);  // one row per CopyData, the header with the first, the trailer alone
}

INSTANTIATE_TEST_SUITE_P(Servers, GoldenCopy, testing::ValuesIn(files_of(true)), name_of);

}  // namespace
}  // namespace luge
