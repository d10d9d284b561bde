#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/duckdb/duckdb_handles.h"

namespace luge {

/// One column of a stage: writes rows [begin, begin + count) into rows [0, count) of a reset vector; count <= 2048.
struct StageColumn {
  using Fill = std::function<void(std::size_t begin, std::size_t count, duckdb_vector out)>;
  std::string name;
  LogicalType type;
  Fill fill;
};

/// Rows that luge holds in memory and DuckDB reads as a table: `SELECT … FROM luge_stage(id)`. Nothing is copied before DuckDB's
/// own vectors. One statement reads a stage at a time.
struct Stage {
  std::size_t rows = 0;
  std::vector<StageColumn> columns;
};

/// The stages of one database, by id. Thread-safe. The table function that reads them is visible to every connection of the
/// database; an id that is not published is an error there, and ids are random.
class StageRegistry {
 public:
  StageRegistry();
  std::uint64_t publish(const Stage& stage);
  void withdraw(std::uint64_t id);
  /// Null if there is none.
  const Stage* find(std::uint64_t id) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, const Stage*> stages_;
  std::uint64_t next_;
};

/// Registers luge_stage() in the database of `connection`.
Status register_stage_function(duckdb_connection connection, std::shared_ptr<StageRegistry> registry);

/// Keeps a stage published for a scope.
class PublishedStage {
 public:
  PublishedStage(StageRegistry& registry, const Stage& stage) : registry_(registry), id_(registry.publish(stage)) {}
  PublishedStage(const PublishedStage&) = delete;
  PublishedStage& operator=(const PublishedStage&) = delete;
  ~PublishedStage() { registry_.withdraw(id_); }
  /// "luge_stage(17)"
  std::string sql() const { return "luge_stage(" + std::to_string(id_) + ")"; }

 private:
  StageRegistry& registry_;
  std::uint64_t id_;
};

}  // namespace luge
