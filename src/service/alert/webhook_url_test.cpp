#include "service/alert/webhook_url.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(WebhookUrl, takes_https_to_a_plain_host) {
  for (const char* url : {"https://hooks.slack.com/services/T0/B0/x", "https://example.com", "https://EXAMPLE.com:8443/a?b=c", "https://8.8.8.8/x",
                          "https://[2606:4700::1111]:443/"})
    EXPECT_TRUE(check_webhook_url(url, {}, {})) << url;
}

TEST(WebhookUrl, refuses_what_could_lead_elsewhere) {
  for (const char* url :
       {"", "example.com", "ftp://example.com", "http://example.com/", "HTTPS://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "https://", "https:///path", "https://user:password@example.com/", "https://example.com@evil.example/", "https://example.com\\@evil.example/",
        "https://exa mple.com/", "https://example.com/\r\nX: 1", "https://ex\xc3\xa4mple.com/", "https://example.com:0/",
        "https://example.com:65536/", "https://example.com:/", "https://example.com:80:80/", "https://[::1/", "https://[::1]x/",
        "https://example.com/#fragment", "https://a_b.com/",
        // addresses, also in their odd forms
        "https://127.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[fd00:ec2::254]/",
        "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://127.1/", "https://0177.0.0.1/", "https://0/"}) {
    const Status status = check_webhook_url(url, {}, {});
    ASSERT_FALSE(status) << url;
    EXPECT_EQ(status.error().code, "bad_webhook");
    EXPECT_EQ(status.error().exit_code, ExitCode::usage);
    EXPECT_EQ(status.error().message().find("password@"), std::string::npos);
  }
  EXPECT_FALSE(check_webhook_url("https://example.com/" + std::string(3000, 'x'), {}, {}));
}

TEST(WebhookUrl, errors_do_not_tell_the_path) {
  const Status status = check_webhook_url("https://hooks.example.com/services/T0/B0/hushhush", {"hooks.slack.com"}, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message().find("hushhush"), std::string::npos);
  EXPECT_NE(status.error().message().find("hooks.example.com"), std::string::npos);
}

TEST(WebhookUrl, only_listed_hosts) {
  const std::vector<std::string> allowed = {"hooks.slack.com", "*.Example.com"};
  EXPECT_TRUE(check_webhook_url("https://hooks.slack.com/x", allowed, {}));
  EXPECT_TRUE(check_webhook_url("https://a.b.example.com/x", allowed, {}));
  for (const char* url : {"https://example.com/", "https://evilexample.com/", "https://hooks.slack.com.evil.example/", "https://slack.com/"})
    EXPECT_FALSE(check_webhook_url(url, allowed, {})) << url;
}

TEST(WebhookUrl, the_operator_may_permit_networks_and_plain_http_to_himself) {
  const NetworkRule networks = *NetworkRule::parse({"10.0.0.0/8", "127.0.0.1", "::1"});
  EXPECT_TRUE(check_webhook_url("https://10.2.3.4/x", {}, networks));
  EXPECT_TRUE(check_webhook_url("http://127.0.0.1:8080/x", {}, networks));
  EXPECT_TRUE(check_webhook_url("http://[::1]:8080/x", {}, networks));
  EXPECT_FALSE(check_webhook_url("http://10.2.3.4/x", {}, networks)) << "in the clear over a wire";
  EXPECT_FALSE(check_webhook_url("http://127.0.0.2/x", {}, networks));
  EXPECT_FALSE(check_webhook_url("http://127.evil.example/x", {}, networks));
  EXPECT_FALSE(check_webhook_url("http://localhost:8080/x", {}, networks)) << "a name may lead anywhere";
}

}  // namespace
}  // namespace luge
