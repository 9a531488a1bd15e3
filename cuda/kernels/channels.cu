// Kernels for tasks whose parameters are per channel.
#include "cuda/kernels/channels.h"
#include "cuda/kernels/elements.h"
#include "cuda/kernels/functors.h"
#include "native/ops/features.h"

namespace neurode::cuda {
namespace {

constexpr int kColumns = 32;  // channels per block in kernels that sum over the batch
constexpr int kParts = kThreads / kColumns;

// Statistics of the batch, one value for each channel; the same values as the CPU's
// BatchStatistics.
struct Statistics {
  float *mean, *inverse, *factor, *slope, *term;
  NEURODE_DEVICE explicit Statistics(const ChannelRecord& record)
      : mean(record.statistics),
        inverse(mean + record.statistics_stride),
        factor(inverse + record.statistics_stride),
        slope(factor + record.statistics_stride),
        term(slope + record.statistics_stride) {}
};

NEURODE_DEVICE float value_or(const float* values, int channel, float standard) {
  return values != nullptr ? values[channel] : standard;
}

// Calls apply(functor) with the functor of the feature function in row `which` of the op table.
template <class Apply>
NEURODE_DEVICE void with_function(int which, Apply apply) {
  switch (which) {
#define NEURODE_ROW(name, Functor) \
  case row::feature::name:         \
    return apply(ops::Functor{});
    NEURODE_FEATURE_FUNCTIONS(NEURODE_ROW)
#undef NEURODE_ROW
  }
}

// The factor of (x - mean) in a normalization whose statistics are parameters.
NEURODE_DEVICE float known_factor(const ChannelRecord& r, int channel) {
  const auto& numbers = ops::named<ops::NormalizationParams>(r.op.params);
  return ops::normalizing_factor<float>(r.variance[channel], numbers, numbers.undoes()) *
         value_or(r.kernel, channel, 1);
}

NEURODE_DEVICE void run_element(const ChannelRecord& r, int row, int feature) {
  const int channel = feature / r.inner % r.channels;
  switch (r.kind) {
    case TaskKind::feature_forward:
      with_function(r.op.row, [&](auto function) {
        r.output.at(row, feature) = decltype(function)::template forward<float>(
            r.input.at(row, feature), value_or(r.kernel, channel, 1), value_or(r.bias, channel, 0));
      });
      break;
    case TaskKind::feature_backward:
      with_function(r.op.row, [&](auto function) {
        r.input_gradient.at(row, feature) =
            r.gradient.at(row, feature) *
            decltype(function)::template slope<float>(r.input.at(row, feature),
                                                      value_or(r.kernel, channel, 1));
      });
      break;
    case TaskKind::normalize_forward: {
      const bool inverts = ops::named<ops::NormalizationParams>(r.op.params).undoes();
      const float mean = r.mean[channel];
      r.output.at(row, feature) =
          (r.input.at(row, feature) - (inverts ? 0.0f : mean)) * known_factor(r, channel) +
          (inverts ? mean : value_or(r.bias, channel, 0));
      break;
    }
    case TaskKind::normalize_backward:
      r.gradient.at(row, feature) *= known_factor(r, channel);
      break;
    case TaskKind::batch_normalize_forward: {
      const Statistics s(r);
      r.output.at(row, feature) = (r.input.at(row, feature) - s.mean[channel]) * s.factor[channel] +
                                  value_or(r.bias, channel, 0);
      break;
    }
    case TaskKind::batch_normalize_backward: {
      const Statistics s(r);
      float& gradient = r.gradient.at(row, feature);
      gradient =
          gradient * s.factor[channel] +
          ((r.input.at(row, feature) - s.mean[channel]) * s.slope[channel] + s.term[channel]);
      break;
    }
    default:
      break;
  }
}

struct ChannelElements {
  ChannelRecord record;
  __host__ __device__ int features() const { return record.features; }
  NEURODE_DEVICE void run(int row, int feature) const { run_element(record, row, feature); }
};

// Sums over the batch for each channel. Each of kParts = 8 threads of a channel sums every eighth
// value, and the 8 partial sums are added in order. All threads of the block must call this; each
// thread gets the sums of its own channel.
template <int kSums, class Add>
NEURODE_DEVICE void channel_sums(const ChannelRecord& r, int rows, double (&sums)[kSums], Add add) {
  __shared__ double parts[kSums][kParts][kColumns];
  const int thread = static_cast<int>(threadIdx.x), part = thread / kColumns,
            column = thread % kColumns;
  const int channel = static_cast<int>(blockIdx.x) * kColumns + column;
  for (int s = 0; s < kSums; ++s) sums[s] = 0;
  if (channel < r.channels) {
    const int positions = r.features / r.channels, period = r.channels * r.inner;
    const std::int64_t count = static_cast<std::int64_t>(rows) * positions;
    for (std::int64_t i = part; i < count; i += kParts) {
      const int row = static_cast<int>(i / positions), position = static_cast<int>(i % positions);
      const int feature = position / r.inner * period + channel * r.inner + position % r.inner;
      if constexpr (kSums == 1) {
        add(row, feature, sums[0]);
      } else {
        static_assert(kSums == 2);
        add(row, feature, sums[0], sums[1]);
      }
    }
  }
  __syncthreads();
  for (int s = 0; s < kSums; ++s) parts[s][part][column] = sums[s];
  __syncthreads();
  for (int s = 0; s < kSums; ++s) {
    sums[s] = 0;
    for (int p = 0; p < kParts; ++p) sums[s] += parts[s][p][column];
  }
}

// Whether this thread writes the results of its channel: one thread does so for each channel.
NEURODE_DEVICE bool writes(const ChannelRecord& r, int channel) {
  return static_cast<int>(threadIdx.x) < kColumns && channel < r.channels;
}

NEURODE_DEVICE int channel_of_thread() {
  return static_cast<int>(blockIdx.x) * kColumns + static_cast<int>(threadIdx.x) % kColumns;
}

NEURODE_DEVICE double count_of(const ChannelRecord& r, int rows) {
  return static_cast<double>(rows) * (r.features / r.channels);
}

NEURODE_DEVICE void update_channel(const StepRecord& step, const OpRecord& optimizer,
                                   const WeightsRecord& weights, int channel, double gradient) {
  const float rate = step.state->learning_rates[step.state->index];
  const Patch patch{.column = channel, .column_end = channel + 1};
  const float whole = static_cast<float>(gradient);
  update_patch(optimizer, rate, step.state->step, weights, patch, &whole);
}

__global__ __launch_bounds__(kThreads) void batch_statistics_kernel(ChannelRecord r,
                                                                    StepRecord step) {
  const int channel = channel_of_thread();
  const double count = count_of(r, step.rows);
  double sum[1], squares[1];
  channel_sums(r, step.rows, sum,
               [&](int row, int feature, double& sum) { sum += r.input.at(row, feature); });
  const double mean = *sum / count;
  channel_sums(r, step.rows, squares, [&](int row, int feature, double& squares) {
    const double d = r.input.at(row, feature) - mean;
    squares += d * d;
  });
  if (!writes(r, channel)) return;
  const auto& numbers = ops::named<ops::NormalizationParams>(r.op.params);
  const float momentum = numbers.momentum, rest = 1 - momentum;
  const float variance = static_cast<float>(*squares / count);
  const Statistics s(r);
  s.mean[channel] = static_cast<float>(mean);
  s.inverse[channel] = ops::normalizing_factor<float>(variance, numbers, false);
  s.factor[channel] = s.inverse[channel] * value_or(r.kernel, channel, 1);
  if (r.mean == nullptr) return;
  r.mean[channel] = r.mean[channel] * momentum + s.mean[channel] * rest;
  r.variance[channel] = r.variance[channel] * momentum + variance * rest;
}

// Gradients of gamma and beta, and the terms of the input gradient; see batch_sums of the CPU.
__global__ __launch_bounds__(kThreads) void batch_sums_kernel(ChannelRecord r, StepRecord step,
                                                              OpRecord optimizer,
                                                              WeightsRecord kernel,
                                                              WeightsRecord bias) {
  const int channel = channel_of_thread();
  const Statistics s(r);
  const double mean = channel < r.channels ? s.mean[channel] : 0;
  double sums[2];
  channel_sums(r, step.rows, sums, [&](int row, int feature, double& moved, double& of_beta) {
    const double gradient = r.gradient.at(row, feature);
    moved += (r.input.at(row, feature) - mean) * gradient;
    of_beta += gradient;
  });
  const auto [moved, of_beta] = sums;
  if (!writes(r, channel)) return;
  const double count = count_of(r, step.rows);
  const double inverse = s.inverse[channel], factor = s.factor[channel];
  const double of_gamma = moved * inverse;
  s.slope[channel] = static_cast<float>(-factor * inverse * of_gamma / count);
  s.term[channel] = static_cast<float>(-factor * of_beta / count);
  update_channel(step, optimizer, kernel, channel, of_gamma);
  update_channel(step, optimizer, bias, channel, of_beta);
}

__global__ __launch_bounds__(kThreads) void feature_gradients_kernel(ChannelRecord r,
                                                                     StepRecord step,
                                                                     OpRecord optimizer,
                                                                     WeightsRecord kernel,
                                                                     WeightsRecord bias) {
  const int channel = channel_of_thread();
  double sums[2];
  with_function(r.op.row, [&](auto function) {
    using Function = decltype(function);
    channel_sums(r, step.rows, sums, [&](int row, int feature, double& of_kernel, double& of_bias) {
      const float x = r.input.at(row, feature), gradient = r.gradient.at(row, feature);
      of_kernel += Function::template by_kernel<float>(x) * gradient;
      of_bias += Function::template by_bias<float>(x) * gradient;
    });
  });
  if (!writes(r, channel)) return;
  const auto [of_kernel, of_bias] = sums;
  update_channel(step, optimizer, kernel, channel, of_kernel);
  update_channel(step, optimizer, bias, channel, of_bias);
}

}  // namespace

void run_channel_elements(Launcher& launcher, const ChannelRecord& record, const StepRecord& step) {
  run_elements_of(launcher, ChannelElements{record}, step.rows);
}

void run_channel_sums(Launcher& launcher, const ChannelRecord& record, const StepRecord& step,
                      const OpRecord& optimizer, const WeightsRecord& kernel,
                      const WeightsRecord& bias) {
  const dim3 blocks(static_cast<unsigned>((record.channels + kColumns - 1) / kColumns));
  switch (record.kind) {
    case TaskKind::batch_statistics:
      return launcher(batch_statistics_kernel, blocks, kThreads, 0, record, step);
    case TaskKind::batch_sums:
      return launcher(batch_sums_kernel, blocks, kThreads, 0, record, step, optimizer, kernel,
                      bias);
    default:
      return launcher(feature_gradients_kernel, blocks, kThreads, 0, record, step, optimizer,
                      kernel, bias);
  }
}

}  // namespace neurode::cuda
