# CUDA kernels, beside their CPU siblings.
#
# weft_cuda(NAME), after weft_folder(NAME ...); nothing unless WEFT_CUDA asks for it:
#   src/NAME/**/*.cu, *_cuda.cc -> object library weft_NAME_cuda: device code, plain C++ that calls the runtime
#   src/NAME/**/*_cuda_test.cc  -> test program weft_NAME_cuda_test, with the folder's *fixture_test.cc; exit
#                                  code 77, which ctest calls skipped, where there is no device
# Target weft_cuda compiles all of it and links nothing, so it needs none of the CPU's kernels.

set(WEFT_CUDA OFF CACHE STRING "CUDA kernels: ON (nvcc is required), OFF, or AUTO (where nvcc is found)")
set_property(CACHE WEFT_CUDA PROPERTY STRINGS AUTO ON OFF)
set(WEFT_CUDA_FOUND OFF)
if(WEFT_CUDA STREQUAL "AUTO")
  include(CheckLanguage)
  check_language(CUDA)
endif()
if(WEFT_CUDA STREQUAL "ON" OR (WEFT_CUDA STREQUAL "AUTO" AND CMAKE_CUDA_COMPILER))
  # The first device of every generation that nvcc knows; code for the last one suits later ones.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES all-major)
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(WEFT_CUDA_FOUND ON)
  add_custom_target(weft_cuda)
endif()

# What nvcc makes of C++ is not pedantic; the rest is what weft_settings asks for.
set(WEFT_CUDA_WARNINGS -Xcompiler=-Wall,-Wextra,-Wshadow)
if(WEFT_WERROR)
  list(APPEND WEFT_CUDA_WARNINGS --Werror=all-warnings -Xcompiler=-Werror)
endif()

function(weft_cuda name)
  if(NOT WEFT_CUDA_FOUND)
    return()
  endif()
  set(folder "${PROJECT_SOURCE_DIR}/src/${name}")
  file(GLOB_RECURSE kernels CONFIGURE_DEPENDS "${folder}/*.cu")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*_cuda.cc")
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS "${folder}/*_cuda_test.cc" "${folder}/*fixture_test.cc")

  set(target weft_${name}_cuda)
  add_library(${target} OBJECT ${kernels} ${sources})
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:${WEFT_WARNINGS}> $<$<COMPILE_LANGUAGE:CUDA>:${WEFT_CUDA_WARNINGS}>)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${target} PUBLIC CUDA::cudart_static)

  add_dependencies(weft_cuda ${target})

  if(BUILD_TESTING)
    add_library(${target}_test_objects OBJECT ${tests})
    weft_settings(${target}_test_objects)
    target_link_libraries(${target}_test_objects PRIVATE GTest::gtest)
    add_dependencies(weft_cuda ${target}_test_objects)
    add_executable(${target}_test)
    target_link_libraries(${target}_test PRIVATE ${target}_test_objects ${target} weft_${name} GTest::gtest)
    add_test(NAME cuda.${name} COMMAND ${target}_test)
    set_tests_properties(cuda.${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
  endif()
endfunction()
