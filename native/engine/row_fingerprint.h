// A fingerprint of the op table's rows. Equal fingerprints mean that row numbers mean the same.
#pragma once

#include <cstdint>

#include "native/ops/activations.h"
#include "native/ops/features.h"
#include "native/ops/losses.h"
#include "native/ops/merges.h"
#include "native/ops/metrics.h"
#include "native/ops/noise.h"
#include "native/ops/optimizers.h"
#include "native/ops/pooling.h"
#include "native/ops/regularizers.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

// The hash FNV-1a of the names of all rows, in order.
constexpr std::uint64_t row_fingerprint() {
  std::uint64_t hash = 0xcbf29ce484222325u;
  constexpr const char* names[] = {
#define NEURODE_ROW(name, ...) #name,
      NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW) NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
          NEURODE_LOSSES(NEURODE_ROW) NEURODE_METRICS(NEURODE_ROW) NEURODE_OPTIMIZERS(NEURODE_ROW)
              NEURODE_NOISES(NEURODE_ROW) NEURODE_FEATURE_FUNCTIONS(NEURODE_ROW)
                  NEURODE_POOLINGS(NEURODE_ROW) NEURODE_MERGES(NEURODE_ROW)
                      NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW)
                          NEURODE_MATRIX_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  };
  for (const char* name : names) {
    for (const char* c = name; *c != '\0'; ++c)
      hash = (hash ^ static_cast<unsigned char>(*c)) * 0x100000001b3u;
    hash = (hash ^ 0x2fu) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
