# What other projects find the library by, and the packages: `cpack` makes a .deb and a .tar.gz.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vivace)
install(EXPORT vivaceTargets NAMESPACE vivace:: DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/vivaceConfig.cmake.in ${PROJECT_BINARY_DIR}/vivaceConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vivaceConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vivaceConfig.cmake ${PROJECT_BINARY_DIR}/vivaceConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

configure_file(${PROJECT_SOURCE_DIR}/cmake/vivace.pc.in ${PROJECT_BINARY_DIR}/vivace.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/vivace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# Packaging takes what is built; it does not build the tests.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_CONTACT "The Vivace developers <vivace@localhost>")
set(CPACK_PACKAGE_VENDOR "Vivace")
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_FILE_NAME vivace-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
