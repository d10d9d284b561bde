#include "conformance/destination_conformance.h"
#include "destination/snowflake/snowflake_destination_test_support.h"

namespace luge::conformance {
namespace {

INSTANTIATE_TEST_SUITE_P(Rest, DestinationConformance,
                         testing::Values(snowflake("rest", SnowflakeOptions::Transport::rest, SnowflakeOptions::CurrentState::merge)));
INSTANTIATE_TEST_SUITE_P(RestView, DestinationConformance,
                         testing::Values(snowflake("rest_view", SnowflakeOptions::Transport::rest, SnowflakeOptions::CurrentState::view)));
INSTANTIATE_TEST_SUITE_P(Sdk, DestinationConformance,
                         testing::Values(snowflake("sdk", SnowflakeOptions::Transport::sdk, SnowflakeOptions::CurrentState::merge)));

}  // namespace
}  // namespace luge::conformance
