# The CUDA library beside the addon, where a CUDA compiler of 12.8 or newer is found; and the line that says so.
# Files are compiled by commands of our own: CMake's CUDA language cannot name architectures newer than itself.

if(DEFINED ENV{NEURODE_CUDA_ARCHS})
  string(REGEX MATCHALL "[0-9]+a?" NEURODE_CUDA_ARCHS "$ENV{NEURODE_CUDA_ARCHS}")
else()
  # Machine code for each, PTX for the last.
  set(NEURODE_CUDA_ARCHS 75 80 86 89 90 100 120)
endif()

find_program(NEURODE_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
set(cuda_problem "no CUDA compiler was found")
if(NEURODE_NVCC)
  execute_process(COMMAND ${NEURODE_NVCC} --version OUTPUT_VARIABLE nvcc_text ERROR_VARIABLE nvcc_text RESULT_VARIABLE nvcc_status)
  string(REGEX MATCH "V([0-9]+\\.[0-9]+)" nvcc_version "${nvcc_text}")
  set(nvcc_version ${CMAKE_MATCH_1})
  if(NOT nvcc_status EQUAL 0 OR NOT nvcc_version)
    set(cuda_problem "${NEURODE_NVCC} does not run")
  elseif(nvcc_version VERSION_LESS 12.8)
    set(cuda_problem "${NEURODE_NVCC} is of version ${nvcc_version}, older than 12.8")
  else()
    set(cuda_problem "")
  endif()
endif()
if(NOT NEURODE_CUDA_ARCHS)
  set(cuda_problem "NEURODE_CUDA_ARCHS names no architecture")
endif()

# Where cmake-js puts the addon.
if(CMAKE_LIBRARY_OUTPUT_DIRECTORY)
  set(cuda_folder ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
else()
  set(cuda_folder ${CMAKE_BINARY_DIR}/Release)
endif()
set(cuda_library ${cuda_folder}/neurode_cuda.so)

if(cuda_problem)
  file(REMOVE ${cuda_library})
  message(STATUS "Neurode: a CPU-only build (${isas}): ${cuda_problem}")
  return()
endif()

list(JOIN NEURODE_CUDA_ARCHS " " arch_text)
message(STATUS "Neurode: with CUDA ${nvcc_version} for ${arch_text}")
# Their PTX is of the oldest that it is the same for: most of the time to compile goes into PTX.
set(ptx_of_86 80)
set(ptx_of_89 80)
set(ptx_of_100 90)
set(arch_flags "")
foreach(arch IN LISTS NEURODE_CUDA_ARCHS)
  set(ptx ${arch})
  if(DEFINED ptx_of_${arch})
    set(ptx ${ptx_of_${arch}})
  endif()
  list(APPEND arch_flags -gencode=arch=compute_${ptx},code=sm_${arch})
endforeach()
list(APPEND arch_flags -gencode=arch=compute_${ptx},code=compute_${ptx})
set(cuda_flags -std=c++20 -O3 -ftz=true -DNDEBUG -DNEURODE_ISA_NAMESPACE=cuda -I${CMAKE_SOURCE_DIR} ${arch_flags}
               -Xcompiler=-fPIC,-fvisibility=hidden,-fvisibility-inlines-hidden,-Wall,-Wno-psabi)
# A quarter of the size. Drivers of CUDA 12 read the better compression only since 12.4.
if(nvcc_version VERSION_LESS 13)
  list(APPEND cuda_flags -Xfatbin=-compress-all)
else()
  list(APPEND cuda_flags --compress-mode=size)
endif()

set(cuda_objects "")
foreach(name IN LISTS cuda_sources)
  set(source ${CMAKE_SOURCE_DIR}/${name})
  set(object ${CMAKE_BINARY_DIR}/${name}.o)
  cmake_path(GET object PARENT_PATH object_folder)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${object_folder}
    COMMAND ${NEURODE_NVCC} ${cuda_flags} -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Compiling ${name}"
    VERBATIM)
  list(APPEND cuda_objects ${object})
endforeach()

# The CUDA runtime calls shm_open. Where it is in libc.so.6, older systems still have it in librt.so.1 alone.
find_file(NEURODE_LIBRT librt.so.1 PATHS /lib64 /lib/x86_64-linux-gnu /lib/aarch64-linux-gnu NO_DEFAULT_PATH)
set(librt "")
if(NEURODE_LIBRT)
  set(librt -Xlinker=--no-as-needed,${NEURODE_LIBRT},--as-needed)
endif()

add_custom_command(
  OUTPUT ${cuda_library}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${cuda_folder}
  COMMAND ${NEURODE_NVCC} ${arch_flags} -shared -cudart=static -o ${cuda_library} ${cuda_objects} $<TARGET_OBJECTS:neurode_old_glibc> ${librt}
          -Xcompiler=-static-libstdc++,-static-libgcc -Xlinker=--exclude-libs,ALL,-z,relro,-z,now,--gc-sections
          -Xlinker=-soname,neurode_cuda.so,--version-script=${CMAKE_SOURCE_DIR}/cmake/cuda.map
  COMMAND ${CMAKE_STRIP} --strip-unneeded ${cuda_library}
  DEPENDS ${cuda_objects} neurode_old_glibc $<TARGET_OBJECTS:neurode_old_glibc> ${CMAKE_SOURCE_DIR}/cmake/cuda.map
  COMMENT "Linking neurode_cuda.so"
  VERBATIM)
add_custom_target(neurode_cuda ALL DEPENDS ${cuda_library})
