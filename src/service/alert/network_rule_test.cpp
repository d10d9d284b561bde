#include "service/alert/network_rule.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(NetworkRule, only_public_addresses_without_the_operators_word) {
  const NetworkRule rule;
  for (const char* address : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "11.0.0.1", "223.255.255.255",
                              "2606:4700::1111", "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"})
    EXPECT_TRUE(rule.permits(address)) << address;
  for (const char* address :
       {"0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8",
        "192.0.2.1", "192.168.1.1", "198.19.0.1", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"}) {
    EXPECT_FALSE(rule.permits(address)) << address;
    EXPECT_FALSE(rule.permits(std::string("::ffff:") + address)) << address;
    EXPECT_FALSE(rule.permits(std::string("64:ff9b::") + address)) << address;
  }
  for (const char* address : {"::", "::1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001::1", "2001:db8::1",
                              "2002:7f00:1::", "3fff::1", "4000::1", "64:ff9b:1::1", "100::1", "5f00::1"})
    EXPECT_FALSE(rule.permits(address)) << address;
}

TEST(NetworkRule, what_is_no_address_is_not_permitted) {
  const NetworkRule rule = *NetworkRule::parse({"0.0.0.0/0", "::/0"});
  EXPECT_TRUE(rule.permits("127.0.0.1"));
  EXPECT_TRUE(rule.permits("::1"));
  for (const char* text : {"", "localhost", "127.1", "0x7f000001", "2130706433", "127.0.0.1 ", "[::1]", "1.2.3.4/32"})
    EXPECT_FALSE(rule.permits(text)) << text;
}

TEST(NetworkRule, the_operator_names_networks) {
  const auto rule = NetworkRule::parse({"10.1.0.0/16", "127.0.0.1", "fd00:1::/33", "192.168.0.128/25"});
  ASSERT_TRUE(rule);
  for (const char* address : {"10.1.255.255", "::ffff:10.1.0.1", "127.0.0.1", "fd00:1::5", "192.168.0.200", "8.8.8.8"})
    EXPECT_TRUE(rule->permits(address)) << address;
  for (const char* address : {"10.2.0.0", "127.0.0.2", "fd00:1:8000::5", "192.168.0.127", "169.254.169.254", "::1"})
    EXPECT_FALSE(rule->permits(address)) << address;
}

TEST(NetworkRule, refuses_what_is_no_network) {
  for (const char* wrong : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "10.0.0/8", "::/129", "intranet", "10.0.0.0/8/8"}) {
    const auto rule = NetworkRule::parse({wrong});
    ASSERT_FALSE(rule) << wrong;
    EXPECT_EQ(rule.error().code, "bad_network");
    EXPECT_EQ(rule.error().exit_code, ExitCode::usage);
  }
}

}  // namespace
}  // namespace luge
