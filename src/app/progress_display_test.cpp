#include "app/progress_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/status_text.h"

namespace luge {
namespace {

using testing::HasSubstr;
using testing::Not;

StatusDocument::Table copying(std::string name, std::uint64_t rows, double estimated_rows, double seconds) {
  StatusDocument::Table table;
  table.schema = "public";
  table.name = std::move(name);
  table.state = "copying";
  table.position = "0/0";
  table.copy = StatusDocument::Copy{"copying", rows, rows * 100, estimated_rows, seconds};
  return table;
}

TEST(CopyProgress, knows_its_rate_and_what_is_left) {
  const StatusDocument::Copy quarter{"copying", 250'000, 0, 1'000'000, 50};
  EXPECT_DOUBLE_EQ(quarter.rows_per_second(), 5000);
  EXPECT_DOUBLE_EQ(*quarter.share(), 0.25);
  EXPECT_DOUBLE_EQ(*quarter.seconds_left(), 150);
  const StatusDocument::Copy begun{"copying", 0, 0, 1000, 0};
  EXPECT_EQ(begun.rows_per_second(), 0);
  EXPECT_FALSE(begun.seconds_left());
  const StatusDocument::Copy more{"copying", 2000, 0, 1000, 10};
  EXPECT_DOUBLE_EQ(*more.share(), 0.99) << "it is not done";
  EXPECT_FALSE(more.seconds_left());
  const StatusDocument::Copy unknown{"copying", 2000, 0, -1, 10};
  EXPECT_FALSE(unknown.share());
  EXPECT_FALSE(unknown.seconds_left());
}

TEST(CopyProgress, is_on_the_terminal) {
  StatusDocument document;
  document.state = "copying";
  document.tables = {copying("orders", 250'000, 1'000'000, 50), copying("odd", 2000, -1, 10), copying("waits", 0, -1, 0)};
  document.tables[2].copy->phase = "waiting for transaction of pid 123";
  const auto lines = progress_lines(document, 0);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_THAT(lines[0], HasSubstr("public.orders"));
  EXPECT_THAT(lines[0], HasSubstr(" 25 %  250,000 rows, 5,000 rows/s, 2 min 30 s left"));
  EXPECT_THAT(lines[1], HasSubstr("? %  2,000 rows, 200 rows/s"));
  EXPECT_THAT(lines[1], Not(HasSubstr("left")));
  EXPECT_THAT(lines[2], HasSubstr("pid 123"));
}

TEST(CopyProgress, is_in_status_for_people_and_for_programs) {
  StatusDocument document;
  document.state = "copying";
  document.tables = {copying("odd", 2000, -1, 10), copying("orders", 250'000, 1'000'000, 50)};
  EXPECT_THAT(to_text(document), HasSubstr("copying: 25 %, 250,000 rows, 5,000 rows/s, 2 min 30 s left"));
  EXPECT_THAT(to_text(document), HasSubstr("copying: 2,000 rows, 200 rows/s"));
  const std::string json = to_json(document);
  EXPECT_THAT(json, HasSubstr("\"rows_per_second\":5000.0"));
  EXPECT_THAT(json, HasSubstr("\"seconds_left\":150.0"));
  EXPECT_THAT(json, HasSubstr("\"seconds_left\":null"));
  const auto back = parse_status(json);
  ASSERT_TRUE(back);
  EXPECT_EQ(to_text(*back), to_text(document));
}

}  // namespace
}  // namespace luge
