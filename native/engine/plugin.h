// The interface between the addon and the CUDA library: a versioned table of C functions over plain
// data.
//
// Functions return a status. last_error() describes the last failure on the calling thread. Nothing
// throws. Calls on one device may come from any thread; the library runs them one at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "native/engine/program.h"

namespace neurode::plugin {

constexpr std::uint32_t kVersion = 14;
constexpr const char* kSymbol = "neurode_cuda_plugin";

enum Status : std::int32_t {
  kOk = 0,
  kOutOfMemory = 1,
  kDeviceLost = 2,
  kArgument = 3,
  kUnavailable = 4,
  kInternal = 5,
  kDistributed = 6
};

struct OpRecord {
  std::int32_t row;
  float params[kMostParams];
};

inline OpRecord record_of(const Op& op) {
  OpRecord record{op.row, {}};
  std::copy(op.params.begin(), op.params.end(), record.params);
  return record;
}

// The same as neurode::Task.
struct TaskRecord {
  std::int32_t kind, axis, waits;
  std::int32_t input, output, auxiliary, gradient, input_gradient;
  std::int32_t kernel, bias, mean, variance, parameter, statistics, metric, head;
  OpRecord op;
  std::int32_t length, inner;
  std::int32_t block_rows, block_columns, block_inner, begin, side, counts, adds, completes;
  std::int32_t bag_indices, bag_averages;
  float scale, offset;
  std::uint64_t seed;
};

struct PassRecord {
  const std::int32_t* features;
  const std::int32_t* positions;
  std::int32_t tensors;
  const std::int32_t* statistics;
  std::int32_t statistics_count;
  const TaskRecord* tasks;
  std::int32_t task_count;
  const std::int32_t* outputs;
  std::int32_t output_count;
  std::int32_t input_gradient;
};

// The same as neurode::Head.
struct HeadRecord {
  std::int32_t outputs, positions, first_output, first_position;
  std::int32_t first_metric, metrics, weighted_from, first_value;
  std::int32_t reduction, has_loss, takes_gradients;
  float loss_weight;
};

// The same as neurode::Parameter.
struct ParameterRecord {
  std::int32_t layout, rows, columns, positions, uses;
  std::int32_t trainable, decays, padding, update;
  OpRecord regularizer;  // row -1: no regularizer
  std::int32_t constraint, length, inner;
  float least, most, rate;
};

// The same as neurode::UpdatePlan.
struct UpdateRecord {
  OpRecord optimizer;
  float weight_decay, clip_value, clip_norm, global_clip_norm;
  std::int32_t accumulation_steps;
  std::int32_t averages;
  float average_momentum;
  std::int32_t overwrite_frequency;
};

struct ProgramRecord {
  std::int32_t input_size, output_size;
  float input_scale, input_offset;
  const ParameterRecord* parameters;
  std::int32_t parameter_count;
  PassRecord predict, evaluate, train;
  const HeadRecord* heads;
  std::int32_t head_count;
  UpdateRecord update;
  std::int32_t slots, accumulator, average;
  std::int32_t parts, first_part, own_parts;
  std::int32_t metrics, activities, positions, values, captures, keeps_gradients;
  std::int32_t precision;
};

// The same as neurode::InputView, TargetsView and BatchRange.
struct InputRecord {
  const std::uint8_t* bytes;
  const float* floats;
  std::int64_t rows;
  std::int32_t features;
  float scale, offset;
};

struct RangeRecord {
  InputRecord input;
  const std::int32_t* classes;
  const float* target_rows;
  const std::uint8_t* target_bytes;
  const float* target_levels;
  const float* weights;
  // Of several heads: where each has its columns in target_rows, and the numbers of a row there.
  const TargetColumns* target_columns;
  std::int32_t target_row_size;
  std::int32_t handle;
  const std::uint32_t* order;
  std::uint64_t order_seed;  // with input.rows and order_epoch: the OrderKey
  std::int64_t order_epoch;
  const std::uint32_t* (*next_order)(const void* context);  // null: there is no next order
  const void* next_order_context;
  std::int32_t batch_size;
  std::int64_t first_batch, batches;
  float* captured;
  const float* gradients;
  float* input_gradients;
  std::int32_t update;
};

// The same as neurode::Reservation. Of the range, these members are used: input, targets, weights,
// handle, batch_size and batches.
struct ReservationRecord {
  RangeRecord range;
  std::int32_t trains, shuffles, captures;
};

struct HeadSumsRecord {
  double loss, counted, weight;
};

struct SumsRecord {
  std::int64_t batches, rows;
  double penalty;
  HeadSumsRecord* heads;  // memory of the caller, one for each head
  double* metrics;        // the same, one for each metric
};

// The library calls `asked` between kernel launches, and stops if the result is not 0.
struct CancelRecord {
  std::int32_t (*asked)(const void* context);
  const void* context;
};

struct DeviceRecord {
  char name[256];
  std::int32_t major, minor;  // compute capability
  std::int64_t bytes;         // size of the device's memory
};

// The ranks that compute the other parts of batches: a neurode::Transport.
struct TransportRecord {
  void* context;
  std::int32_t rank, size;
  // As neurode::sum_over_ranks, in memory of the host. Returns 0, or another number where the other
  // ranks cannot be reached.
  std::int32_t (*sum)(void* context, float* sums, float* received, std::int64_t count);
};

// What `measure` times: a copy of `bytes` bytes within the device's memory or, if bytes is 0, the
// product (rows, inputs) . (inputs, units).
struct MeasureRecord {
  std::int64_t bytes;
  std::int32_t precision, rows, inputs, units;
};

struct Table {
  std::uint32_t version;  // kVersion; all later members belong to that version
  std::uint32_t size;     // sizeof(Table)
  std::uint64_t rows;     // row_fingerprint(): equal if row numbers mean the same on both sides
  // The oldest CUDA version of the driver that the library supports, such as 13000. 0: the library
  // emulates a GPU and needs no driver.
  std::int32_t needs_driver;
  std::int32_t runtime;  // the CUDA version that the library was built with

  const char* (*last_error)();
  Status (*device_count)(std::int32_t* count);
  Status (*describe_device)(std::int32_t ordinal, DeviceRecord* record);
  Status (*open_device)(std::int32_t ordinal, void** device);
  void (*close_device)(void* device);

  Status (*create_model)(void* device, const ProgramRecord* program, void** model);
  // A model over the parameters of another one of the device.
  Status (*create_sibling)(void* model, const ProgramRecord* program, void** sibling);
  void (*destroy_model)(void* model);
  // Values have Keras' layout, without padding. `slot` -1: the parameter itself.
  Status (*get_parameter)(void* model, std::int32_t slot, std::int32_t index, float* values);
  Status (*set_parameter)(void* model, std::int32_t slot, std::int32_t index, const float* values);
  Status (*get_gradient)(void* model, std::int32_t index, float* values);
  Status (*set_gradient)(void* model, std::int32_t index, const float* values);
  Status (*apply)(void* model, float learning_rate, std::int64_t* step);
  // For a Program whose parts are divided among several ranks. The record's context must outlive
  // the model.
  Status (*set_transport)(void* model, const TransportRecord* transport);
  // Allocates the memory that ranges within these bounds need. If it fails, it allocates nothing.
  Status (*reserve)(void* model, const ReservationRecord* reservation);
  // `step` counts optimizer steps; train advances it. Of a Program with parts, sums are those of
  // the rows of its own parts.
  Status (*train)(void* model, const RangeRecord* range, const float* learning_rates,
                  std::int64_t* step, const CancelRecord* cancel, SumsRecord* sums);
  Status (*evaluate)(void* model, const RangeRecord* range, const CancelRecord* cancel,
                     SumsRecord* sums);
  Status (*predict)(void* model, const InputRecord* input, float* output,
                    const CancelRecord* cancel);
  // Allows the library to free its copies of this bound data.
  void (*release)(void* model, std::int32_t handle);
  // Measures the seconds that a copy or a product takes, for benchmarks.
  Status (*measure)(void* device, const MeasureRecord* record, double* seconds);
};

}  // namespace neurode::plugin
