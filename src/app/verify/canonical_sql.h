#pragma once
#include <optional>
#include <string>

#include "model/pg_type.h"
#include "model/value_type.h"

namespace luge {

/// Whose SQL the mirror's side speaks. The source's side makes the text that this mirror can make too.
enum class MirrorKind : char { duckdb, snowflake };

// Both sides of `verify` turn every value into the same text, each with its own database's functions and never with luge's decoder:
//
//   boolean t/f · integers, uuid, decimal(p,s) with s digits: their text · float: its bits, 0 for both zeros, NaN
//   date: days since 2000 · time, timestamp, timestamp_tz: microseconds (since 2000) · infinities: inf, -inf
//   time_tz: <microseconds>Z<offset east in seconds> · interval: <months>/<days>/<microseconds>
//   binary: its md5 · text, json: as they are · list: A<length>[<framed elements>]
//
// With Snowflake, which cannot show a float's bits and holds some types as text:
//   float: <mantissa>p<exponent>, both integers, or s<mantissa> below 2^-1022; inf, -inf (float4: of the double its shortest text names)
//   time_tz, interval: PostgreSQL's text · binary: hexadecimal
//   json: J<root>/<number of values inside>:<sum of the hashes of what stands at each path> (see snowflake_canonical.cpp)
//   list: the elements as they were sent, framed; lists of json: as json
//
// NULL stays NULL. `expression` is an SQL expression of the column's type; the result is one of type text.

/// In PostgreSQL 13 and later. `type` is the declared type; domains are looked through.
std::string source_canonical(const std::string& expression, const PgType& type, const ValueType& value, MirrorKind mirror = MirrorKind::duckdb);

/// In DuckDB.
std::string mirror_canonical(const std::string& expression, const ValueType& value);

/// In Snowflake, of a column of snowflake_type(value).
std::string snowflake_canonical(const std::string& expression, const ValueType& value);

/// In PostgreSQL, for a mirror in Snowflake: the kinds whose text differs from that for DuckDB; nullopt: it does not. `e` is not NULL and
/// of the base type.
std::optional<std::string> source_for_snowflake(const std::string& e, const ValueType& value);

/// A canonical text (or NULL) so that concatenations cannot be confused: N, or V<bytes>:<text>, or M<md5> beyond 64 KiB.
/// `bytes_of` is the function that counts bytes: octet_length in PostgreSQL and Snowflake, strlen in DuckDB.
std::string framed(const std::string& canonical, std::string_view bytes_of);
inline constexpr std::string_view kSourceBytes = "octet_length";
inline constexpr std::string_view kMirrorBytes = "strlen";

}  // namespace luge
