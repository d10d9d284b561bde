#include "service/alert/message_template.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace luge {
namespace {

AlertMessage message() {
  AlertMessage message;
  message.alert = {
      "wal/orders", AlertKind::wal, AlertSeverity::critical, "slot \"a\" is lost\nsoon", "drop it", {{"retained", "9 GiB"}, {"slot", "a{{title}}"}}};
  message.event = AlertMessage::Event::fired;
  message.id = "7";
  return message;
}

std::string render(std::string_view text, MessageTemplate::Escape escape = MessageTemplate::Escape::none) {
  const auto parsed = MessageTemplate::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? parsed->render(message(), escape) : "";
}

TEST(MessageTemplate, fills_its_places) {
  EXPECT_EQ(render(""), "");
  EXPECT_EQ(render("no place"), "no place");
  EXPECT_EQ(render("[{{severity}}] {{ kind }} {{key}}: {{event}}{{id}}"), "[critical] wal wal/orders: fired7");
  EXPECT_EQ(render("{{since}} {{at}} {{hint}}"), "2000-01-01T00:00:00Z 2000-01-01T00:00:00Z drop it");
  EXPECT_EQ(render("{{facts}}"), "retained: 9 GiB\nslot: a{{title}}") << "what is filled in is not looked at again";
  EXPECT_EQ(render("{{fact:retained}}|{{fact:absent}}|"), "9 GiB||");
  EXPECT_EQ(render("{ {title} }} }"), "{ {title} }} }");
}

TEST(MessageTemplate, escapes_for_json) {
  const std::string body = render(R"({"text": "{{title}} {{facts}}"})", MessageTemplate::Escape::json);
  const auto document = nlohmann::json::parse(body);
  EXPECT_EQ(document["text"], "slot \"a\" is lost\nsoon retained: 9 GiB\nslot: a{{title}}");
}

TEST(MessageTemplate, refuses_what_it_does_not_know) {
  for (const char* wrong : {"{{", "{{title", "{{title}", "{{}}", "{{Title}}", "{{fact:}}", "{{password}}"}) {
    const auto parsed = MessageTemplate::parse(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, "bad_template");
    EXPECT_EQ(parsed.error().exit_code, ExitCode::usage);
  }
}

}  // namespace
}  // namespace luge
