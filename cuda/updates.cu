// Updates weights from gradients in the arena.
#include "cuda/kernels/finish.h"
#include "cuda/kernels/functors.h"
#include "cuda/updates.h"

namespace neurode::cuda {
namespace {

struct PieceArguments {
  const DeferredRecord* records;
  const int* owners;
  double* square_sums;
  float* scales;  // factors that clip gradients, by parameter; null: no clipping by norm
  OpRecord optimizer;
  float clip_value;
  int accumulation_steps;
  float average_momentum;
  int overwrite_frequency;
};

// Whether this step ends with an update; otherwise it only adds its gradient to the accumulator.
NEURODE_DEVICE bool updates_in(const PieceArguments& arguments, std::int64_t step) {
  return (step + 1) % arguments.accumulation_steps == 0;
}

// The piece that a block handles. Each thread handles four consecutive floats of the piece.
struct PieceOfBlock {
  int parameter;
  const DeferredRecord& record;
  std::int64_t begin, end;  // the floats of this thread
  NEURODE_DEVICE explicit PieceOfBlock(const PieceArguments& arguments)
      : parameter(arguments.owners[blockIdx.x]), record(arguments.records[parameter]) {
    begin = (static_cast<std::int64_t>(blockIdx.x) - record.first_piece) * kPiece + threadIdx.x * 4;
    end = begin + 4 < record.size ? begin + 4 : record.size;
  }
  // Lines begin at multiples of four floats.
  NEURODE_DEVICE bool is_padding() const {
    return begin >= record.padding_begin && begin < record.padding_end;
  }
};

// Adds the gradient to the accumulator. If the step ends with an update, the gradient becomes the
// average of the gradients since the last update.
NEURODE_DEVICE void accumulate(const PieceArguments& arguments, const PieceOfBlock& piece,
                               std::int64_t step) {
  float* const sums = piece.record.accumulator;
  if (sums == nullptr) return;
  const bool updates = updates_in(arguments, step);
  for (std::int64_t i = piece.begin; i < piece.end; ++i) {
    const float sum = sums[i] + piece.record.gradient[i];
    sums[i] = updates ? 0 : sum;
    if (updates) piece.record.gradient[i] = sum / static_cast<float>(arguments.accumulation_steps);
  }
}

// Updates the moving average in every step. Up to the first update it is a copy of the weights.
// After every overwrite_frequency updates, the weights are replaced by their averages.
NEURODE_DEVICE void move_averages(const PieceArguments& arguments, const PieceOfBlock& piece,
                                  std::int64_t step) {
  float* const averages = piece.record.average;
  if (averages == nullptr) return;
  const std::int64_t updates = step / arguments.accumulation_steps;
  const float keep = updates == 0 ? 0 : arguments.average_momentum;
  const bool overwrites =
      arguments.overwrite_frequency > 0 && (updates + 1) % arguments.overwrite_frequency == 0;
  for (std::int64_t i = piece.begin; i < piece.end; ++i) {
    float& value = piece.record.weights.values[i];
    averages[i] = keep * averages[i] + (1 - keep) * value;
    if (overwrites) value = averages[i];
  }
}

// Of weights that do not change.
NEURODE_DEVICE void keep_averages(const PieceOfBlock& piece) {
  float* const averages = piece.record.average;
  for (std::int64_t i = piece.begin; averages != nullptr && i < piece.end; ++i)
    averages[i] = piece.record.weights.values[i];
}

NEURODE_DEVICE void lift_negatives(const PieceOfBlock& piece) {
  for (std::int64_t i = piece.begin; i < piece.end; ++i) {
    float& value = piece.record.weights.values[i];
    if (value < 0) value = 0;
  }
}

__global__ __launch_bounds__(kThreads) void square_sums_kernel(PieceArguments arguments,
                                                               const RunState* state) {
  const PieceOfBlock piece(arguments);
  if (!piece.is_padding()) accumulate(arguments, piece, state->step);
  double sum = 0;
  for (std::int64_t i = piece.begin; i < piece.end && !piece.is_padding(); ++i) {
    const double g = piece.record.gradient[i];
    sum += g * g;
  }
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) arguments.square_sums[blockIdx.x] = sum;
}

// One block for each parameter, or one block for all parameters together.
__global__ __launch_bounds__(kThreads) void clip_scales_kernel(PieceArguments arguments,
                                                               int parameters, float limit) {
  const bool together = gridDim.x == 1;
  const DeferredRecord& first = arguments.records[blockIdx.x];
  const DeferredRecord& last = arguments.records[together ? parameters - 1 : blockIdx.x];
  double sum = 0;
  for (int p = first.first_piece + static_cast<int>(threadIdx.x);
       p < last.first_piece + last.pieces; p += kThreads)
    sum += arguments.square_sums[p];
  sum = sum_of_block(sum);
  if (threadIdx.x > 0) return;
  const float scale = ops::clip_factor(limit, sum);
  arguments.scales[blockIdx.x] = scale;
  for (int p = 1; together && p < parameters; ++p) arguments.scales[p] = scale;
}

NEURODE_DEVICE void optimize(const PieceArguments& arguments, const PieceOfBlock& piece,
                             const RunState& state) {
  const int count = static_cast<int>(piece.end - piece.begin);
  const float limit = arguments.clip_value;
  float gradients[4];
  for (int i = 0; i < count; ++i) {
    float g = piece.record.gradient[piece.begin + i];
    if (arguments.scales != nullptr) g *= arguments.scales[piece.parameter];
    if (limit > 0) g = g > limit ? limit : g < -limit ? -limit : g;
    gradients[i] = g;
  }
  WeightsRecord weights = piece.record.weights;
  weights.values += piece.begin;
  for (float*& slot : weights.slots) slot = slot != nullptr ? slot + piece.begin : nullptr;
  update_patch(arguments.optimizer, state.learning_rates[state.index],
               state.step / arguments.accumulation_steps, weights,
               {.columns = 4, .column_end = count}, gradients);
}

__global__ __launch_bounds__(kThreads) void update_kernel(PieceArguments arguments,
                                                          RunState* state) {
  const PieceOfBlock piece(arguments);
  if (piece.begin >= piece.end) return;
  if (piece.is_padding()) return keep_averages(piece);
  if (arguments.scales == nullptr) accumulate(arguments, piece, state->step);
  if (updates_in(arguments, state->step)) optimize(arguments, piece, *state);
  move_averages(arguments, piece, state->step);
  if (piece.record.not_negative != 0) lift_negatives(piece);
}

// Lanes are the groups that a block handles side by side. If groups are interleaved in memory, 32
// lanes make reads coalesced.
int lanes_of(const ConstraintRecord& record) { return record.inner > 1 ? 32 : 1; }

__global__ __launch_bounds__(kThreads) void constrain_kernel(ConstraintRecord record, int lanes) {
  __shared__ double parts[kThreads];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes;
  const std::int64_t blocks = (record.inner + lanes - 1) / lanes;
  const std::int64_t group = blockIdx.x % blocks * lanes + lane;
  const std::int64_t first = blockIdx.x / blocks * record.length * record.inner + group;
  const bool is_inside = group < record.inner;
  const auto value = [&](std::int64_t i) -> float& {
    const std::int64_t at = first + i * record.inner;
    return record.values[at / record.columns * record.stride + at % record.columns];
  };
  const int begin = thread / lanes, step = kThreads / lanes;
  double sum = 0;
  for (std::int64_t i = begin; is_inside && i < record.length; i += step) {
    const double v = value(i);
    sum += v * v;
  }
  parts[thread] = sum;
  __syncthreads();
  for (int half = kThreads / 2; half >= lanes; half /= 2) {
    if (thread < half) parts[thread] += parts[thread + half];
    __syncthreads();
  }
  const float factor = ops::norm_factor(parts[lane], record.least, record.most, record.rate);
  for (std::int64_t i = begin; is_inside && i < record.length; i += step) value(i) *= factor;
}

void constrain(Launcher& launcher, const ConstraintRecord& record) {
  const int lanes = lanes_of(record);
  const std::int64_t outer = record.size / (record.length * record.inner);
  const std::int64_t blocks = outer * ((record.inner + lanes - 1) / lanes);
  launcher(constrain_kernel, dim3(static_cast<unsigned>(blocks)), kThreads, 0, record, lanes);
}

}  // namespace

Updates::Updates(Device& device, const Program& program, const Parameters& places)
    : program_(program), constraints_(places.constraints()) {
  const std::vector<DeferredRecord> parameters = places.deferred();
  if (parameters.empty()) return;
  parameters_ = static_cast<int>(parameters.size());
  std::vector<int> owners;
  for (int i = 0; i < parameters_; ++i) owners.resize(owners.size() + parameters[i].pieces, i);
  pieces_ = static_cast<int>(owners.size());
  const std::int64_t record_bytes = parameters_ * static_cast<std::int64_t>(sizeof(DeferredRecord));
  const std::int64_t sum_bytes = pieces_ * static_cast<std::int64_t>(sizeof(double));
  const std::int64_t owner_bytes = pieces_ * static_cast<std::int64_t>(sizeof(int));
  memory_ = DeviceMemory(device.pool,
                         record_bytes + sum_bytes + owner_bytes +
                             parameters_ * static_cast<std::int64_t>(sizeof(float)),
                         "the places of parameters");
  char* const base = memory_.as<char>();
  records_ = reinterpret_cast<DeferredRecord*>(base);
  square_sums_ = reinterpret_cast<double*>(base + record_bytes);
  owners_ = reinterpret_cast<int*>(base + record_bytes + sum_bytes);
  scales_ = reinterpret_cast<float*>(base + record_bytes + sum_bytes + owner_bytes);
  device.staging.upload(parameters.data(), record_bytes, records_);
  device.staging.upload(owners.data(), owner_bytes, owners_);
  penalties_ = Penalties(device.pool, parameters, places.matrices(), {records_, owners_, pieces_});
}

void Updates::run(Launcher& launcher, TaskKind kind, const StepRecord& step) const {
  const UpdatePlan& plan = program_.update;
  const bool norms = plan.clip_norm > 0 || plan.global_clip_norm > 0;
  const PieceArguments arguments{records_,
                                 owners_,
                                 square_sums_,
                                 norms ? scales_ : nullptr,
                                 record_of(plan.optimizer),
                                 plan.clip_value,
                                 plan.accumulation_steps,
                                 plan.average_momentum,
                                 plan.overwrite_frequency};
  const dim3 blocks(static_cast<unsigned>(pieces_));
  switch (kind) {
    case TaskKind::gradient_norm:
      launcher(square_sums_kernel, blocks, kThreads, 0, arguments, step.state);
      launcher(clip_scales_kernel, dim3(plan.global_clip_norm > 0 ? 1u : parameters_), kThreads, 0,
               arguments, parameters_, std::max(plan.clip_norm, plan.global_clip_norm));
      break;
    case TaskKind::update:
      launcher(update_kernel, blocks, kThreads, 0, arguments, step.state);
      break;
    case TaskKind::constrain:
      for (const ConstraintRecord& constraint : constraints_) constrain(launcher, constraint);
      break;
    case TaskKind::penalty:
    case TaskKind::matrix_penalty:
      penalties_.run(launcher, kind, true);
      break;
    default:
      break;
  }
}

}  // namespace neurode::cuda
