#include "app/state_registry.h"

#include <filesystem>
#include <utility>

#include "state/redis/redis_state_store.h"
#include "state/sqlite/sqlite_state_store.h"

namespace luge {

namespace {

template <class Store>
Result<OpenedState> shared(Result<std::unique_ptr<Store>> opened) {
  if (!opened) return std::move(opened).error();
  const std::shared_ptr<Store> store(std::move(*opened));
  return OpenedState{store, store};
}

}  // namespace

Result<OpenedState> open_state(const PipelinePlaces& places) {
  if (places.redis) return shared(RedisStateStore::open(*places.redis));
  return shared(SqliteStateStore::open(places.state_path));
}

Result<OpenedState> open_existing_state(const PipelinePlaces& places) {
  if (places.redis) return shared(RedisStateStore::open(*places.redis));
  return shared(SqliteStateStore::open_existing(places.state_path));
}

bool may_have_state(const PipelinePlaces& places) {
  std::error_code ignored;
  return places.redis || std::filesystem::exists(places.state_path, ignored);
}

}  // namespace luge
