#include <libpq-fe.h>

#include "postgres/connection.h"

namespace luge {

Result<bool> Connection::take_notifications() {
  if (PQconsumeInput(connection_.get()) == 0) return lost();
  bool any = false;
  while (PGnotify* arrived = PQnotifies(connection_.get())) {
    PQfreemem(arrived);
    any = true;
  }
  return any;
}

}  // namespace luge
