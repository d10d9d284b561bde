# Language, warnings, hardening, sanitizers, linker, compiler cache. Presets choose among them; nothing here depends on a folder.

set(LUGE_SANITIZE "" CACHE STRING "Value of -fsanitize= for everything, for example address,undefined or thread")
option(LUGE_FUZZ "Build only the libFuzzer targets of tests/fuzz (needs clang)" OFF)
option(LUGE_UNITY "Compile the cold libraries' files together (luge_unite); off: each for itself, which shows what a file forgets to include" ON)
option(LUGE_ASSERTIONS "Range and state checks of the standard library" OFF)
option(LUGE_LTO "Link-time optimisation" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)  # DuckDB lies outside the system's directories
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)     # otherwise CMake pads the path with an empty entry, which means the current directory
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths relative to the tree and no hash of the build directory: every clone and every build directory shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Werror -fno-semantic-interposition -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict)  # gcc bug 105651: at -O3, "text" + std::string is said to overlap itself
endif()
add_link_options(LINKER:-z,relro,-z,now)
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

if(LUGE_ASSERTIONS)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
if(LUGE_SANITIZE)
  add_compile_options(-fsanitize=${LUGE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LUGE_SANITIZE})
  add_compile_definitions(LUGE_SANITIZED)  # for tests: each step costs several times as much, so they take fewer of them
else()
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)  # hides accesses from the sanitizers, so it goes without them
endif()
if(LUGE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# gcc's LTO needs its own plug-in, which lld does not load; everything else links with lld when it is there.
if(LUGE_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
else()
  find_program(LUGE_LLD ld.lld HINTS /usr/lib/llvm-16/bin)
  if(LUGE_LLD)
    cmake_path(GET LUGE_LLD PARENT_PATH directory)
    add_link_options(-fuse-ld=lld -B${directory})
  endif()
endif()
