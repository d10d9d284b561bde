#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/catalog_table.h"
#include "postgres/connection.h"
#include "source/catalog_version.h"

namespace luge {

/// What all pipelines of one source know of its catalog together: its version, read once for all of them, and the tables as they were at that
/// version. Thread-safe; every call may block for as long as the server takes, on a connection of the caller.
class SchemaCache {
 public:
  struct Counters {
    std::uint64_t hits = 0;      ///< versions and tables that needed no statement
    std::uint64_t misses = 0;    ///< those that did
    std::uint64_t statements = 0;  ///< asked for both
    std::uint64_t tables = 0;    ///< held now
  };

  explicit SchemaCache(const Clock& clock) : clock_(clock) {}
  SchemaCache(const SchemaCache&) = delete;
  SchemaCache& operator=(const SchemaCache&) = delete;

  /// The catalog's version of at most `max_age` ago, or of 20 times as long as reading it took. One caller reads, the others wait for it.
  /// Errors: those of the connection; "stopped".
  Result<std::shared_ptr<const CatalogVersion>> version(Connection& sql, Duration max_age, const std::stop_token& stop);

  /// The same if it is there already; null: it has to be read.
  std::shared_ptr<const CatalogVersion> recent_version(Duration max_age);

  /// As CatalogReader::describe_tables, as of a moment during the call; sizes may be older. Tables that no pipeline asked for since the
  /// catalog's version changed are read together, in a few statements. What nobody asked for in a minute is forgotten.
  Result<std::vector<CatalogTable>> describe_tables(Connection& sql, const std::string& publication, std::span<const RelationOid> oids);

  Counters counters() const;

  /// Somebody who wants to know when the catalog changes. One of all members is the reader: it asks for the version at its interval, and the others
  /// may rest until they are told. The cache outlives its members.
  class Member {
   public:
    enum class When : char { now, soon };
    /// `look`: now, since the version is another, the reader could not read it, or the reader has left and this member is it; or soon, within an
    /// interval, since this member is the reader after many that failed. Called on any thread, also while the constructor runs; it must not block
    /// nor call the cache. Not called any more once the destructor has returned.
    Member(SchemaCache& cache, std::function<void(When)> look);
    ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    bool is_reader() const;
    /// Another one is the reader then, nobody takes the version that was read before, and all others are told, unless they were a moment ago.
    void could_not_read() const;

   private:
    friend class SchemaCache;
    SchemaCache& cache_;
    const std::function<void(When)> look_;
  };

 private:
  struct Definitions {
    std::string digest;
    std::map<RelationOid, std::shared_ptr<const CatalogTable>> tables;
  };
  std::shared_ptr<const CatalogVersion> recent_version_locked(Duration max_age);
  Result<CatalogVersion> read_version(Connection& sql);
  void expire_version();
  void tell_members();
  void keep(const std::string& digest, std::span<const CatalogTable> tables);

  const Clock& clock_;
  mutable std::mutex mutex_;  ///< protects what follows
  std::condition_variable_any read_;
  bool reading_ = false;
  std::shared_ptr<const CatalogVersion> version_;
  bool expired_ = false;  ///< the version is there to compare the next one with, and nothing else
  Instant asked_at_;  ///< before the version was read
  Duration took_{0};
  Instant used_at_;  ///< the definitions
  Definitions definitions_;
  Counters counters_;

  std::mutex members_mutex_;  ///< protects what follows; callbacks run under it
  std::list<const Member*> members_;  ///< the first one is the reader
  std::optional<Instant> failed_at_;  ///< when a reader last told of it
};

}  // namespace luge
