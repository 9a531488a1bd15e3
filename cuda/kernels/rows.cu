// Kernels for the parts of a step that divide the rows of a batch among threads, other than large
// matrix products.
#include "cuda/kernels/finish.h"
#include "cuda/kernels/rows.h"
#include "cuda/kernels/stages.h"
#include "native/engine/plan.h"

namespace neurode::cuda {
namespace {

constexpr int kMostBlocks = 65535;

__global__ __launch_bounds__(kThreads) void elements_kernel(Stage stage, StepRecord step) {
  const Tensors tensors(stage, nullptr);
  const int columns = (stage.units + kThreads - 1) / kThreads;
  for (std::int64_t block = blockIdx.x; block < static_cast<std::int64_t>(step.rows) * columns;
       block += gridDim.x) {
    const int row = static_cast<int>(block / columns);
    const int feature =
        static_cast<int>(block % columns) * kThreads + static_cast<int>(threadIdx.x);
    if (feature < stage.units) run_element(stage, tensors, *step.state, row, row, feature);
  }
}

constexpr int kRowThreads = 64;

__global__ __launch_bounds__(kRowThreads) void rows_kernel(RowStages stages, StepRecord step) {
  const int row = static_cast<int>(blockIdx.x * kRowThreads + threadIdx.x);
  if (row >= step.rows) return;
  for (int s = 0; s < stages.count; ++s) {
    run_row(stages.stages[s], Tensors(stages.stages[s], nullptr), step, row, row);
  }
}

// The unit that a thread works on, and the part of the sum over k that the thread computes.
struct Lane {
  int unit, part, parts, padded;
  NEURODE_DEVICE explicit Lane(int units) {
    const int thread = static_cast<int>(threadIdx.x);
    padded = (units + 31) / 32 * 32;
    parts = padded >= kThreads ? 1 : kThreads / padded;
    if (parts == 1) padded = kThreads;
    unit = thread % padded;
    part = thread / padded;
  }
};

// Sums add(k, unit, sums) over k < steps and calls done(row, unit, sum). `parts` threads share the
// sum of one unit, and their partial sums are added in order.
template <class Add, class Done>
NEURODE_DEVICE void sum_rows(int units, int steps, float* scratch, Add add, Done done) {
  const Lane lane(units);
  for (int first = 0; first < units; first += lane.padded) {
    const int unit = first + lane.unit;
    float sums[kSliceRows] = {};
    if (unit < units && lane.part < lane.parts) {
      const int begin = steps * lane.part / lane.parts, end = steps * (lane.part + 1) / lane.parts;
#pragma unroll 8
      for (int k = begin; k < end; ++k) add(k, unit, sums);
    }
    if (lane.parts == 1) {
      if (unit < units) {
#pragma unroll
        for (int r = 0; r < kSliceRows; ++r) done(r, unit, sums[r]);
      }
      continue;
    }
    if (lane.part < lane.parts) {
#pragma unroll
      for (int r = 0; r < kSliceRows; ++r)
        scratch[(lane.part * kSliceRows + r) * lane.padded + lane.unit] = sums[r];
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kSliceRows * units; i += kThreads) {
      const int r = i / units, u = i % units;
      float sum = 0;
      for (int p = 0; p < lane.parts; ++p) sum += scratch[(p * kSliceRows + r) * lane.padded + u];
      done(r, u, sum);
    }
  }
}

NEURODE_DEVICE void slice_dense_forward(const Stage& stage, float* shared) {
  const Tensor input = stage.input.in(shared), z = stage.z.in(shared),
               output = stage.output.in(shared);
  sum_rows(
      stage.units, stage.inputs, shared,
      [&](int k, int unit, float(&sums)[kSliceRows]) {
        const float weight =
            stage.kernel[k * static_cast<std::int64_t>(stage.kernel_stride) + unit];
#pragma unroll
        for (int r = 0; r < kSliceRows; ++r) sums[r] += input.at(r, k) * weight;
      },
      [&](int r, int unit, float sum) {
        if (stage.bias != nullptr) sum += stage.bias[unit];
        if (z.stride != 0) z.at(r, unit) = sum;
        output.at(r, unit) = activate(stage.op, sum);
      });
}

NEURODE_DEVICE void slice_dense_backward_input(const Stage& stage, float* shared) {
  const Tensor gradient = stage.gradient.in(shared),
               input_gradient = stage.input_gradient.in(shared);
  const Tensor z = stage.z.in(shared), y = stage.output.in(shared);
  sum_rows(
      stage.inputs, (stage.units + 3) / 4, shared,
      [&](int k, int input, float(&sums)[kSliceRows]) {
        // Rows of kernels are padded with zeros. So are rows of tensors in shared memory.
        const float4 w = *reinterpret_cast<const float4*>(
            stage.kernel + input * static_cast<std::int64_t>(stage.kernel_stride) + k * 4);
#pragma unroll
        for (int r = 0; r < kSliceRows; ++r) {
          const float4 g = *reinterpret_cast<const float4*>(&gradient.at(r, k * 4));
          sums[r] += g.x * w.x + g.y * w.y + g.z * w.z + g.w * w.w;
        }
      },
      [&](int r, int input, float sum) {
        if (stage.op.row != row::linear) sum *= slope(stage.op, z.at(r, input), y.at(r, input));
        input_gradient.at(r, input) = sum;
      });
}

__global__ __launch_bounds__(kThreads) void slice_kernel(Slice slice, StepRecord step) {
  float* const shared = dynamic_shared<float>();
  const int thread = static_cast<int>(threadIdx.x);
  const int first = static_cast<int>(blockIdx.x) * kSliceRows;
  const int rows = step.rows - first < kSliceRows ? step.rows - first : kSliceRows;
  // Clears the padding of rows, and the rows after the last row of the batch.
  for (int i = thread; i < slice.shared_floats; i += kThreads) shared[i] = 0;
  __syncthreads();
  for (int c = 0; c < slice.load_count; ++c) {
    const SliceCopy& copy = slice.loads[c];
    const Tensor from = copy.global.in(nullptr), to = copy.shared.in(shared);
    for (int i = thread; i < rows * copy.features; i += kThreads) {
      to.at(i / copy.features, i % copy.features) =
          from.at(first + i / copy.features, i % copy.features);
    }
  }
  __syncthreads();
  for (int s = 0; s < slice.count; ++s) {
    const Stage& stage = slice.stages[s];
    if (stage.kind == StageKind::dense_forward) {
      slice_dense_forward(stage, shared);
    } else if (stage.kind == StageKind::dense_backward_input) {
      slice_dense_backward_input(stage, shared);
    } else if (is_rowwise(stage)) {
      if (thread < rows) run_row(stage, Tensors(stage, shared), step, thread, first + thread);
    } else {
      const Tensors tensors(stage, shared);
      for (int i = thread; i < rows * stage.units; i += kThreads) {
        run_element(stage, tensors, *step.state, i / stage.units, first + i / stage.units,
                    i % stage.units);
      }
    }
    __syncthreads();
  }
  for (int c = 0; c < slice.save_count; ++c) {
    const SliceCopy& copy = slice.saves[c];
    const Tensor from = copy.shared.in(shared), to = copy.global.in(nullptr);
    for (int i = thread; i < rows * copy.features; i += kThreads) {
      to.at(first + i / copy.features, i % copy.features) =
          from.at(i / copy.features, i % copy.features);
    }
  }
}

// One block for each head.
__global__ __launch_bounds__(kThreads) void weigh_kernel(StepRecord step) {
  __shared__ double parts[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  HeadState& head = step.state->heads[blockIdx.x];
  double sum = 0;
  for (int row = thread; row < step.rows * head.positions; row += kThreads) {
    const float weight = weight_of(*step.state, head, row);
    if (weight == weight) sum += head.reduction == Reduction::weighted_mean ? weight : 1;
  }
  parts[thread] = sum;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (thread < half) parts[thread] += parts[thread + half];
    __syncthreads();
  }
  if (thread > 0) return;
  const bool divides = head.reduction != Reduction::sum;
  head.loss_scale = !divides ? 1 : parts[0] == 0 ? 0 : static_cast<float>(1 / parts[0]);
}

__global__ __launch_bounds__(kThreads) void capture_kernel(Operand output, int index,
                                                           StepRecord step) {
  const RunState& state = *step.state;
  if (state.captured == nullptr) return;
  const int at = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (at >= step.rows) return;
  const HeadState& head = state.heads[index];
  const int outputs = head.outputs;
  const std::int64_t row = state.position - state.begin + at / head.positions;
  float* const captured = state.captured + row * state.row_captured + 2 * head.first_output +
                          head.first_position + at % head.positions * (2 * outputs + 1);
  const TargetView target = target_of(state, head, at);
  for (int o = 0; o < outputs; ++o) {
    captured[o] = output.data[at * static_cast<std::int64_t>(output.stride) + o];
    captured[outputs + o] = target(o);
  }
  captured[2 * outputs] = weight_of(state, head, at);
}

__global__ __launch_bounds__(kThreads) void input_gradient_kernel(Operand gradient, int features,
                                                                  float scale, StepRecord step) {
  const RunState& state = *step.state;
  if (state.input_gradients == nullptr) return;
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= static_cast<std::int64_t>(step.rows) * features) return;
  const std::int64_t row = at / features;
  const int feature = static_cast<int>(at % features);
  state.input_gradients[(state.position - state.begin + row) * features + feature] =
      gradient.data[row * gradient.stride + feature] * scale;
}

__global__ __launch_bounds__(kThreads) void finish_kernel(StepRecord step, FinishRecord record) {
  finish_step(step, record);
}

unsigned blocks_of(std::int64_t count, int size) {
  return static_cast<unsigned>((count + size - 1) / size);
}

}  // namespace

void run_elements(Launcher& launcher, const Stage& stage, const StepRecord& step) {
  const std::int64_t blocks = std::int64_t{step.rows} * blocks_of(stage.units, kThreads);
  launcher(elements_kernel,
           dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)), kThreads, 0,
           stage, step);
}

void run_rows(Launcher& launcher, const RowStages& stages, const StepRecord& step) {
  launcher(rows_kernel, dim3(blocks_of(step.rows, kRowThreads)), kRowThreads, 0, stages, step);
}

void run_slices(Launcher& launcher, const Slice& slice, const StepRecord& step) {
  launcher(slice_kernel, dim3(blocks_of(step.rows, kSliceRows)), kThreads,
           slice.shared_floats * sizeof(float), slice, step);
}

void weigh(Launcher& launcher, const StepRecord& step, int heads) {
  launcher(weigh_kernel, dim3(static_cast<unsigned>(heads)), kThreads, 0, step);
}

void capture(Launcher& launcher, const Operand& output, int head, const StepRecord& step) {
  launcher(capture_kernel, dim3(blocks_of(step.rows, kThreads)), kThreads, 0, output, head, step);
}

void give_input_gradient(Launcher& launcher, const Operand& gradient, int features, float scale,
                         const StepRecord& step) {
  const std::int64_t count = static_cast<std::int64_t>(step.rows) * features;
  launcher(input_gradient_kernel, dim3(blocks_of(count, kThreads)), kThreads, 0, gradient, features,
           scale, step);
}

void finish(Launcher& launcher, const StepRecord& step, const FinishRecord& record) {
  launcher(finish_kernel, dim3(1), kThreads, 0, step, record);
}

}  // namespace neurode::cuda
