#!/usr/bin/env python3
"""Plants a violation of every rule of layers.py, and beside it the same thing done right."""
import unittest

from layers import HOMES, check_file


def messages(path, *lines):
    return [message for _, message in check_file(path, "\n".join(lines))]


class Layers(unittest.TestCase):
    def refuse(self, path, *lines):
        self.assertEqual(1, len(messages(path, *lines)), (path, lines))

    def accept(self, path, *lines):
        self.assertEqual([], messages(path, *lines), (path, lines))

    def test_foundations_do_not_look_up(self):
        self.accept("model/lsn.cpp", '#include "base/result.h"')
        self.refuse("base/log.cpp", '#include "model/lsn.h"')
        self.refuse("postgres/query.cpp", '#include "source/slot.h"')

    def test_stages_are_blind_to_each_other(self):
        self.accept("decode/reader.cpp", '#include "model/lsn.h"', '#include "decode/message.h"')
        self.refuse("decode/reader.cpp", '#include "batch/spool.h"')
        self.refuse("acknowledge/ledger.cpp", '#include "destination/destination.h"')

    def test_tests_obey_the_same_layers(self):
        self.refuse("decode/reader_test.cpp", '#include "batch/spool.h"')

    def test_implementations_see_their_interface_only(self):
        self.accept("destination/duckdb/apply.cpp", '#include "destination/destination.h"')
        self.accept("destination/parquet/writer.cpp", '#include "destination/duckdb/connection.h"')
        self.refuse("destination/null/null.cpp", '#include "destination/duckdb/connection.h"')
        self.refuse("destination/worker.cpp", '#include "destination/duckdb/connection.h"')
        self.accept("destination/snowflake/sdk/client.cpp", '#include "destination/snowflake/python/bridge_abi.h"')
        self.refuse("destination/snowflake/python/bridge.cpp", '#include "destination/snowflake/sdk/client.h"')

    def test_only_app_names_concrete_parts(self):
        self.accept("app/registry.cpp", '#include "destination/duckdb/connection.h"', '#include "state/sqlite/store.h"')
        self.accept("pipeline/pipeline.cpp", '#include "state/state_store.h"', '#include "destination/batch_sink.h"')
        self.refuse("pipeline/pipeline.cpp", '#include "state/sqlite/store.h"')
        self.refuse("service/manager.cpp", '#include "source/slot.h"')
        self.refuse("pipeline/pipeline.cpp", '#include "app/options.h"')

    def test_every_heavy_header_stays_at_home(self):
        for header in HOMES:
            name = header + "x.h" if header.endswith("/") else header
            self.refuse("model/lsn.h", "#pragma once", f"#include <{name}>")
        self.accept("postgres/connection.cpp", "#include <libpq-fe.h>")
        self.accept("base/log.cpp", "#include <spdlog/spdlog.h>")
        self.refuse("base/log.h", "#pragma once", "#include <spdlog/spdlog.h>")
        self.refuse("state/sqlite/store.h", "#pragma once", "#include <nlohmann/json.hpp>")
        self.accept("state/sqlite/store.cpp", "#include <sqlite3.h>", "#include <nlohmann/json.hpp>")
        self.accept("service/catalog/sqlite_catalog.cpp", "#include <sqlite3.h>")
        self.accept("service/catalog/redis_leases.cpp", '#include "state/redis/redis_connection.h"')
        self.refuse("service/catalog/sqlite_leases.cpp", '#include "state/sqlite/sqlite_state_store.h"')
        self.refuse("service/catalog/sqlite_catalog.h", "#pragma once", "#include <sqlite3.h>")
        self.refuse("service/manager/pipeline_manager.cpp", "#include <sqlite3.h>")

    def test_the_core_has_no_clock_no_chance_no_thread(self):
        for line in ("auto t = std::chrono::steady_clock::now();", "std::this_thread::sleep_for(1s);", "std::jthread worker;",
                     "std::random_device seed;", 'getenv("HOME");', "int r = rand();", "auto t = time(nullptr);"):
            self.refuse("pipeline/pipeline.cpp", line)
            self.accept("pipeline/pipeline_driver.cpp", line)
            self.accept("pipeline/pipeline_test.cpp", line)
            self.accept("destination/destination_worker.cpp", line)
        self.accept("model/lsn.cpp", "// std::thread is named in this comment only")
        self.accept("batch/builder.cpp", "bool operand(int x); int y = operand(2);")

    def test_files_have_a_place_and_a_name(self):
        self.refuse("main.cpp", "int main() {}")
        self.refuse("newfolder/thing.cpp", "")
        self.refuse("model/utils.h", "#pragma once")
        self.refuse("batch/common/x.cpp", "")
        self.accept("model/common_table.cpp".replace("common_table", "uncommon_table"), "")
        self.refuse("model/lsn.h", "namespace luge {}")
        self.refuse("model/lsn.cpp", '#include "../base/result.h"')

    def test_parts_of_a_unit_include_each_other(self):
        self.accept("batch/columns/int.cpp", '#include "batch/column_builder.h"')
        self.accept("destination/snowflake/rest/client.cpp", '#include "destination/snowflake/names.h"')


if __name__ == "__main__":
    unittest.main()
