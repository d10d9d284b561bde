#pragma once
#include <string>
#include <string_view>

namespace luge {

/// "name", with every double quote doubled. Safe in SQL and in replication commands.
/// A NUL inside stays; Connection refuses SQL that contains one. Source: PostgreSQL quote_identifier (ruleutils.c).
std::string quote_identifier(std::string_view name);

/// "schema"."name".
std::string quote_qualified(std::string_view schema, std::string_view name);

/// 'text', with every single quote doubled; for standard_conforming_strings=on, which every luge session pins and reads back.
/// Also right in replication commands, whose scanner knows no backslash (repl_scanner.l).
std::string quote_literal(std::string_view text);

}  // namespace luge
