// The element types of requests: their properties, and the conversion of their bytes to floats.
#pragma once

#include <cstdint>

namespace neurode::serve {

// Element types of binary tensors, in the order of kDatatypes.
enum class Datatype {
  fp32,
  fp64,
  fp16,
  bf16,
  uint8,
  uint16,
  uint32,
  uint64,
  int8,
  int16,
  int32,
  int64
};

struct DatatypeRow {
  const char* name;
  int bytes;
  bool in_json;
  bool is_whole;
  float least, most;  // bounds of integers; unused for other types
};
inline constexpr DatatypeRow kDatatypes[] = {{"FP32", 4, true, false, 0, 0},
                                             {"FP64", 8, true, false, 0, 0},
                                             {"FP16", 2, false, false, 0, 0},
                                             {"BF16", 2, false, false, 0, 0},
                                             {"UINT8", 1, true, true, 0, 255},
                                             {"UINT16", 2, true, true, 0, 65535},
                                             {"UINT32", 4, true, true, 0, 0x1p32f},
                                             {"UINT64", 8, true, true, 0, 0x1p64f},
                                             {"INT8", 1, true, true, -128, 127},
                                             {"INT16", 2, true, true, -32768, 32767},
                                             {"INT32", 4, true, true, -0x1p31f, 0x1p31f},
                                             {"INT64", 8, true, true, -0x1p63f, 0x1p63f}};

std::int64_t bytes_of(Datatype datatype);
// Converts `count` elements to floats. The elements are little-endian and may lie at any address.
void convert(Datatype datatype, const char* bytes, std::int64_t count, float* values);

}  // namespace neurode::serve
