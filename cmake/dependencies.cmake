# Libraries of others, each as one target. A folder names the target, never a path.
# What Debian packages comes from Debian; DuckDB comes from `tools/setup` or from -DLUGE_DUCKDB_ROOT=.

include(FindPackageHandleStandardArgs)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(GTest REQUIRED)

# An imported library from one header and one or more library names: luge_imported(target HEADER file LIBRARY names...).
function(luge_imported target)
  cmake_parse_arguments(arg "" "HEADER;HINT" "LIBRARY;SUFFIXES" ${ARGN})
  find_path(${target}_INCLUDE_DIR ${arg_HEADER} HINTS ${arg_HINT} PATH_SUFFIXES include ${arg_SUFFIXES})
  find_library(${target}_LIBRARY NAMES ${arg_LIBRARY} HINTS ${arg_HINT} PATH_SUFFIXES lib)
  find_package_handle_standard_args(${target} REQUIRED_VARS ${target}_LIBRARY ${target}_INCLUDE_DIR NAME_MISMATCHED
    REASON_FAILURE_MESSAGE "run tools/setup")
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${${target}_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${${target}_INCLUDE_DIR}")
endfunction()

# CMake's own FindPostgreSQL asks for server headers, which a client does not need.
luge_imported(luge_libpq HEADER libpq-fe.h LIBRARY pq SUFFIXES postgresql)
luge_imported(luge_xxhash HEADER xxhash.h LIBRARY xxhash)
luge_imported(luge_zstd HEADER zstd.h LIBRARY zstd)
luge_imported(luge_hiredis HEADER hiredis/hiredis.h LIBRARY hiredis)

luge_imported(luge_httplib HEADER httplib.h LIBRARY cpp-httplib)
luge_imported(luge_prometheus HEADER prometheus/text_serializer.h LIBRARY prometheus-cpp-core)  # its own CMake package asks for an HTTP server too
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
# Debian's shared library is built with OpenSSL, and its classes are laid out accordingly.
target_compile_definitions(luge_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT)
target_link_libraries(luge_httplib INTERFACE OpenSSL::SSL)

execute_process(COMMAND "${PROJECT_SOURCE_DIR}/tools/setup" --where OUTPUT_VARIABLE LUGE_DEPS
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(LUGE_DUCKDB_ROOT "${LUGE_DEPS}/duckdb-2.0.0" CACHE PATH "A DuckDB 2.x C library: duckdb.h and libduckdb.so, flat or in include/ and lib/")
find_path(LUGE_DUCKDB_INCLUDE_DIR duckdb.h PATHS "${LUGE_DUCKDB_ROOT}" PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(LUGE_DUCKDB_LIBRARY NAMES duckdb PATHS "${LUGE_DUCKDB_ROOT}" PATH_SUFFIXES lib NO_DEFAULT_PATH)
if(NOT LUGE_DUCKDB_INCLUDE_DIR OR NOT LUGE_DUCKDB_LIBRARY)
  message(FATAL_ERROR "DuckDB is not in ${LUGE_DUCKDB_ROOT}: run `make setup`, or give -DLUGE_DUCKDB_ROOT=")
endif()
file(REAL_PATH "${LUGE_DUCKDB_LIBRARY}" duckdb_file)  # the link is called libduckdb.so, the SONAME is the file's own name
cmake_path(GET duckdb_file FILENAME duckdb_soname)
add_library(luge_duckdb SHARED IMPORTED GLOBAL)
set_target_properties(luge_duckdb PROPERTIES IMPORTED_LOCATION "${duckdb_file}" IMPORTED_SONAME "${duckdb_soname}"
  INTERFACE_INCLUDE_DIRECTORIES "${LUGE_DUCKDB_INCLUDE_DIR}")

# The Python bridge links the libpython of the interpreter that tools/setup makes its environments with: an environment works only in its own.
option(LUGE_PYTHON_BRIDGE "Build libluge_python.so, which `transport: sdk` loads" ON)
if(LUGE_PYTHON_BRIDGE AND NOT LUGE_FUZZ)
  set(Python3_EXECUTABLE "/usr/bin/python3" CACHE FILEPATH "The interpreter whose libpython the Python bridge links")
  find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter Development.Embed)
endif()
