# The CUDA library compiled by the host compiler, with the emulator in place of a GPU; and tests of both.
set_source_files_properties(${cuda_sources} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas;-Wno-maybe-uninitialized")

file(GLOB emulator_sources CONFIGURE_DEPENDS tools/cuda-emulator/*.cc)
add_library(neurode_emulator OBJECT ${emulator_sources})
add_library(neurode_cuda_objects OBJECT ${cuda_sources})
add_library(neurode_cuda_emulated MODULE $<TARGET_OBJECTS:neurode_cuda_objects> $<TARGET_OBJECTS:neurode_emulator>)
foreach(target neurode_emulator neurode_cuda_objects neurode_cuda_emulated)
  target_compile_definitions(${target} PRIVATE NEURODE_CUDA_EMULATOR NEURODE_ISA_NAMESPACE=cuda)
  target_compile_options(${target} PRIVATE -fno-strict-aliasing ${baseline_flags})
  target_link_libraries(${target} PRIVATE neurode_options)
endforeach()
set_target_properties(neurode_cuda_emulated PROPERTIES PREFIX "" SUFFIX ".so" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
# As the library for GPUs is linked; and its requests for memory are told from others'.
if(NOT NEURODE_SANITIZE)
  target_link_options(neurode_cuda_emulated PRIVATE -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL)
endif()

file(GLOB emulator_tests CONFIGURE_DEPENDS tools/cuda-emulator/tests/*.cc)
add_executable(emulator_test ${emulator_tests} $<TARGET_OBJECTS:neurode_cuda_objects> $<TARGET_OBJECTS:neurode_emulator>
                             native/engine/initializers.cc native/engine/op_table.cc native/engine/plugin_records.cc
                             native/engine/backward.cc native/engine/heads.cc native/engine/layers.cc native/engine/parameter_builder.cc
                             native/engine/pass_builder.cc native/engine/program.cc native/engine/program_dump.cc
                             native/engine/rearranging_layers.cc native/engine/task_order.cc)
target_compile_definitions(emulator_test PRIVATE NEURODE_CUDA_EMULATOR NEURODE_ISA_NAMESPACE=cuda)
target_compile_options(emulator_test PRIVATE -fno-strict-aliasing -Wno-unknown-pragmas ${baseline_flags})
target_link_libraries(emulator_test PRIVATE neurode_options)
set_target_properties(emulator_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# What stands in for cuBLASLt there.
foreach(version 12 13)
  add_library(neurode_cublas${version}_emulated MODULE tools/cuda-emulator/cublas/cublas_lt.cc)
  target_link_libraries(neurode_cublas${version}_emulated PRIVATE neurode_options)
  set_target_properties(neurode_cublas${version}_emulated PROPERTIES PREFIX "" OUTPUT_NAME libcublasLt.so.${version} SUFFIX ""
                                                                     LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/cublas)
endforeach()

# A library that the addon must leave alone.
add_library(neurode_cuda_other MODULE test/native/other_plugin.cc)
target_link_libraries(neurode_cuda_other PRIVATE neurode_options)
set_target_properties(neurode_cuda_other PROPERTIES PREFIX "" SUFFIX ".so" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# What lets requests to the system fail.
add_library(neurode_faults MODULE test/faults/faults.cc)
target_link_libraries(neurode_faults PRIVATE neurode_options)
target_compile_definitions(neurode_faults PRIVATE _GNU_SOURCE _LARGEFILE64_SOURCE)
set_target_properties(neurode_faults PROPERTIES PREFIX "" SUFFIX ".so" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
