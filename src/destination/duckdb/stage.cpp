#include "destination/duckdb/stage.h"

#include <algorithm>
#include <exception>
#include <random>

namespace luge {

namespace {

using SharedRegistry = std::shared_ptr<StageRegistry>;

/// The state of one running scan.
struct Scan {
  const Stage* stage = nullptr;
  std::vector<std::size_t> columns;  ///< what the query wants, in its order
  std::size_t position = 0;
};

void bind_stage(duckdb_bind_info info) {
  duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
  const std::uint64_t id = duckdb_get_uint64(parameter);
  duckdb_destroy_value(&parameter);
  const Stage* stage = (*static_cast<SharedRegistry*>(duckdb_bind_get_extra_info(info)))->find(id);
  if (stage == nullptr) {
    duckdb_bind_set_error(info, "luge_stage() is internal to luge and holds nothing now");
    return;
  }
  for (const StageColumn& column : stage->columns) duckdb_bind_add_result_column(info, column.name.c_str(), column.type.get());
  duckdb_bind_set_cardinality(info, stage->rows, true);
  duckdb_bind_set_bind_data(info, const_cast<Stage*>(stage), nullptr);
}

void start_scan(duckdb_init_info info) {
  auto scan = std::make_unique<Scan>();
  scan->stage = static_cast<const Stage*>(duckdb_init_get_bind_data(info));
  const idx_t wanted = duckdb_init_get_column_count(info);
  for (idx_t i = 0; i < wanted; ++i) scan->columns.push_back(duckdb_init_get_column_index(info, i));
  duckdb_init_set_max_threads(info, 1);
  duckdb_init_set_init_data(info, scan.release(), [](void* data) { delete static_cast<Scan*>(data); });
}

void read_stage(duckdb_function_info info, duckdb_data_chunk output) {
  auto& scan = *static_cast<Scan*>(duckdb_function_get_init_data(info));
  const std::size_t count = std::min<std::size_t>(duckdb_vector_size(), scan.stage->rows - scan.position);
  try {
    for (std::size_t i = 0; i < scan.columns.size(); ++i) {
      if (scan.columns[i] >= scan.stage->columns.size()) continue;  // the row id, when only rows are counted
      if (count > 0) scan.stage->columns[scan.columns[i]].fill(scan.position, count, duckdb_data_chunk_get_vector(output, i));
    }
  } catch (const std::exception&) {
    duckdb_function_set_error(info, "luge ran out of memory while handing rows over");
    return;
  }
  scan.position += count;
  duckdb_data_chunk_set_size(output, count);
}

}  // namespace

StageRegistry::StageRegistry() {
  std::random_device device;
  next_ = (static_cast<std::uint64_t>(device()) << 31) ^ device();
}

std::uint64_t StageRegistry::publish(const Stage& stage) {
  std::lock_guard lock(mutex_);
  const std::uint64_t id = next_++;
  stages_[id] = &stage;
  return id;
}

void StageRegistry::withdraw(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  stages_.erase(id);
}

const Stage* StageRegistry::find(std::uint64_t id) const {
  std::lock_guard lock(mutex_);
  const auto found = stages_.find(id);
  return found == stages_.end() ? nullptr : found->second;
}

Status register_stage_function(duckdb_connection connection, std::shared_ptr<StageRegistry> registry) {
  DuckdbHandle<duckdb_table_function, duckdb_destroy_table_function> function(duckdb_create_table_function());
  const LogicalType id(duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT));
  duckdb_table_function_set_name(function.get(), "luge_stage");
  duckdb_table_function_add_parameter(function.get(), id.get());
  duckdb_table_function_set_extra_info(function.get(), new SharedRegistry(std::move(registry)),
                                       [](void* data) { delete static_cast<SharedRegistry*>(data); });
  duckdb_table_function_set_bind(function.get(), bind_stage);
  duckdb_table_function_set_init(function.get(), start_scan);
  duckdb_table_function_set_function(function.get(), read_stage);
  duckdb_table_function_supports_projection_pushdown(function.get(), true);
  if (duckdb_register_table_function(connection, function.get()) != DuckDBSuccess) return fatal("duckdb", "DuckDB refused luge's table function");
  return ok();
}

}  // namespace luge
