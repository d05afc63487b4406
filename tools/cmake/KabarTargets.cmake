# One call declares a part of the house: its library, its tests by kind, its program.
#
#   kabar_library(NAME base SOURCES a.cc ... DEPS absl::strings kabar::base ...
#                 TESTS a_test.cc ... PGTESTS b_pgtest.cc ... REDISTESTS c_redistest.cc ...)
#   kabar_service(NAME contacts SOURCES ... MAIN main.cc DEPS ... TESTS ... PGTESTS ... REDISTESTS ...)
#   kabar_program(NAME kabarctl SOURCES main.cc ... DEPS ...)
#
# A library `x` is the target kabar::x. A service `x` is the library kabar::services::x, which only
# its own program and tests may link, and the program kabar-x. Test files by kind make one program
# each: x_test (no servers), x_pgtest (private PostgreSQL), x_redistest (private Redis).

# Everything that runs, without the tests: what tools/demo and tools/stack need.
add_custom_target(programs)

function(kabar_test_program target label link)
  set(sources ${ARGN})
  if(NOT sources)
    return()
  endif()
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE ${link} kabar::testing kabar_catch_main kabar_warnings)
  target_include_directories(${target} SYSTEM PRIVATE "${CATCH2_INCLUDE_DIR}")
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS ${label} TIMEOUT 300)
endfunction()

function(kabar_declare_library target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}")
    target_link_libraries(${target} PUBLIC ${ARG_DEPS} PRIVATE kabar_warnings)
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${CMAKE_SOURCE_DIR}")
    target_link_libraries(${target} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

function(kabar_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS;TESTS;PGTESTS;REDISTESTS" ${ARGN})
  set(target kabar_${ARG_NAME})
  kabar_declare_library(${target} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS})
  add_library(kabar::${ARG_NAME} ALIAS ${target})
  kabar_test_program(${ARG_NAME}_test unit ${target} ${ARG_TESTS})
  kabar_test_program(${ARG_NAME}_pgtest pg ${target} ${ARG_PGTESTS})
  kabar_test_program(${ARG_NAME}_redistest redis ${target} ${ARG_REDISTESTS})
endfunction()

function(kabar_service)
  cmake_parse_arguments(ARG "" "NAME;MAIN" "SOURCES;DEPS;TESTS;PGTESTS;REDISTESTS" ${ARGN})
  set(target kabar_services_${ARG_NAME})
  kabar_declare_library(${target} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS})
  add_library(kabar::services::${ARG_NAME} ALIAS ${target})
  add_executable(kabar-${ARG_NAME} ${ARG_MAIN})
  target_link_libraries(kabar-${ARG_NAME} PRIVATE ${target} kabar_warnings)
  if(NOT KABAR_SANITIZE)
    # A batch is thousands of small allocations, freed together by another thread than made them.
    target_link_libraries(kabar-${ARG_NAME} PRIVATE "${JEMALLOC_LIBRARY}")
  endif()
  add_dependencies(programs kabar-${ARG_NAME})
  kabar_test_program(${ARG_NAME}_test unit ${target} ${ARG_TESTS})
  kabar_test_program(${ARG_NAME}_pgtest pg ${target} ${ARG_PGTESTS})
  kabar_test_program(${ARG_NAME}_redistest redis ${target} ${ARG_REDISTESTS})
endfunction()

function(kabar_program)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(${ARG_NAME} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} kabar_warnings)
  add_dependencies(programs ${ARG_NAME})
endfunction()
