#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace luge {

using Oid = std::uint32_t;
/// pg_class.oid: the identity of a table through renames.
using RelationOid = std::uint32_t;

/// Built-in type OIDs (pg_type.dat); stable since ever. Everything at or above 10000 is per database.
namespace pg_oid {
inline constexpr Oid kBool = 16, kBytea = 17, kChar = 18, kName = 19, kInt8 = 20, kInt2 = 21, kInt4 = 23, kRegproc = 24, kText = 25, kOid = 26;
inline constexpr Oid kXid = 28, kCid = 29, kJson = 114, kXml = 142, kFloat4 = 700, kFloat8 = 701, kUnknown = 705, kMoney = 790;
inline constexpr Oid kBpchar = 1042, kVarchar = 1043, kDate = 1082, kTime = 1083, kTimestamp = 1114, kTimestamptz = 1184, kInterval = 1186;
inline constexpr Oid kTimetz = 1266, kNumeric = 1700, kUuid = 2950, kJsonb = 3802, kXid8 = 5069;
}  // namespace pg_oid

/// One row of pg_type with its chain resolved, as the catalog told it. Immutable, shared.
struct PgType {
  Oid oid = 0;
  std::string schema;
  std::string name;
  char kind = 'b';         ///< pg_type.typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange
  char delimiter = ',';    ///< pg_type.typdelim: between array elements in text
  bool has_send = true;    ///< pg_type.typsend <> 0
  bool is_array = false;   ///< a true array type: typelem <> 0 and typlen = -1 and subscripted by array_subscript_handler
  std::int32_t domain_typmod = -1;             ///< domain: pg_type.typtypmod
  std::shared_ptr<const PgType> base;     ///< domain: what it is over (one step)
  std::shared_ptr<const PgType> element;  ///< array: its element type

  /// Through all domains down to the type that is sent.
  const PgType& resolved() const {
    const PgType* type = this;
    while (type->base) type = type->base.get();
    return *type;
  }
};

/// The typmod that counts: a domain's own beats the column's -1.
inline std::int32_t resolved_typmod(const PgType& type, std::int32_t column_typmod) {
  std::int32_t typmod = column_typmod;
  for (const PgType* step = &type; step->base; step = step->base.get()) {
    if (typmod == -1) typmod = step->domain_typmod;
  }
  return typmod;
}

}  // namespace luge
