# Third-party code; docs/dependencies.md says why each is here. All but threads and dl is header-only or static,
# so that libvivace.so needs nothing but the C and C++ runtimes.
find_package(Threads REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(FMT_INCLUDE_DIR fmt/core.h REQUIRED)
find_path(FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h REQUIRED)
find_program(FLATC flatc REQUIRED)
if(VIVACE_TESTS)
  find_package(GTest REQUIRED)
endif()
