// Ranges of batches as they cross: what is asked for, and the sums that come back.
#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode::addon {

constexpr std::int64_t kMostRows = std::int64_t{1} << 31;

// A range of these data, and the arrays that it fills and takes.
BatchRange to_range(Napi::Object options, const DataView& data, const Program& program);

Reservation to_reservation(Napi::Object options, const Program& program);

// One for each batch of the range.
std::vector<float> to_learning_rates(Napi::Object options, std::int64_t batches);

// What was drawn the order of a shuffled range from.
OrderKey to_order_key(Napi::Object options, std::int64_t rows);

// Memory for the outputs of so many rows.
float* output_of(Napi::Value value, std::int64_t rows, int outputs);

// batches, rows, loss, counted, weight, penalty, and those of the metrics.
Napi::Value to_sums(Napi::Env env, const Sums& sums);

}  // namespace neurode::addon
