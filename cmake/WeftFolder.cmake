# How the folders of src/ become libraries, tests and the program.
#
# weft_folder(NAME USES folder... LINK target... [COLD])
#   COLD: built with -O1 in a release
#   src/NAME/**/*.cc            -> static library weft_NAME
#   src/NAME/**/*_simd.cc       -> compiled once per instruction set, see WEFT_ISAS
#   src/NAME/**/*_mechanism.cc  -> both: a part under #ifdef WEFT_ISA, another without; also for WEFT_DOT_ISAS
#   src/NAME/**/*_test.cc       -> test program weft_NAME_test
#   *_cuda.cc, *_cuda_test.cc   -> see WeftCuda.cmake
#   *_onednn.cc or *_plain.cc   -> the one of them that WEFT_ONEDNN says
# Files are found by their names: adding one needs no change here.

# Errors with the compilers that are tested; others warn about things that nobody has looked at yet.
set(WEFT_WERROR_DEFAULT OFF)
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13) OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
  set(WEFT_WERROR_DEFAULT ON)
endif()
option(WEFT_WERROR "Treat warnings as errors" ${WEFT_WERROR_DEFAULT})

set(WEFT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND WEFT_WARNINGS -Wno-restrict)  # false alarms at string concatenation in GCC 12 (bug 105651)
endif()
if(WEFT_WERROR)
  list(APPEND WEFT_WARNINGS -Werror)
endif()

# One source, several instruction sets. A *_simd.cc file puts all it defines into namespace WEFT_ISA and
# is picked at run time; it may include src/simd and the headers of base only, so that no inline
# function of a system header is compiled with instructions that the machine may lack.
set(WEFT_DOT_ISAS "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(WEFT_ISAS generic avx2 avx512)
  set(WEFT_DOT_ISAS avx512bf16)  # with a dot product of bf16: for the products of attention alone
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(WEFT_ISAS neon)
else()
  set(WEFT_ISAS generic)
endif()
set(WEFT_ISA_FLAGS_generic "")
set(WEFT_ISA_FLAGS_neon "")
set(WEFT_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(WEFT_ISA_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c
                          -mprefer-vector-width=512)
set(WEFT_ISA_FLAGS_avx512bf16 ${WEFT_ISA_FLAGS_avx512} -mavx512bf16 -DWEFT_ISA_avx512=1)

set(WEFT_ALL_FOLDERS "" CACHE INTERNAL "")

function(weft_settings target)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                              $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_include_directories(${target} SYSTEM PRIVATE ${TOMLPLUSPLUS_INCLUDE} ${RANDOM123_INCLUDE})
  # No contraction behind our back: kernels call fma() where they mean it, so that every template
  # instance of a kernel rounds alike (decode, chunked prefill and training agree bit for bit).
  target_compile_options(${target} PRIVATE ${WEFT_WARNINGS} -ffp-contract=off)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# Tests spend their time in the library, which is optimised; compiling them is half of a build.
function(weft_test_settings target)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${target} PRIVATE -O1)
  endif()
endfunction()

# Most of the time in which Clang compiles vector code with its sanitizers goes into the check that
# sums of pointers neither wrap nor begin at null (104 s of the lab's largest file, 34 without); what
# is read or written beyond an array or at null, the address sanitizer sees.
set(WEFT_ISA_SANITIZE "")
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=[a-z,]*undefined")
  set(WEFT_ISA_SANITIZE -fno-sanitize=pointer-overflow)
endif()

# The files of a folder compiled for one instruction set; appends to `objects` of the caller.
function(weft_isa_objects name isa)
  if(NOT ARGN)
    return()
  endif()
  add_library(weft_${name}_${isa} OBJECT ${ARGN})
  weft_settings(weft_${name}_${isa})
  target_compile_options(weft_${name}_${isa} PRIVATE ${WEFT_ISA_FLAGS_${isa}} ${WEFT_ISA_SANITIZE})
  target_compile_definitions(weft_${name}_${isa} PRIVATE WEFT_ISA=${isa} WEFT_ISA_${isa}=1)
  set(objects ${objects} $<TARGET_OBJECTS:weft_${name}_${isa}> PARENT_SCOPE)
endfunction()

function(weft_folder name)
  cmake_parse_arguments(ARG "COLD" "" "USES;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cc")
  set(simd ${sources})
  set(tests ${sources})
  list(FILTER simd INCLUDE REGEX "_(simd|mechanism)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER tests EXCLUDE REGEX "_cuda_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_simd|_test|_bench|_cuda|/main)\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_${WEFT_OTHER_GEMM}\\.cc$")

  set(links ${ARG_LINK})
  foreach(folder IN LISTS ARG_USES)
    list(APPEND links weft_${folder})
  endforeach()

  if(sources OR simd)
    set(objects "")
    set(mechanisms ${simd})
    list(FILTER mechanisms INCLUDE REGEX "_mechanism\\.cc$")
    foreach(isa IN LISTS WEFT_ISAS)
      weft_isa_objects(${name} ${isa} ${simd})
    endforeach()
    foreach(isa IN LISTS WEFT_DOT_ISAS)
      weft_isa_objects(${name} ${isa} ${mechanisms})
    endforeach()
    add_library(weft_${name} STATIC ${sources} ${objects})
    weft_settings(weft_${name})
    target_link_libraries(weft_${name} PUBLIC ${links})
    if(ARG_COLD AND CMAKE_BUILD_TYPE STREQUAL "Release")
      target_compile_options(weft_${name} PRIVATE -O1)
    endif()
    set(WEFT_ALL_FOLDERS ${WEFT_ALL_FOLDERS} ${name} CACHE INTERNAL "")
  else()
    add_library(weft_${name} INTERFACE)
    target_link_libraries(weft_${name} INTERFACE ${links})
    target_include_directories(weft_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
  endif()

  if(BUILD_TESTING AND tests)
    add_executable(weft_${name}_test ${tests})
    weft_settings(weft_${name}_test)
    weft_test_settings(weft_${name}_test)
    target_link_libraries(weft_${name}_test PRIVATE weft_${name} GTest::gtest GTest::gtest_main)
    gtest_discover_tests(weft_${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 600)
  endif()
endfunction()

# The installed library: the objects of every folder that an embedding program may use, in one archive.
function(weft_library)
  set(objects "")
  set(folders ${WEFT_ALL_FOLDERS})
  foreach(folder IN LISTS folders)
    list(APPEND objects $<TARGET_OBJECTS:weft_${folder}>)
    foreach(isa IN LISTS WEFT_ISAS WEFT_DOT_ISAS)  # not among the objects of the folder's own target
      if(TARGET weft_${folder}_${isa})
        list(APPEND objects $<TARGET_OBJECTS:weft_${folder}_${isa}>)
      endif()
    endforeach()
  endforeach()
  add_library(weft STATIC ${objects})
  set_target_properties(weft PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME weft)
  target_include_directories(weft PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                         $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(weft PUBLIC Threads::Threads PRIVATE fmt::fmt PkgConfig::XXHASH
                        OpenMP::OpenMP_CXX ${WEFT_GEMM_LIBRARY})
  include(WeftInstall OPTIONAL)
endfunction()

function(weft_program)
  if(NOT EXISTS "${PROJECT_SOURCE_DIR}/src/cli/main.cc")
    return()
  endif()
  add_executable(weft_exe "${PROJECT_SOURCE_DIR}/src/cli/main.cc")
  set_target_properties(weft_exe PROPERTIES OUTPUT_NAME weft)
  weft_settings(weft_exe)
  target_link_libraries(weft_exe PRIVATE weft_cli)
  install(TARGETS weft_exe RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  weft_shell_files()
endfunction()

function(weft_system_tests)
  if(BUILD_TESTING AND EXISTS "${PROJECT_SOURCE_DIR}/tests/CMakeLists.txt")
    add_subdirectory("${PROJECT_SOURCE_DIR}/tests" "${PROJECT_BINARY_DIR}/tests")
  endif()
endfunction()
