// The JavaScript class of a model on a device: what the calling thread does at once.
#include <atomic>
#include <vector>

#include "native/addon/convert.h"
#include "native/addon/model.h"
#include "native/addon/opening.h"
#include "native/addon/range.h"
#include "native/engine/flush_subnormals.h"

namespace neurode::addon {

// Whether this thread is to do work at once: where JavaScript allows it, nothing is in flight, and
// the work is quick.
bool Model::may_be_here(Napi::Value allowed, Work work, std::int64_t rows, std::int64_t batches) {
  return !allowed.IsUndefined() && to_bool(allowed, "here") && *jobs_ == 0 &&
         core().executor->is_quick(work, rows, batches);
}

// Runs a range at once, and returns its sums. It counts as in flight until settled() is called.
Napi::Value Model::run_here(Napi::Env env, const std::function<Sums(Core&)>& run) {
  const FlushSubnormals flush;
  const Napi::Value sums = to_sums(env, run(core()));
  ++*jobs_;
  return sums;
}

void Model::settled(const Napi::CallbackInfo&) { --*jobs_; }

// (input, targets, learningRate, arrays): sums; undefined where the work is not to be done here.
// The arrays are those of a range, if any. Since nothing is bound, a batch whose gradients follow
// in another range cannot come this way.
Napi::Value Model::train_here(const Napi::CallbackInfo& info) {
  return batch_here(info, Work::train);
}

// (input, targets): the same.
Napi::Value Model::evaluate_here(const Napi::CallbackInfo& info) {
  return batch_here(info, Work::evaluate);
}

// The arrays cannot change before this call returns, so they are neither copied nor kept.
Napi::Value Model::batch_here(const Napi::CallbackInfo& info, Work work) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const Program& program = core().program;
    const Napi::Object rows = to_object(info[0], "input");
    const std::int64_t count = rows_of(rows, program);
    const Pass& pass = work == Work::train ? program.train : program.evaluate;
    if (pass.tasks.empty() || count == 0 || *jobs_ > 0 ||
        !core().executor->is_quick(work, count, 1))
      return env.Undefined();
    BoundInput input(rows, Memory::kept, program);
    BoundTargets targets(to_object(info[1], "targets"), Memory::kept, program, input.rows());
    BatchRange range;
    range.data = {.input = input.view(), .targets = targets.view()};
    range.batch_size = static_cast<int>(input.rows());
    range.batches = 1;
    range.here = true;
    const float rate = work == Work::train ? static_cast<float>(to_number(info[2], "rate")) : 0;
    std::vector<float*> gradients;
    if (work == Work::train && !info[3].IsUndefined()) {
      const Napi::Object arrays = to_object(info[3], "arrays");
      take_arrays(arrays, program, range);
      gradients = take_update(arrays, program, range);
      range.parameter_gradients = gradients;
    }
    const std::atomic<bool> never{false};
    return run_here(env, [&](Core& core) {
      return work == Work::train ? core.executor->train(range, &rate, *core.step, never)
                                 : core.executor->evaluate(range, never);
    });
  });
}

void Model::predict_here(Core& core, Napi::Object rows, Napi::Value to) {
  // The array cannot change before this call returns, so it needs no copy.
  BoundInput input(rows, Memory::kept, core.program);
  float* const out = output_of(to, input.rows(), core.program.output_size);
  core.executor->predict_here(input.view(), out);
}

}  // namespace neurode::addon
