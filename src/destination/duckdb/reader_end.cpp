#include "destination/duckdb/reader_end.h"

namespace luge {

Error reader_ended(ReaderEnd why) {
  switch (why) {
    case ReaderEnd::cancelled: return make_error(Recovery::retry, "cancelled", "the query was cancelled");
    case ReaderEnd::reopening:
      return make_error(Recovery::retry, "closed", "luge is reopening the mirror after a failure, which ends every query on it",
                        "ask again in a moment");
    case ReaderEnd::none:
    case ReaderEnd::stopping: break;
  }
  return make_error(Recovery::retry, "closed", "luge is stopping, which ends every query on the mirror", "ask again: nothing was changed");
}

}  // namespace luge
