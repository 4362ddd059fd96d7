# cmake --install: the program, include/weft, libweft.a and a package that find_package(weft) reads.
# Target weft_package builds what it needs and no test.
#
# libweft.a holds Weft's own code alone; a program that links it also links the shared libraries named
# in weftConfig.cmake. fmt, JSON, TOML and so on do not show in the public headers.

include(CMakePackageConfigHelpers)
set(weft_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/weft")

# Said before anything is copied: a build of the program alone has no libweft.a. (The blank before the
# message keeps it on one line.)
install(CODE "
  foreach(file IN ITEMS \"$<TARGET_FILE:weft>\" \"$<TARGET_FILE:weft_exe>\")
    if(NOT EXISTS \"\${file}\")
      message(FATAL_ERROR \" \${file} is not built: run scripts/build release weft_package first\")
    endif()
  endforeach()")

target_compile_features(weft PUBLIC cxx_std_20)  # the public headers are C++20
install(TARGETS weft EXPORT weftTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/weft" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(EXPORT weftTargets NAMESPACE weft:: DESTINATION "${weft_package_dir}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/weftConfig.cmake.in" "${PROJECT_BINARY_DIR}/weftConfig.cmake"
  INSTALL_DESTINATION "${weft_package_dir}")
# 0.x: a program built for 0.1 is promised nothing by 0.2.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/weftConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/weftConfig.cmake" "${PROJECT_BINARY_DIR}/weftConfigVersion.cmake"
        DESTINATION "${weft_package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
