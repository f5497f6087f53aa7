# SPDX-License-Identifier: BSD-2-Clause
# What every folder's CMakeLists.txt builds with: one way to make a program, a unit test and a fuzz target.
# The kernel module and the freestanding hypervisor are no user-space programs and bring their own rules.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(BULKHEAD_INCLUDES ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/hypervisor/include)
set(BULKHEAD_WARNINGS -Wall -Wextra -Werror)
set(BULKHEAD_SANITIZE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
include_directories(${BULKHEAD_INCLUDES})
add_compile_options(${BULKHEAD_WARNINGS})
add_compile_definitions(_GNU_SOURCE BULKHEAD_VERSION="${PROJECT_VERSION}")

# A library is named in LIBS as the linker names it; its pkg-config name brings include folders along.
find_package(PkgConfig REQUIRED)
foreach(pair uv:libuv xml2:libxml-2.0 systemd:libsystemd uring:liburing seccomp:libseccomp crypto:libcrypto ssl:libssl check:check archive:libarchive)
  string(REGEX MATCH "^([^:]+):(.+)$" _ ${pair})
  pkg_check_modules(BULKHEAD_${CMAKE_MATCH_1} REQUIRED QUIET IMPORTED_TARGET ${CMAKE_MATCH_2})
endforeach()

# bulkhead_link(<target> <lib>...): pkg-config's target for a known name, else the name itself (a CMake target or -l<name>).
function(bulkhead_link target)
  foreach(lib ${ARGN})
    if(TARGET PkgConfig::BULKHEAD_${lib})
      target_link_libraries(${target} PRIVATE PkgConfig::BULKHEAD_${lib})
    else()
      target_link_libraries(${target} PRIVATE ${lib})
    endif()
  endforeach()
endfunction()

# bulkhead_program(NAME x SOURCES ... [LIBS ...] [INCLUDES ...] [DEFINITIONS ...] [STATIC]): an ordinary executable, hardened.
# STATIC: without shared libraries; LIBS are then as the linker or CMake names them.
function(bulkhead_program)
  cmake_parse_arguments(arg "STATIC" "NAME" "SOURCES;LIBS;INCLUDES;DEFINITIONS" ${ARGN})
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_include_directories(${arg_NAME} PRIVATE ${arg_INCLUDES})
  target_compile_definitions(${arg_NAME} PRIVATE ${arg_DEFINITIONS})
  target_compile_options(${arg_NAME} PRIVATE -fstack-protector-strong -fstack-clash-protection -fPIE
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  target_link_options(${arg_NAME} PRIVATE -Wl,-z,relro,-z,now,-z,noexecstack)
  if(arg_STATIC)
    # libuv could look up users, for which the C library would load others; nothing here asks it to.
    target_link_options(${arg_NAME} PRIVATE -static-pie -Wl,--no-warnings)
    target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBS})
  else()
    target_link_options(${arg_NAME} PRIVATE -pie)
    bulkhead_link(${arg_NAME} ${arg_LIBS})
  endif()
endfunction()

# Tests are built by `tests`, not by `all`: a demo or an installation does without them.
add_custom_target(tests)

# Old sanitizer run times crash at start where the kernel randomizes 32 bits of addresses; setarch -R avoids it where allowed.
execute_process(COMMAND setarch -R true RESULT_VARIABLE setarch_failed OUTPUT_QUIET ERROR_QUIET)
if(setarch_failed)
  set(BULKHEAD_TEST_LAUNCHER)
else()
  set(BULKHEAD_TEST_LAUNCHER setarch -R)
endif()

# Compiles the real sources of a folder's unit tests once for all that have them with the same LIBS, INCLUDES and DEFINITIONS.
# Into <ret>: their objects, and the sources of the folder itself as they are. arg_ as in bulkhead_unit_test.
function(bulkhead_sanitized_objects ret)
  set(objects)
  foreach(source ${arg_SOURCES})
    get_filename_component(path ${source} ABSOLUTE)
    string(FIND ${path} ${CMAKE_CURRENT_SOURCE_DIR}/ own)
    if(own EQUAL 0)
      list(APPEND objects ${source})
      continue()
    endif()
    string(MD5 key "${CMAKE_CURRENT_SOURCE_DIR};${path};${arg_LIBS};${arg_INCLUDES};${arg_DEFINITIONS}")
    if(NOT TARGET sanitized-${key})
      add_library(sanitized-${key} OBJECT EXCLUDE_FROM_ALL ${path})
      target_include_directories(sanitized-${key} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${arg_INCLUDES})
      target_compile_definitions(sanitized-${key} PRIVATE ${arg_DEFINITIONS})
      target_compile_options(sanitized-${key} PRIVATE -O1 -g ${BULKHEAD_SANITIZE})
      bulkhead_link(sanitized-${key} check ${arg_LIBS})
    endif()
    list(APPEND objects $<TARGET_OBJECTS:sanitized-${key}>)
  endforeach()
  set(${ret} ${objects} PARENT_SCOPE)
endfunction()

# bulkhead_unit_test(NAME test_x SOURCES test_x.c <real sources> [LIBS ...] [INCLUDES ...] [DEFINITIONS ...]):
# test unit-x, on Check, under ASan and UBSan, label unit.
function(bulkhead_unit_test)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;LIBS;INCLUDES;DEFINITIONS" ${ARGN})
  string(REGEX REPLACE "^test_" "" short ${arg_NAME})
  bulkhead_sanitized_objects(objects)
  add_executable(${arg_NAME} EXCLUDE_FROM_ALL ${objects})
  add_dependencies(tests ${arg_NAME})
  target_include_directories(${arg_NAME} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${arg_INCLUDES})
  target_compile_definitions(${arg_NAME} PRIVATE ${arg_DEFINITIONS})
  target_compile_options(${arg_NAME} PRIVATE -O1 -g ${BULKHEAD_SANITIZE})
  target_link_options(${arg_NAME} PRIVATE ${BULKHEAD_SANITIZE})
  bulkhead_link(${arg_NAME} check ${arg_LIBS})
  add_test(NAME unit-${short} COMMAND ${BULKHEAD_TEST_LAUNCHER} $<TARGET_FILE:${arg_NAME}>)
  set_tests_properties(unit-${short} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

find_program(BULKHEAD_CLANG NAMES clang-14 clang)
set(BULKHEAD_FUZZ_SECONDS 6 CACHE STRING "how long ctest runs each fuzz target")

# bulkhead_fuzz_target(NAME fuzz_x SOURCES fuzz_x.c <real sources> [LIBS ...] [INCLUDES ...] [DEFINITIONS ...] [CORPUS dir]):
# test fuzz-x, libFuzzer for BULKHEAD_FUZZ_SECONDS from the seeds in CORPUS, label fuzz. Built by clang, beside the project's compiler.
function(bulkhead_fuzz_target)
  cmake_parse_arguments(arg "" "NAME;CORPUS" "SOURCES;LIBS;INCLUDES;DEFINITIONS" ${ARGN})
  if(NOT BULKHEAD_CLANG)
    message(WARNING "no clang: ${arg_NAME} is left out")
    return()
  endif()
  string(REGEX REPLACE "^fuzz_" "" short ${arg_NAME})
  set(flags -std=gnu17 -O1 -g ${BULKHEAD_WARNINGS} -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
    -D_GNU_SOURCE "-DBULKHEAD_VERSION=\"${PROJECT_VERSION}\"")
  foreach(dir ${CMAKE_CURRENT_SOURCE_DIR} ${BULKHEAD_INCLUDES} ${arg_INCLUDES})
    get_filename_component(dir ${dir} ABSOLUTE)
    list(APPEND flags -I${dir})
  endforeach()
  foreach(definition ${arg_DEFINITIONS})
    list(APPEND flags -D${definition})
  endforeach()
  set(link)
  foreach(lib ${arg_LIBS})
    if(TARGET PkgConfig::BULKHEAD_${lib})
      list(APPEND flags ${BULKHEAD_${lib}_CFLAGS})
      list(APPEND link ${BULKHEAD_${lib}_LDFLAGS})
    else()
      list(APPEND link -l${lib})
    endif()
  endforeach()
  # What several targets of a folder compile with the same flags is compiled once.
  string(MD5 key "${flags}")
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/objects-${key})
  file(MAKE_DIRECTORY ${folder})
  set(objects)
  foreach(source ${arg_SOURCES})
    get_filename_component(source ${source} ABSOLUTE)
    file(RELATIVE_PATH object ${PROJECT_SOURCE_DIR} ${source})
    string(REPLACE "/" "_" object ${object})
    set(object ${folder}/${object}.o)
    list(APPEND objects ${object})
    get_property(known DIRECTORY PROPERTY BULKHEAD_FUZZ_OBJECTS)
    if(NOT object IN_LIST known)
      set_property(DIRECTORY APPEND PROPERTY BULKHEAD_FUZZ_OBJECTS ${object})
      add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d VERBATIM
        COMMAND ${BULKHEAD_CLANG} ${flags} -MD -MF ${object}.d -c ${source} -o ${object})
    endif()
  endforeach()
  set(program ${folder}/${arg_NAME})
  add_custom_command(OUTPUT ${program} DEPENDS ${objects} VERBATIM
    COMMAND ${BULKHEAD_CLANG} -fsanitize=fuzzer,address,undefined ${objects} -o ${program} ${link})
  add_custom_target(${arg_NAME} DEPENDS ${program})
  add_dependencies(tests ${arg_NAME})

  # libFuzzer adds what it finds to the first folder; the seeds in the tree stay as they are.
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.corpus)
  file(MAKE_DIRECTORY ${found})
  set(seeds)
  if(arg_CORPUS)
    get_filename_component(seeds ${arg_CORPUS} ABSOLUTE)
  endif()
  add_test(NAME fuzz-${short} COMMAND ${BULKHEAD_TEST_LAUNCHER} ${program} -max_total_time=${BULKHEAD_FUZZ_SECONDS}
    -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix=${found}- ${found} ${seeds})
  set_tests_properties(fuzz-${short} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()

# bulkhead_lab_test(NAME x SCRIPT scenario.sh [OPTIONS run-scenario's options...]): test lab-x, label lab: the scenario in a lab
# machine of its own, with nothing beside it on this one.
function(bulkhead_lab_test)
  cmake_parse_arguments(arg "" "NAME;SCRIPT" "OPTIONS" ${ARGN})
  get_filename_component(script ${arg_SCRIPT} ABSOLUTE)
  add_test(NAME lab-${arg_NAME} COMMAND ${PROJECT_SOURCE_DIR}/tests/lab/run-scenario --quiet --build ${PROJECT_BINARY_DIR}
    --name ${arg_NAME} ${script} ${arg_OPTIONS})
  set_tests_properties(lab-${arg_NAME} PROPERTIES LABELS lab RUN_SERIAL ON TIMEOUT 420)
endfunction()
