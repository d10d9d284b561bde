// Any bytes as one CopyData of the walsender.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ensure.h"
#include "source/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view copy_data(reinterpret_cast<const char*>(data), size);
  const auto frame = luge::parse_frame(copy_data);
  if (!frame) {
    ENSURE(frame.error().code == "malformed", "a frame's error has one code");
    return 0;
  }
  if (!*frame) {
    ENSURE(size == 0 || (data[0] != 'w' && data[0] != 'k'), "a known frame was ignored");
    return 0;
  }
  const std::string_view payload = (*frame)->payload;
  if ((*frame)->kind == luge::WalFrame::Kind::data) {
    ENSURE(payload.data() + payload.size() == copy_data.data() + copy_data.size(), "a payload reaches to the end of its frame");
    ENSURE(payload.size() + 25 == size, "a data frame's head has 25 bytes");
  } else {
    ENSURE(size == 18, "a keepalive has 18 bytes");
  }
  return 0;
}
