#include "source/schema_cache.h"

#include <algorithm>
#include <utility>

#include "source/catalog_reader.h"
#include "source/catalog_sql.h"

namespace luge {

namespace {
constexpr int kVersionStatements = 4;
constexpr int kReadShare = 20;  // reading versions takes at most a twentieth of the time
constexpr Duration kKeepTables = std::chrono::seconds(60);
constexpr Duration kTellAgain = std::chrono::seconds(2);
constexpr auto kNoticeStop = std::chrono::milliseconds(100);

CatalogTable without_publication(CatalogTable table) {
  table.published = false;
  table.published_columns.clear();
  table.row_filter.reset();
  return table;
}
}  // namespace

Result<std::shared_ptr<const CatalogVersion>> SchemaCache::version(Connection& sql, Duration max_age, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (auto recent = recent_version_locked(max_age)) return recent;
    if (!reading_) break;
    read_.wait_for(lock, stop, kNoticeStop, [this] { return !reading_; });
    if (stop.stop_requested()) return make_error(Recovery::retry, "stopped", "the pipeline stops");
  }
  ++counters_.misses;
  reading_ = true;
  lock.unlock();
  const Instant asked = clock_.now();
  auto fresh = read_version(sql);
  const Duration took = clock_.now() - asked;
  lock.lock();
  reading_ = false;
  read_.notify_all();
  if (!fresh) return std::move(fresh).error();
  const bool another = version_ != nullptr && version_->digest != fresh->digest;
  auto version = version_ = std::make_shared<const CatalogVersion>(*std::move(fresh));
  expired_ = false;
  asked_at_ = asked;
  took_ = took;
  lock.unlock();
  if (another) tell_members();
  return version;
}

void SchemaCache::expire_version() {
  const std::lock_guard lock(mutex_);
  expired_ = true;
}

void SchemaCache::tell_members() {
  const std::lock_guard lock(members_mutex_);
  for (const Member* member : members_) member->look_(Member::When::now);
}

SchemaCache::Member::Member(SchemaCache& cache, std::function<void(When)> look) : cache_(cache), look_(std::move(look)) {
  const std::lock_guard lock(cache_.members_mutex_);
  cache_.members_.push_back(this);
}

SchemaCache::Member::~Member() {
  const std::lock_guard lock(cache_.members_mutex_);
  const bool was_reader = cache_.members_.front() == this;
  cache_.members_.remove(this);
  if (was_reader && !cache_.members_.empty()) cache_.members_.front()->look_(When::now);
}

bool SchemaCache::Member::is_reader() const {
  const std::lock_guard lock(cache_.members_mutex_);
  return cache_.members_.front() == this;
}

void SchemaCache::Member::could_not_read() const {
  const std::lock_guard lock(cache_.members_mutex_);
  std::list<const Member*>& members = cache_.members_;
  if (members.front() != this) return;
  // Else whoever is told would take what was read before the server went away, and rest again.
  cache_.expire_version();
  members.splice(members.end(), members, members.begin());
  if (members.front() == this) return;
  // If they all fail, telling each other would not end. But whose turn it is now must know: it may be at rest.
  const Instant now = cache_.clock_.now();
  if (cache_.failed_at_ && now - *cache_.failed_at_ < kTellAgain) return members.front()->look_(When::soon);
  cache_.failed_at_ = now;
  for (const Member* member : members) {
    if (member != this) member->look_(When::now);
  }
}

std::shared_ptr<const CatalogVersion> SchemaCache::recent_version(Duration max_age) {
  const std::lock_guard lock(mutex_);
  return recent_version_locked(max_age);
}

std::shared_ptr<const CatalogVersion> SchemaCache::recent_version_locked(Duration max_age) {
  const Instant now = clock_.now();
  if (!definitions_.tables.empty() && now - used_at_ > kKeepTables) definitions_.tables.clear();
  if (!version_ || expired_ || now - asked_at_ > std::max(max_age, took_ * kReadShare)) return nullptr;
  ++counters_.hits;
  return version_;
}

Result<CatalogVersion> SchemaCache::read_version(Connection& sql) {
  {
    const std::lock_guard lock(mutex_);
    counters_.statements += kVersionStatements;
  }
  return read_catalog_version(sql);
}

Result<std::vector<CatalogTable>> SchemaCache::describe_tables(Connection& sql, const std::string& publication, std::span<const RelationOid> oids) {
  if (oids.empty()) return std::vector<CatalogTable>{};
  CatalogReader reader(sql, publication);
  // What is held is true if the catalog is still the one it was read from, and what is read now belongs to that too if it stays so meanwhile.
  TRY(const CatalogVersion before, read_version(sql));
  std::vector<CatalogTable> known;
  std::vector<RelationOid> missing;
  {
    const std::lock_guard lock(mutex_);
    used_at_ = clock_.now();
    const bool same = definitions_.digest == before.digest;
    for (const RelationOid oid : oids) {
      const auto found = definitions_.tables.find(oid);
      if (same && found != definitions_.tables.end()) {
        known.push_back(*found->second);
      } else {
        missing.push_back(oid);
      }
    }
    counters_.hits += known.size();
    counters_.misses += missing.size();
    counters_.statements += (missing.empty() ? 0 : CatalogReader::kStatements) + (known.empty() ? 0 : CatalogReader::kMembershipStatements);
  }
  TRY(std::vector<CatalogTable> tables, reader.describe_tables(missing));
  CHECK_OK(reader.add_membership(known));
  TRY(const CatalogVersion after, read_version(sql));
  if (after.digest != before.digest) {
    if (known.empty()) return tables;
    return reader.describe_tables(oids);
  }
  keep(after.digest, tables);
  std::move(known.begin(), known.end(), std::back_inserter(tables));
  std::sort(tables.begin(), tables.end(), [](const CatalogTable& a, const CatalogTable& b) { return a.name < b.name; });
  return tables;
}

void SchemaCache::keep(const std::string& digest, std::span<const CatalogTable> tables) {
  const std::lock_guard lock(mutex_);
  if (definitions_.digest != digest) definitions_ = {digest, {}};
  for (const CatalogTable& table : tables) definitions_.tables[table.oid] = std::make_shared<const CatalogTable>(without_publication(table));
}

SchemaCache::Counters SchemaCache::counters() const {
  const std::lock_guard lock(mutex_);
  Counters now = counters_;
  now.tables = definitions_.tables.size();
  return now;
}

}  // namespace luge
