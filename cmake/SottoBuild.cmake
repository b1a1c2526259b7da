# Build rules shared by every folder: warnings, sanitizers, and the three kinds of target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
find_package(Catch2 2 REQUIRED)

# Every target of ours links this one: language level, include root, warnings as errors.
add_library(sotto_build INTERFACE)
target_include_directories(sotto_build INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(sotto_build INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12's flow analysis reports inlined library code: string concatenation always, the sanitizers' own
  # branches when they are on. These are warnings about <string> and <functional>, never about us.
  target_compile_options(sotto_build INTERFACE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
                         -Wno-stringop-overread)
  if(SOTTO_SANITIZE)
    target_compile_options(sotto_build INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(SOTTO_SANITIZE OR SOTTO_FUZZ)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
if(SOTTO_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# sotto_heavy_sources(a.cpp ...): sources that instantiate Beast or all of Catch2. GCC takes three minutes
# to optimize one of them with sanitizers on; unoptimized, half a minute.
function(sotto_heavy_sources)
  if(SOTTO_SANITIZE)
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O0)
  endif()
endfunction()

# sotto_library(name SOURCES a.cpp ... [DEPS lib ...])
# A static library named sotto_<name>, or a header-only one when SOURCES is empty.
function(sotto_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(sotto_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(sotto_${name} PUBLIC sotto_build ${ARG_DEPS})
  else()
    add_library(sotto_${name} INTERFACE)
    target_link_libraries(sotto_${name} INTERFACE sotto_build ${ARG_DEPS})
  endif()
endfunction()

# sotto_program(name SOURCES ... DEPS ...): an executable in build/<preset>/bin.
function(sotto_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sotto_build ${ARG_DEPS})
endfunction()

# sotto_test(name SOURCES ... DEPS ... [LABEL unit|sim|integration] [TIMEOUT seconds]):
# a Catch2 executable and its ctest entry. Test data is found through SOTTO_TEST_DATA.
function(sotto_test name)
  if(SOTTO_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sotto_build sotto_catch_main ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_precompile_headers(${name} REUSE_FROM sotto_catch_main)
  add_test(NAME ${name} COMMAND ${name} --durations no)
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# All fuzz targets and what they need, without the programs and libraries that none of them touches.
add_custom_target(fuzzers)

# sotto_fuzzer(name SOURCES ... DEPS ...): a libFuzzer target, built with the `fuzz` preset (clang).
# ctest runs each for a short while over its seed corpus in tests/fuzz/corpus/<name>, where there is one.
function(sotto_fuzzer name)
  if(NOT SOTTO_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE sotto_build ${ARG_DEPS} -fsanitize=fuzzer)
  add_dependencies(fuzzers fuzz_${name})
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set(work ${CMAKE_BINARY_DIR}/fuzz/work_${name})
  file(MAKE_DIRECTORY ${work})
  if(NOT EXISTS ${corpus})
    set(corpus)
  endif()
  add_test(NAME fuzz_${name} COMMAND fuzz_${name} -seed=1 -max_total_time=5 -rss_limit_mb=2048 -timeout=10 ${work} ${corpus})
  set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 60)
endfunction()

if(NOT SOTTO_FUZZ)
  add_library(sotto_catch_main STATIC
    ${CMAKE_SOURCE_DIR}/tests/support/CatchMain.cpp ${CMAKE_SOURCE_DIR}/tests/support/Precompiled.cpp)
  target_link_libraries(sotto_catch_main PUBLIC Catch2::Catch2 PRIVATE sotto_build)
  # The tests reuse this target's precompiled header, so both need the same definitions.
  target_compile_definitions(sotto_catch_main PUBLIC
    SOTTO_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/vectors"
    SOTTO_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    SOTTO_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  target_precompile_headers(sotto_catch_main PRIVATE <catch2/catch.hpp>)
  # It defines what makes catch.hpp an implementation, which comes too late after the precompiled one.
  set_source_files_properties(${CMAKE_SOURCE_DIR}/tests/support/CatchMain.cpp
    PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  sotto_heavy_sources(${CMAKE_SOURCE_DIR}/tests/support/CatchMain.cpp)
endif()
