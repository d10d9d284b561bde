#include "service/alert/webhook_body.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/utf8.h"

namespace luge {
namespace {

using nlohmann::json;
using Event = AlertMessage::Event;

AlertMessage message(Event event = Event::fired) {
  AlertMessage message;
  message.alert = {"wal/orders",
                   AlertKind::wal,
                   AlertSeverity::critical,
                   "slot luge_app is lost in 12 min",
                   "look at <its> reader & co",
                   {{"retained", "9 GiB"}, {"table", "<!channel> [click](http://evil.example)"}}};
  message.event = event;
  message.id = "wal/orders@7.0.fired.critical";
  message.since = {762'203'115'000'000};
  message.at = {762'203'175'000'000};
  return message;
}

TEST(WebhookBody, formats_have_names) {
  for (const auto format : {WebhookFormat::json, WebhookFormat::slack, WebhookFormat::pagerduty, WebhookFormat::teams})
    EXPECT_EQ(parse_webhook_format(to_string(format)), format);
  EXPECT_FALSE(parse_webhook_format("Slack"));
}

TEST(WebhookBody, headlines) {
  EXPECT_EQ(default_headline(message()), "slot luge_app is lost in 12 min");
  EXPECT_EQ(default_headline(message(Event::changed)), "slot luge_app is lost in 12 min");
  EXPECT_EQ(default_headline(message(Event::reminded)), "Still: slot luge_app is lost in 12 min");
  EXPECT_EQ(default_headline(message(Event::resolved)), "Resolved: slot luge_app is lost in 12 min");
}

TEST(WebhookBody, luges_own_document) {
  const json expected = {{"version", 1},
                         {"id", "wal/orders@7.0.fired.critical"},
                         {"event", "fired"},
                         {"key", "wal/orders"},
                         {"kind", "wal"},
                         {"severity", "critical"},
                         {"title", "headline"},
                         {"hint", "look at <its> reader & co"},
                         {"since", "2024-02-25T19:05:15Z"},
                         {"at", "2024-02-25T19:06:15Z"},
                         {"facts", {{"retained", "9 GiB"}, {"table", "<!channel> [click](http://evil.example)"}}}};
  EXPECT_EQ(json::parse(json_body(message(), "headline")), expected);
  AlertMessage many = message();
  many.waiting = 5;
  EXPECT_EQ(json::parse(json_body(many, "headline"))["waiting"], 5);
}

TEST(WebhookBody, slack_gets_text_and_blocks_without_markup_of_names) {
  const auto document = json::parse(slack_body(message(), "a <b> & c"));
  EXPECT_NE(document["text"].get<std::string>().find("a &lt;b&gt; &amp; c"), std::string::npos);
  const auto& blocks = document["blocks"];
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[0]["type"], "section");
  EXPECT_NE(blocks[0]["text"]["text"].get<std::string>().find("look at &lt;its&gt;"), std::string::npos);
  EXPECT_EQ(blocks[1]["fields"].size(), 2U);
  EXPECT_EQ(blocks[1]["fields"][1]["text"], "*table*\n&lt;!channel&gt; [click](http://evil.example)");
  EXPECT_EQ(blocks[2]["type"], "context");
  EXPECT_EQ(blocks[2]["elements"][0]["text"], "critical, since 2024-02-25T19:05:15Z");
  const auto resolved = json::parse(slack_body(message(Event::resolved), "Resolved: it"));
  EXPECT_EQ(resolved["blocks"].size(), 2U);
  EXPECT_NE(resolved["blocks"][1]["elements"][0]["text"].get<std::string>().find("over at 2024-02-25T19:06:15Z"), std::string::npos);
}

TEST(WebhookBody, pagerduty_gets_a_trigger_and_a_resolve_of_one_key) {
  const std::string key(32, 'k');
  const auto trigger = json::parse(pagerduty_body(message(), "headline", key));
  EXPECT_EQ(trigger["routing_key"], key);
  EXPECT_EQ(trigger["event_action"], "trigger");
  EXPECT_EQ(trigger["dedup_key"], "luge/wal/orders");
  EXPECT_EQ(trigger["payload"]["summary"], "headline");
  EXPECT_EQ(trigger["payload"]["severity"], "critical");
  EXPECT_EQ(trigger["payload"]["timestamp"], "2024-02-25T19:05:15Z");
  EXPECT_EQ(trigger["payload"]["class"], "wal");
  EXPECT_EQ(trigger["payload"]["custom_details"]["retained"], "9 GiB");
  EXPECT_FALSE(trigger["payload"]["source"].get<std::string>().empty());
  const auto resolve = json::parse(pagerduty_body(message(Event::resolved), "x", key));
  EXPECT_EQ(resolve, json({{"routing_key", key}, {"event_action", "resolve"}, {"dedup_key", "luge/wal/orders"}}));
}

TEST(WebhookBody, teams_gets_an_adaptive_card_without_links_of_names) {
  const auto document = json::parse(teams_body(message(), "headline"));
  EXPECT_EQ(document["type"], "message");
  ASSERT_EQ(document["attachments"].size(), 1U);
  const auto& attachment = document["attachments"][0];
  EXPECT_EQ(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
  EXPECT_TRUE(attachment["contentUrl"].is_null());
  const auto& body = attachment["content"]["body"];
  ASSERT_EQ(body.size(), 4U);
  EXPECT_EQ(body[0]["type"], "TextBlock");
  EXPECT_EQ(body[2]["type"], "FactSet");
  EXPECT_EQ(body[2]["facts"][1]["value"], "<!channel> \\[click\\](http://evil.example)");
}

TEST(WebhookBody, whatever_the_texts_are_the_bodies_are_small_and_well_formed) {
  AlertMessage huge = message();
  huge.alert.title = std::string(100'000, '<');
  huge.alert.hint = std::string(50'000, 'h');
  huge.alert.facts.clear();
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (int k = 0; k < 700; ++k) text += "\xC3\xBC";
    huge.alert.facts.emplace_back("fact" + std::to_string(i), text);
  }
  const std::string headline = default_headline(huge);
  for (const std::string& body :
       {json_body(huge, headline), slack_body(huge, headline), pagerduty_body(huge, headline, "k"), teams_body(huge, headline)}) {
    EXPECT_LT(body.size(), 28'000U);  // the least of their limits: Teams'
    EXPECT_TRUE(json::accept(body));
    EXPECT_TRUE(is_utf8(body));
  }
  const json slack = json::parse(slack_body(huge, headline));
  for (const auto& block : slack["blocks"]) {
    EXPECT_LE(block.value("fields", json::array()).size(), 10U);
    if (block.contains("text")) {
      EXPECT_LE(block["text"]["text"].get<std::string>().size(), 3000U);
    }
  }
}

TEST(WebhookBody, bytes_of_a_database_without_encoding_do_no_harm) {
  AlertMessage odd = message();
  odd.alert.title = "table \xff\xfe";
  odd.alert.key = "quarantine/\xe4";
  for (const std::string& body : {json_body(odd, odd.alert.title), slack_body(odd, odd.alert.title), pagerduty_body(odd, odd.alert.title, "k"),
                                  teams_body(odd, odd.alert.title)}) {
    EXPECT_TRUE(json::accept(body));
    EXPECT_TRUE(is_utf8(body));
  }
}

}  // namespace
}  // namespace luge
