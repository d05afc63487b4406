# How everything of ours is compiled: C++20, ccache and mold where present, warnings as errors but in
# a release
# (generated code exempt), sanitizers by -DKABAR_SANITIZE=address,undefined or thread.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

option(KABAR_FAILPOINTS "Compile the named fail points in (test builds)" OFF)
option(KABAR_FUZZ "Build tests/fuzz for libFuzzer (clang only)" OFF)
option(KABAR_WERROR "Warnings are errors" OFF)
set(KABAR_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

find_program(KABAR_CCACHE ccache)
if(KABAR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the source folder become relative, so that every build folder shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}"
      CCACHE_NOHASHDIR=1 "${KABAR_CCACHE}")
endif()

find_program(KABAR_MOLD mold)
if(KABAR_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_link_options(-Wl,--as-needed)

if(KABAR_SANITIZE)
  add_compile_options("-fsanitize=${KABAR_SANITIZE}" -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${KABAR_SANITIZE}")
endif()
if(KABAR_FAILPOINTS)
  add_compile_definitions(KABAR_FAILPOINTS=1)
endif()

add_library(kabar_warnings INTERFACE)
target_compile_options(kabar_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                                -Woverloaded-virtual)
# For who works on the code. A release must build with whatever compiler a user has (also one whose
# optimiser warns of what is not so), and clang, for the fuzzers, has warnings of its own.
if(KABAR_WERROR)
  target_compile_options(kabar_warnings INTERFACE -Werror)
endif()
