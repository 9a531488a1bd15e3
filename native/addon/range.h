// Converts ranges of batches from JavaScript, and their sums back to JavaScript.
#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode::addon {

constexpr std::int64_t kMostRows = std::int64_t{1} << 31;

// Reads a range of this data, and the arrays that the range fills and reads.
BatchRange to_range(Napi::Object options, const DataView& data, const Program& program);

// Reads the arrays `captured` and `inputGradients`, which the range fills, and `gradients`, which
// the range reads.
void take_arrays(Napi::Object options, const Program& program, BatchRange& range);

// Reads `update`, and returns the memory of the arrays `parameterGradients`, by parameter: empty if
// there are none.
std::vector<float*> take_update(Napi::Object options, const Program& program, BatchRange& range);

Reservation to_reservation(Napi::Object options, const Program& program);

// One learning rate for each batch of the range.
std::vector<float> to_learning_rates(Napi::Object options, std::int64_t batches);

// The key of the order of a shuffled range.
OrderKey to_order_key(Napi::Object options, std::int64_t rows);

// The memory of an array for the outputs of this many rows. Throws if its size is wrong.
float* output_of(Napi::Value value, std::int64_t rows, int outputs);

// Appends batches, rows, loss, counted, weight, penalty, the loss, counted and weight of further
// heads, the sums of the metrics, and those of the tallies.
void append(std::vector<double>& numbers, const Sums& sums);
Napi::Value to_doubles(Napi::Env env, const std::vector<double>& numbers);
// The numbers that append() appends.
Napi::Value to_sums(Napi::Env env, const Sums& sums);

}  // namespace neurode::addon
