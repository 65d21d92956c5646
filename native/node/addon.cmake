# simdgres_add_addon(<name> <source>...): a Node-API module <name>.node in build/Release, linked with the kernels.
# The headers come from node-api-headers and node-addon-api in node_modules: nothing is downloaded.
find_program(SIMDGRES_NODE_EXECUTABLE node REQUIRED)
execute_process(
  COMMAND ${SIMDGRES_NODE_EXECUTABLE} -p
          "require('node-api-headers').include_dir + ';' + require('path').dirname(require.resolve('node-addon-api'))"
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
  OUTPUT_VARIABLE simdgres_napi_includes
  OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE simdgres_napi_status)
if(NOT simdgres_napi_status EQUAL 0)
  message(FATAL_ERROR "node-api-headers or node-addon-api is not installed: run npm ci first.")
endif()
find_package(Threads REQUIRED)

function(simdgres_add_addon name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".node"
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_SOURCE_DIR}/build/Release)
  # SYSTEM: warnings in these headers are not ours to fix.
  target_include_directories(${name} SYSTEM PRIVATE ${simdgres_napi_includes})
  # A worker that is being terminated accepts no more exceptions. The last definition drops them; node-addon-api would
  # otherwise end the whole process.
  target_compile_definitions(${name} PRIVATE NAPI_VERSION=8 NODE_ADDON_API_CPP_EXCEPTIONS_ALL
    NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
  # Distances in float64 are reproducible bit by bit: no fused multiply-add that the source does not ask for.
  target_compile_options(${name} PRIVATE -fexceptions -ffp-contract=off)
  target_link_libraries(${name} PRIVATE simdgres_kernels Threads::Threads)
  if(APPLE)
    target_link_options(${name} PRIVATE -undefined dynamic_lookup)
  elseif(UNIX)
    # Threads of the pool outlive the environment that started them: the code must never be unmapped.
    target_link_options(${name} PRIVATE -Wl,-z,nodelete)
  endif()
endfunction()
