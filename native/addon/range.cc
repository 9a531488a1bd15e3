#include "native/addon/range.h"

#include <algorithm>
#include <string>

#include "native/addon/convert.h"
#include "native/addon/opening.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMostEpochs = std::int64_t{1} << 40;

}  // namespace

void take_arrays(Napi::Object options, const Program& program, BatchRange& range) {
  const std::int64_t first = range.first_batch * range.batch_size;
  const std::int64_t rows =
      std::min(range.data.input.rows - first, range.batches * std::int64_t{range.batch_size});
  const auto floats = [&](const char* name, std::int64_t each, bool is_known) -> float* {
    const Napi::Value value = options.Get(name);
    if (value.IsUndefined()) return nullptr;
    Napi::Float32Array array = to_floats(value, name);
    if (!is_known || static_cast<std::int64_t>(array.ElementLength()) != rows * each)
      throw Error("ERR_ARGUMENT", std::string(name) + ": of another size than the range");
    return array.Data();
  };
  range.captured = floats("captured", program.captured_floats(), program.captures);
  range.gradients = floats("gradients", program.output_size, program.captures);
  range.input_gradients =
      floats("inputGradients", program.input_size, program.train.input_gradient >= 0);
}

std::vector<float*> take_update(Napi::Object options, const Program& program, BatchRange& range) {
  range.update = options.Get("update").IsUndefined() || member(options, "update", to_bool);
  const Napi::Value gradients = options.Get("parameterGradients");
  if (gradients.IsUndefined()) return {};
  if (range.update) throw Error("ERR_ARGUMENT", "parameterGradients: expected none with update");
  return to_gradients(gradients, "parameterGradients", program);
}

BatchRange to_range(Napi::Object options, const DataView& data, const Program& program) {
  BatchRange range;
  range.data = data;
  range.batch_size = static_cast<int>(member(options, "batchSize", to_integer, 1, kMostRows - 1));
  const std::int64_t batches = (data.input.rows + range.batch_size - 1) / range.batch_size;
  range.first_batch = member(options, "firstBatch", to_integer, 0, batches - 1);
  range.batches = member(options, "batches", to_integer, 1, batches - range.first_batch);
  take_arrays(options, program, range);
  return range;
}

Reservation to_reservation(Napi::Object options, const Program& program) {
  Reservation reservation;
  reservation.batch_size =
      static_cast<int>(member(options, "batchSize", to_integer, 1, kMostRows - 1));
  reservation.batches = member(options, "batches", to_integer, 1, kMostRows);
  reservation.trains = member(options, "trains", to_bool);
  reservation.shuffles = member(options, "shuffles", to_bool);
  reservation.captures = program.captures;
  return reservation;
}

std::vector<float> to_learning_rates(Napi::Object options, std::int64_t batches) {
  const Napi::Float32Array rates = member(options, "learningRates", to_floats);
  if (rates.ElementLength() != 1 && static_cast<std::int64_t>(rates.ElementLength()) != batches) {
    throw Error("ERR_SHAPE", "learningRates: expected 1 or " + std::to_string(batches) +
                                 " rates, got " + std::to_string(rates.ElementLength()));
  }
  std::vector<float> learning_rates(rates.Data(), rates.Data() + rates.ElementLength());
  learning_rates.resize(batches, learning_rates.back());
  return learning_rates;
}

OrderKey to_order_key(Napi::Object options, std::int64_t rows) {
  const std::uint64_t seed = member(options, "seed", to_integer, 0, kMostSeed);
  const std::int64_t epoch = member(options, "epoch", to_integer, 0, kMostEpochs);
  return {rows, seed, epoch};
}

float* output_of(Napi::Value value, std::int64_t rows, int outputs) {
  Napi::Float32Array out = to_floats(value, "out");
  if (static_cast<std::int64_t>(out.ElementLength()) != rows * outputs) {
    throw Error("ERR_SHAPE", "out: expected " + std::to_string(rows * outputs) + " values, got " +
                                 std::to_string(out.ElementLength()));
  }
  return out.Data();
}

void append(std::vector<double>& numbers, const Sums& sums) {
  // `sumAt` in lib/native/sums.ts says where each number stands.
  numbers.insert(numbers.end(),
                 {static_cast<double>(sums.batches), static_cast<double>(sums.rows)});
  for (const HeadSums& head : sums.heads) {
    numbers.insert(numbers.end(), {head.loss, head.counted, head.weight});
    if (&head == &sums.heads.front()) numbers.push_back(sums.penalty);
  }
  numbers.insert(numbers.end(), sums.metrics.begin(), sums.metrics.end());
  numbers.insert(numbers.end(), sums.tallies.begin(), sums.tallies.end());
}

Napi::Value to_doubles(Napi::Env env, const std::vector<double>& numbers) {
  Napi::Float64Array values = Napi::Float64Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), values.Data());
  return values;
}

Napi::Value to_sums(Napi::Env env, const Sums& sums) {
  std::vector<double> all;
  append(all, sums);
  return to_doubles(env, all);
}

}  // namespace neurode::addon
