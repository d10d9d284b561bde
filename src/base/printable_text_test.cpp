#include "base/printable_text.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace luge {
namespace {

TEST(PrintableText, IsOneLineAndLeavesTheCursorAlone) {
  EXPECT_EQ(printable_text("a\nb\x1b[31m\r\tc\x7f"), "a⏎b [31m  c ");
  EXPECT_EQ(printable_text("a\xC2\x9B"
                           "31mé"),
            "a 31mé");
  EXPECT_EQ(printable_text("äöü", 3), "äöü");
  EXPECT_EQ(printable_text("äöüß", 3), "äöü…");
  EXPECT_EQ(first_line("one\ntwo"), "one");
  EXPECT_EQ(first_line("one"), "one");
}

// Whatever an event's text repeats of somebody else's words, it is one line of the log.
TEST(PrintableText, ALogLineCannotBeForged) {
  testing::internal::CaptureStderr();
  log_event(LogLevel::warn, "tested", "no table 'x\n2026-01-01T00:00:00Z error fake\x1b[2J'", {{"field", "a\nb"}});
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_NE(line.find("field=a⏎b"), std::string::npos) << line;
}

}  // namespace
}  // namespace luge
