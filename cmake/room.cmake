# A room is a folder of src/ with one job: one static library of all its sources, and the rooms it may use.
# scripts/check_layers holds the same list against the #includes.

# What every program and library is built with where sanitizers are asked for.
add_library(vivace_sanitizers INTERFACE)
if(VIVACE_SANITIZE)
  target_compile_options(vivace_sanitizers INTERFACE -fsanitize=${VIVACE_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer -g1)
  target_link_options(vivace_sanitizers INTERFACE -fsanitize=${VIVACE_SANITIZE})
endif()

add_library(vivace_flags INTERFACE)
target_link_libraries(vivace_flags INTERFACE vivace_sanitizers)
target_include_directories(vivace_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/generated)
target_compile_options(vivace_flags INTERFACE -Wall -Wextra -Werror -fno-math-errno -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(vivace_flags INTERFACE -Wno-restrict)  # GCC 12 is wrong about std::string's operator+
endif()

if(VIVACE_FUZZERS)
  target_compile_options(vivace_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# vivace_room(NAME USES ROOM...): sources are the *.cc of the calling folder, below it too unless they have a
# CMakeLists.txt of their own.
function(vivace_room name)
  cmake_parse_arguments(ARG "" "" "USES;SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  endif()
  if(NOT ARG_SOURCES)
    return()
  endif()
  add_library(vivace_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(vivace_${name} PUBLIC vivace_flags)
  foreach(used ${ARG_USES})
    if(TARGET vivace_${used})
      target_link_libraries(vivace_${name} PUBLIC vivace_${used})
    endif()
  endforeach()
endfunction()

# vivace_test(NAME USES ROOM...): one GoogleTest program of all *_test.cc in tests/NAME.
function(vivace_test name)
  cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name}_test PRIVATE VIVACE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name}_test PRIVATE vivace_sanitizers GTest::gtest GTest::gtest_main)
  foreach(used ${ARG_USES})
    if(TARGET vivace_${used})
      target_link_libraries(${name}_test PRIVATE vivace_${used})
    endif()
  endforeach()
  add_test(NAME ${name} COMMAND ${name}_test)
endfunction()
