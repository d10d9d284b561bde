#include "destination/snowflake/current_state/watermark_table.h"

#include <charconv>

#include "destination/snowflake/ddl/identifier.h"
#include "destination/snowflake/encode/offset_token.h"

namespace luge {

namespace {

std::string position_sql(const Position& position) { return snowflake_literal(offset_token(position)); }

template <class T>
bool parse_number(const std::optional<std::string>& text, T& value) {
  if (!text) return false;
  const char* end = text->data() + text->size();
  return std::from_chars(text->data(), end, value).ptr == end;
}

}  // namespace

WatermarkTable::WatermarkTable(std::string schema, std::string pipeline)
    : table_(snowflake_identifier(schema) + ".\"_LUGE_WATERMARKS\""), pipeline_(snowflake_literal(pipeline)) {}

std::string WatermarkTable::create_sql() const {
  return "CREATE TABLE IF NOT EXISTS " + table_ +
         " (\"PIPELINE\" VARCHAR, \"TABLE_OID\" NUMBER(10,0), \"GENERATION\" NUMBER(20,0), \"POSITION\" VARCHAR(42), \"MERGED_AT\" TIMESTAMP_LTZ, "
         "\"SIGNATURE\" VARCHAR(36))";
}

std::string WatermarkTable::row_sql(RelationOid oid) const { return "\"PIPELINE\" = " + pipeline_ + " AND \"TABLE_OID\" = " + std::to_string(oid); }

std::string WatermarkTable::read_sql() const {
  return "SELECT \"TABLE_OID\", \"GENERATION\", \"POSITION\" FROM " + table_ + " WHERE \"PIPELINE\" = " + pipeline_;
}

std::string WatermarkTable::read_one_sql(RelationOid oid) const { return read_sql() + " AND \"TABLE_OID\" = " + std::to_string(oid); }

Result<std::map<RelationOid, Watermark>> WatermarkTable::read(const SqlResult& result) {
  std::map<RelationOid, Watermark> found;
  for (const auto& row : result.rows) {
    RelationOid oid = 0;
    Watermark watermark;
    const auto position = row.size() == 3 && row[2] ? parse_offset_token(*row[2]) : std::nullopt;
    if (!position || !parse_number(row[0], oid) || !parse_number(row[1], watermark.generation)) {
      return fatal("corrupt", "Snowflake's table _LUGE_WATERMARKS holds a row that luge has not written",
                   "restore it, or drop the pipeline and begin anew");
    }
    watermark.position = *position;
    found[oid] = watermark;
  }
  return found;
}

std::string WatermarkTable::begin_sql(RelationOid oid, const Watermark& floor) const {
  return "MERGE INTO " + table_ + " t USING (SELECT " + pipeline_ + " AS \"PIPELINE\", " + std::to_string(oid) + " AS \"TABLE_OID\", " +
         std::to_string(floor.generation) + " AS \"GENERATION\", " + position_sql(floor.position) +
         " AS \"POSITION\") s ON t.\"PIPELINE\" = s.\"PIPELINE\" AND t.\"TABLE_OID\" = s.\"TABLE_OID\" "
         "WHEN MATCHED AND t.\"GENERATION\" < s.\"GENERATION\" THEN UPDATE SET \"GENERATION\" = s.\"GENERATION\", \"POSITION\" = s.\"POSITION\", "
         "\"MERGED_AT\" = CURRENT_TIMESTAMP(), \"SIGNATURE\" = NULL "
         "WHEN NOT MATCHED THEN INSERT (\"PIPELINE\", \"TABLE_OID\", \"GENERATION\", \"POSITION\", \"MERGED_AT\") "
         "VALUES (s.\"PIPELINE\", s.\"TABLE_OID\", s.\"GENERATION\", s.\"POSITION\", CURRENT_TIMESTAMP())";
}

std::string WatermarkTable::forget_sql(RelationOid oid) const { return "DELETE FROM " + table_ + " WHERE " + row_sql(oid); }

std::string WatermarkTable::claim_sql(RelationOid oid, const Watermark& from, const Position& to, const std::string& signature) const {
  return "UPDATE " + table_ + " SET \"POSITION\" = " + position_sql(to) +
         ", \"MERGED_AT\" = CURRENT_TIMESTAMP(), \"SIGNATURE\" = " + snowflake_literal(signature) + " WHERE " + row_sql(oid) +
         " AND \"GENERATION\" = " + std::to_string(from.generation) + " AND \"POSITION\" = " + position_sql(from.position);
}

std::string WatermarkTable::claimed_sql(RelationOid oid, const std::string& signature) const {
  return "EXISTS (SELECT 1 FROM " + table_ + " WHERE " + row_sql(oid) + " AND \"SIGNATURE\" = " + snowflake_literal(signature) + ")";
}

std::string WatermarkTable::publish_sql(RelationOid oid, const std::string& signature, const Position& common) const {
  return "MERGE INTO " + table_ + " t USING (SELECT \"PIPELINE\", " + std::to_string(kCommonOid) + " AS \"TABLE_OID\", " + position_sql(common) +
         " AS \"POSITION\" FROM " + table_ + " WHERE " + row_sql(oid) + " AND \"SIGNATURE\" = " + snowflake_literal(signature) +
         ") s ON t.\"PIPELINE\" = s.\"PIPELINE\" AND t.\"TABLE_OID\" = s.\"TABLE_OID\" "
         "WHEN MATCHED AND t.\"POSITION\" < s.\"POSITION\" THEN UPDATE SET \"POSITION\" = s.\"POSITION\", \"MERGED_AT\" = CURRENT_TIMESTAMP() "
         "WHEN NOT MATCHED THEN INSERT (\"PIPELINE\", \"TABLE_OID\", \"GENERATION\", \"POSITION\", \"MERGED_AT\") "
         "VALUES (s.\"PIPELINE\", s.\"TABLE_OID\", 0, s.\"POSITION\", CURRENT_TIMESTAMP())";
}

std::string WatermarkTable::seal_sql(RelationOid oid, const std::string& signature) const {
  return "UPDATE " + table_ + " SET \"SIGNATURE\" = NULL WHERE " + row_sql(oid) + " AND \"SIGNATURE\" = " + snowflake_literal(signature);
}

}  // namespace luge
