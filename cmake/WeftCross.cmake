# What a build for another platform takes from this one: libraries that are usable from their headers
# alone, and GoogleTest's sources (Debian: googletest). CMakeLists.txt includes this in place of the
# packages, whose libraries are of this machine.

add_library(fmt::fmt INTERFACE IMPORTED)
set_target_properties(fmt::fmt PROPERTIES INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY)
add_library(PkgConfig::XXHASH INTERFACE IMPORTED)
set_target_properties(PkgConfig::XXHASH PROPERTIES INTERFACE_COMPILE_DEFINITIONS XXH_INLINE_ALL)

if(BUILD_TESTING)
  set(WEFT_GOOGLETEST /usr/src/googletest CACHE PATH "Sources of GoogleTest")
  set(BUILD_GMOCK OFF)
  set(INSTALL_GTEST OFF)
  add_subdirectory("${WEFT_GOOGLETEST}" "${CMAKE_BINARY_DIR}/googletest" EXCLUDE_FROM_ALL)
  target_compile_options(gtest PRIVATE -w)
endif()
