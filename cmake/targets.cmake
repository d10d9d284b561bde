# The three ways to add a target: luge_library (a folder of src/), luge_executable (tests, benchmarks), luge_fuzzer.

# luge_library(<folder> [COLD] [PRECOMPILE header...] [COLD_SOURCES regex...] [LINKS ...] [PRIVATE_LINKS ...] [TEST_LINKS ...] [EXCLUDE regex...])
#
# src/<folder>/**.cpp becomes the static library luge_<folder>, its *_test.cpp the executable luge_<folder>_tests, registered with ctest.
# Tests that need the Snowflake emulator (its Python environment) are called *_emulator_test.cpp: luge_<folder>_emulator_tests, label "snowflake".
# Random histories are called *_model_test.cpp: luge_<folder>_model_tests, labels "unit" and "models"; they run without a sanitizer too, and longer.
# A subfolder that is a library of its own (declared with its path: destination/duckdb) is left out of its parent: name it in EXCLUDE.
# A folder that is empty or not there yet is an interface library, so that others can link it from the first day.
# COLD: hardly a row passes through here. Builds with sanitizers leave it without optimisation, which halves the time they take; all builds
# compile its files together (see luge_unite).
# COLD_SOURCES: the same for some files of a hot library.
# PRECOMPILE: headers of others that most files of the folder include and that take long to parse (see luge_precompile).
# LINKS are what the folder's headers may show to their users: they express the layers, tools/layers.py checks the includes.
function(luge_library folder)
  cmake_parse_arguments(arg "COLD" "" "COLD_SOURCES;PRECOMPILE;LINKS;PRIVATE_LINKS;TEST_LINKS;EXCLUDE" ${ARGN})
  string(REPLACE "/" "_" name "luge_${folder}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${folder}/*.cpp")
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "/src/${folder}/${pattern}")
  endforeach()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
    if(arg_COLD AND LUGE_SANITIZE)
      luge_quick_to_compile(${name})
    endif()
    luge_precompile(${name} ${arg_PRECOMPILE})
    if(arg_COLD AND LUGE_UNITY)
      luge_unite(${name})
    endif()
    foreach(pattern IN LISTS arg_COLD_SOURCES)
      set(cold ${sources})
      list(FILTER cold INCLUDE REGEX "/src/${folder}/${pattern}")
      if(LUGE_SANITIZE)
        set_source_files_properties(${cold} PROPERTIES COMPILE_OPTIONS -O0 SKIP_PRECOMPILE_HEADERS ON)
      endif()
    endforeach()
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(${name} INTERFACE ${arg_LINKS} ${arg_PRIVATE_LINKS})
  endif()
  foreach(kind emulator model ordinary)
    set(chosen ${tests})
    if(kind STREQUAL "ordinary")
      set(executable ${name}_tests)
    else()
      set(executable ${name}_${kind}_tests)
      list(FILTER chosen INCLUDE REGEX "_${kind}_test\\.cpp$")
      list(FILTER tests EXCLUDE REGEX "_${kind}_test\\.cpp$")
    endif()
    if(NOT chosen OR LUGE_FUZZ)
      continue()
    endif()
    luge_executable(${executable} SOURCES ${chosen} LINKS ${name} luge_test_support GTest::gmock GTest::gtest_main ${arg_PRIVATE_LINKS} ${arg_TEST_LINKS})
    luge_quick_to_compile(${executable})
    if(kind STREQUAL "emulator" AND LUGE_UNITY)
      luge_unite(${executable})
    endif()
    luge_precompile(${executable} <gmock/gmock.h> <gtest/gtest.h> ${arg_PRECOMPILE})
    set(labels_of_emulator snowflake)
    set(labels_of_model unit models)
    set(labels_of_ordinary unit)
    luge_gtest(${executable} ${labels_of_${kind}})
  endforeach()
endfunction()

# luge_quick_to_compile(<target>): without optimisation in debug builds. The tests' own code takes longer to compile than to run: what they test
# is optimised as everywhere.
function(luge_quick_to_compile target)
  target_compile_options(${target} PRIVATE "$<$<CONFIG:Debug>:SHELL:-O0 -U_FORTIFY_SOURCE>")
endfunction()

# luge_unite(<target>): compiles its files eight at a time, which takes a quarter of the time: most of what a cold file costs is the headers that it
# includes. So no two files of a cold library may give one name to different things, not even in an unnamed namespace.
function(luge_unite target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # takes the united file for a header
  endif()
endfunction()

# luge_precompile(<target> <header>...): parses the standard library's headers, and these, once for all files of the target. Only in sanitized
# builds with clang, where the tests are compiled: gcc forgets that what stands in a precompiled header is the system's, and warns of it; and one
# build must notice a source that forgets to include what it uses. flags.cmake tells ccache to know such objects again.
set(LUGE_STANDARD_HEADERS <algorithm> <chrono> <functional> <map> <memory> <mutex> <optional> <string> <string_view> <variant> <vector>)
function(luge_precompile target)
  get_target_property(sources ${target} SOURCES)
  list(LENGTH sources count)
  if(count LESS 4 OR NOT LUGE_SANITIZE OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    return()  # of few files it would cost more than it saves
  endif()
  target_precompile_headers(${target} PRIVATE ${LUGE_STANDARD_HEADERS} ${ARGN})
  target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
endfunction()

# luge_gtest(<target> <label>...): registers a GoogleTest executable with ctest. tools/test runs all executables of a label (in parallel,
# each as one process) and counts their cases; `ninja <label>_tests` builds them. Where nothing is sanitized, those that are labelled "unit" and
# nothing else are not part of `all`: make test runs them once, sanitized, and compiling them takes as long as all of luge. Of a release, none is.
function(luge_gtest target)
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS "${ARGN}")
  foreach(label IN LISTS ARGN)
    if(NOT TARGET ${label}_tests)
      add_custom_target(${label}_tests)
    endif()
    add_dependencies(${label}_tests ${target})
  endforeach()
  if(("${ARGN}" STREQUAL "unit" AND NOT LUGE_SANITIZE) OR CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
endfunction()

# luge_executable(<name> SOURCES ... LINKS ...)
function(luge_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
  target_link_libraries(${name} PRIVATE ${arg_LINKS} Threads::Threads)
endfunction()

# luge_fuzzer(<name> SOURCES ... LINKS ...): a libFuzzer target, only in the fuzz build. `ninja fuzzers` builds all of them.
function(luge_fuzzer name)
  if(NOT LUGE_FUZZ)
    return()
  endif()
  luge_executable(${name} ${ARGN})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzzers")
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name})
endfunction()
