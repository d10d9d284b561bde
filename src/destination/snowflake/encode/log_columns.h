#pragma once
#include <array>

namespace luge {

struct LogColumn {
  const char* name;
  const char* type;  ///< Snowflake's
};

/// What a row of "<TABLE>__LOG" says about the change, beside the source's columns. NdjsonEncoder writes them, the table's DDL declares them.
///
/// _LUGE_OP is i (insert, and every copied row), u, d or t (truncate: no values). One change is one row, because a channel's offset token
/// may fall between any two rows: two rows of one position could not be told apart when sending goes on after it. So an update that
/// changes the key is one `u` row with the old key in _LUGE_OLD_KEY, an object under the columns' names in the encoding of the columns
/// (read it as "_LUGE_OLD_KEY":"ID"::NUMBER(38,0); BINARY is Base64 text); NULL in every other row, a NULL of the old key is left out.
/// In a table without a key, every update has the whole old row there.
///
/// _LUGE_PRESENT is NULL if the change carried a value (or NULL) for every column. Otherwise its character number `attnum` (from 1) is 1 if it
/// carried that column and 0 if not (unchanged TOAST; a deleted row's columns outside its key; a dropped column). Not an array of names:
/// folding asks for every column of every row, and IFNULL(SUBSTR("_LUGE_PRESENT", 5, 1), '1') = '1' looks at one byte where ARRAY_CONTAINS
/// walks VARIANTs; the last present value of a window is MAX_BY("C", IFF(<that>, "_LUGE_POSITION", NULL)), a plain aggregate that keeps a
/// present NULL apart from an absent value. An attnum stays a column's own through renames, drops and additions; an ordinal does not.
///
/// _LUGE_POSITION is offset_token(epoch, commit LSN, ordinal). _LUGE_XID and _LUGE_COMMIT_TIME are NULL in copied rows.
inline constexpr std::array kLogColumns = {
    LogColumn{"_LUGE_EPOCH", "NUMBER(10,0)"},    LogColumn{"_LUGE_LSN", "NUMBER(20,0)"}, LogColumn{"_LUGE_ORDINAL", "NUMBER(20,0)"},
    LogColumn{"_LUGE_OP", "VARCHAR(1)"},         LogColumn{"_LUGE_XID", "NUMBER(20,0)"}, LogColumn{"_LUGE_COMMIT_TIME", "TIMESTAMP_TZ(6)"},
    LogColumn{"_LUGE_PRESENT", "VARCHAR(1600)"}, LogColumn{"_LUGE_OLD_KEY", "VARIANT"},  LogColumn{"_LUGE_POSITION", "VARCHAR(42)"},
};

}  // namespace luge
