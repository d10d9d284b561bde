#include "model/position.h"

namespace luge {

Xid widen_xid(Xid32 xid, Xid reference) {
  const auto distance = static_cast<std::int32_t>(xid - static_cast<Xid32>(reference));
  return reference + static_cast<Xid>(static_cast<std::int64_t>(distance));
}

}  // namespace luge
