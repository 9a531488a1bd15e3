// One pass of a Program as launches.
#include "cuda/kernels/functors.h"
#include "cuda/pass.h"

namespace neurode::cuda {
namespace {

// Weights that slices may read again for every few rows: they stay in the second level cache.
constexpr std::int64_t kMostSliceWeights = 1 << 16;

int padded(int features) { return (features + 3) / 4 * 4; }

bool is_pointwise_activation(const Task* task, TaskKind kind) {
  return task != nullptr && task->kind == kind && is_pointwise(task->op.row);
}

bool runs_by_rows(const Stage& stage) {
  return stage.kind == StageKind::loss || stage.kind == StageKind::metric ||
         stage.kind == StageKind::activity_penalty ||
         ((stage.kind == StageKind::activation_forward ||
           stage.kind == StageKind::activation_backward) &&
          !is_pointwise(stage.op.row));
}

bool moves_features(TaskKind kind) {
  return kind == TaskKind::regroup || kind == TaskKind::transpose || kind == TaskKind::repeat ||
         kind == TaskKind::repeat_backward || kind == TaskKind::encode || kind == TaskKind::pool ||
         kind == TaskKind::pool_backward;
}

// A product over positions has so many times the rows.
StepRecord by_positions(StepRecord step, int positions) {
  step.rows *= positions;
  return step;
}

}  // namespace

PassRunner::PassRunner(Device& device, const Program& program, const Pass& pass,
                       const Parameters& parameters, const Updates& updates, const WideLayers& wide,
                       int usual_rows)
    : device_(device),
      program_(program),
      pass_(pass),
      parameters_(parameters),
      updates_(updates),
      wide_(wide),
      usual_rows_(usual_rows) {
  if (pass.tasks.empty()) return;
  std::int64_t floats = 0;
  for (const int channels : pass.statistics) floats += kStatistics * padded(channels);
  statistics_memory_ = DeviceMemory(device.pool, floats * static_cast<std::int64_t>(sizeof(float)),
                                    "statistics of a batch");
  float* next = statistics_memory_.floats();
  for (const int channels : pass.statistics) {
    statistics_.push_back(next);
    next += kStatistics * padded(channels);
  }
  add_launches();
  find_direct_input();
  find_slice();
  find_copies();
}

// ----------------------------------------------------------------------------------------------
// stages

void PassRunner::add_launches() {
  for (const Segment& segment : segments_of(pass_)) {
    switch (segment.axis) {
      case Axis::rows:
        add_stages(segment);
        break;
      case Axis::outputs:
        add_outputs(segment);
        break;
      case Axis::parameters:
        add_parameters(segment);
        break;
    }
  }
}

void PassRunner::add_outputs(const Segment& segment) {
  // Of whole rows and columns of parameters, such tasks alone make up a segment.
  const TaskKind first = pass_.tasks[segment.begin].kind;
  if (first == TaskKind::matrix_penalty || first == TaskKind::constrain)
    return add_parameters(segment);
  // Those of dense layers last: with them the step may end.
  const auto is_dense = [](const Task& task) {
    return task.kind == TaskKind::dense_backward_weights;
  };
  Launch channels{Launch::Kind::channels, static_cast<int>(weights_.size()), 0, {}};
  for (int i = segment.begin; i < segment.end; ++i) {
    if (!is_dense(pass_.tasks[i])) weights_.push_back(pass_.tasks[i]);
  }
  channels.end = static_cast<int>(weights_.size());
  if (channels.begin < channels.end) launches_.push_back(channels);
  Launch launch{Launch::Kind::weights, static_cast<int>(weights_.size()), 0, {}};
  launch.wide_begin = static_cast<int>(wide_weights_.size());
  for (int i = segment.begin; i < segment.end; ++i) {
    const Task& task = pass_.tasks[i];
    if (is_dense(task)) (wide_.takes(task.kernel) ? wide_weights_ : weights_).push_back(task);
  }
  launch.end = static_cast<int>(weights_.size());
  launch.wide_end = static_cast<int>(wide_weights_.size());
  if (launch.begin < launch.end || launch.wide_begin < launch.wide_end) launches_.push_back(launch);
}

void PassRunner::add_parameters(const Segment& segment) {
  std::vector<TaskKind> kinds;
  for (int i = segment.begin; i < segment.end; ++i) {
    const TaskKind kind = pass_.tasks[i].kind;
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
    kinds.push_back(kind);
    launches_.push_back({Launch::Kind::parameters, 0, 0, kind});
  }
}

void PassRunner::add_stages(const Segment& segment) {
  const int begin = static_cast<int>(drafts_.size());
  for (int i = segment.begin; i < segment.end; ++i) {
    const Task& task = pass_.tasks[i];
    if (task.kind == TaskKind::gather_targets)
      continue;  // losses and metrics read the bound targets
    const Task* const next = i + 1 < segment.end ? &pass_.tasks[i + 1] : nullptr;
    add_stage(task, next);
    const Draft& draft = drafts_.back();
    const bool took_next =
        draft.stage.op.row != row::linear && (draft.stage.kind == StageKind::dense_forward ||
                                              draft.stage.kind == StageKind::dense_backward_input);
    if (took_next) ++i;
  }
  launches_.push_back({Launch::Kind::stages, begin, static_cast<int>(drafts_.size()), {}});
}

// A dense layer takes the pointwise activation that follows; so does its gradient.
void PassRunner::add_stage(const Task& task, const Task* next) {
  Draft draft{};
  Stage& stage = draft.stage;
  const auto width = [&](int tensor) { return tensor < 0 ? 0 : pass_.features[tensor]; };
  draft.input = task.input;
  draft.output = task.output;
  draft.auxiliary = task.auxiliary;
  draft.gradient = task.gradient;
  draft.input_gradient = task.input_gradient;
  draft.kernel = task.kernel;
  draft.positions =
      moves_features(task.kind) ? 1 : pass_.positions[task.output >= 0 ? task.output : task.input];
  stage.op = record_of(task.op);
  stage.units = width(task.output >= 0 ? task.output : task.input);
  stage.length = task.along.length;
  stage.inner = task.along.inner;
  stage.seed = task.seed;
  stage.scale = task.scale;
  stage.offset = task.offset;
  stage.metric = task.metric;
  const auto set_kernel = [&] {
    stage.inputs = width(task.input);
    stage.kernel = parameters_.values(task.kernel);
    stage.kernel_stride = parameters_.stride(task.kernel);
    stage.bias = parameters_.values(task.bias);
    stage.op = {};
  };
  switch (task.kind) {
    case TaskKind::gather_input:
      stage.kind = StageKind::gather;
      break;
    case TaskKind::dense_forward:
      stage.kind = StageKind::dense_forward;
      set_kernel();
      if (is_pointwise_activation(next, TaskKind::activation_forward) &&
          next->input == task.output) {
        stage.op = record_of(next->op);
        draft.z = next->output != task.output ? task.output : -1;
        draft.output = next->output;
      }
      break;
    case TaskKind::activation_forward:
      stage.kind = StageKind::activation_forward;
      draft.z = task.input;
      draft.input = -1;
      break;
    case TaskKind::noise_forward:
      stage.kind = StageKind::noise_forward;
      break;
    case TaskKind::rescale_forward:
      stage.kind = StageKind::rescale_forward;
      break;
    case TaskKind::loss:
      stage.kind = StageKind::loss;
      draft.auxiliary = -1;
      break;
    case TaskKind::metric:
      stage.kind = StageKind::metric;
      draft.auxiliary = -1;
      break;
    case TaskKind::activity_penalty:
      stage.kind = StageKind::activity_penalty;
      break;
    case TaskKind::activity_gradient:
      stage.kind = StageKind::activity_gradient;
      break;
    case TaskKind::activation_backward:
      stage.kind = StageKind::activation_backward;
      draft.z = task.input;
      draft.input = -1;
      break;
    case TaskKind::noise_backward:
      stage.kind = StageKind::noise_backward;
      draft.input = draft.output = -1;
      break;
    case TaskKind::rescale_backward:
      stage.kind = StageKind::rescale_backward;
      draft.input = draft.output = -1;
      break;
    case TaskKind::dense_backward_input:
      stage.kind = StageKind::dense_backward_input;
      set_kernel();
      draft.input = draft.output = -1;
      if (is_pointwise_activation(next, TaskKind::activation_backward) &&
          next->gradient == task.input_gradient) {
        stage.op = record_of(next->op);
        draft.z = next->input;
        draft.output = next->output;
      }
      break;
    case TaskKind::feature_backward:
    case TaskKind::normalize_backward:
    case TaskKind::batch_normalize_backward:
      draft.output = -1;
      draft.by_channel = &task;
      break;
    default:
      draft.by_channel = &task;
      break;
  }
  drafts_.push_back(draft);
}

bool PassRunner::touches(const Draft& draft, int tensor) const {
  return draft.input == tensor || draft.z == tensor || draft.output == tensor ||
         draft.auxiliary == tensor || draft.gradient == tensor || draft.input_gradient == tensor;
}

// Where only dense layers read the input, no tensor of it is made.
void PassRunner::find_direct_input() {
  const int input = pass_.tasks.front().output;
  direct_input_ = pass_.output != input;
  for (std::size_t i = 1; i < drafts_.size(); ++i) {
    Draft others = drafts_[i];
    if (others.stage.kind == StageKind::dense_forward) others.input = -1;
    if (touches(others, input)) direct_input_ = false;
    // Products of wide layers read floats from a tensor, or copies that are made of the bound data.
    if (is_wide(drafts_[i]) && drafts_[i].input == input && !wide_.reads_copies())
      direct_input_ = false;
  }
  used_.assign(pass_.features.size(), false);
}

// Small layers above the first run in one kernel, each block taking a few rows through all of them,
// where nothing stands between that takes the whole batch.
void PassRunner::find_slice() {
  const std::size_t first = direct_input_ ? 2 : 0;
  const auto is_stages = [](const Launch& launch) { return launch.kind == Launch::Kind::stages; };
  const bool is_whole = std::count_if(launches_.begin(), launches_.end(), is_stages) == 1;
  std::int64_t weights = 0;
  std::vector<bool> inside(pass_.features.size(), false);
  bool by_channel = false;
  for (std::size_t i = first; i < drafts_.size(); ++i) {
    const Draft& draft = drafts_[i];
    by_channel |= draft.by_channel != nullptr;
    weights +=
        std::int64_t{draft.stage.inputs} * (draft.stage.kernel != nullptr ? draft.stage.units : 0);
    for (std::size_t t = 0; t < inside.size(); ++t) {
      if (touches(draft, static_cast<int>(t))) inside[t] = true;
    }
  }
  std::vector<bool> outside(pass_.features.size(), false);
  for (std::size_t i = first_stage(); i < first; ++i) {
    outside[drafts_[i].output] = true;
    if (drafts_[i].z >= 0) outside[drafts_[i].z] = true;
  }
  int features = 0;
  for (std::size_t t = 0; t < inside.size(); ++t)
    features += inside[t] ? padded(pass_.features[t]) : 0;

  std::vector<bool> wanted(pass_.features.size(), false);
  std::vector<Task> all_weights = weights_;
  all_weights.insert(all_weights.end(), wide_weights_.begin(), wide_weights_.end());
  for (const Task& task : all_weights) {
    wanted[task.input] = !(direct_input_ && task.input == pass_.tasks.front().output);
    if (task.gradient >= 0) wanted[task.gradient] = true;
  }
  if (&pass_ == &program_.predict || program_.captures) wanted[pass_.output] = true;
  for (std::size_t t = 0; t < inside.size(); ++t) {
    if (inside[t] && outside[t]) loads_.push_back(static_cast<int>(t));
    if (inside[t] && !outside[t] && wanted[t]) saves_.push_back(static_cast<int>(t));
  }
  const bool fits = is_whole && !by_channel && drafts_.size() > first &&
                    drafts_.size() - first <= kMostSliceStages && weights <= kMostSliceWeights &&
                    features <= kMostSliceFeatures && loads_.size() <= std::size(slice_.loads) &&
                    saves_.size() <= std::size(slice_.saves);
  if (!fits) {
    for (std::size_t t = 0; t < used_.size(); ++t) used_[t] = inside[t] || outside[t] || wanted[t];
    return;
  }
  sliced_from_ = static_cast<int>(first);
  for (std::size_t t = 0; t < used_.size(); ++t) used_[t] = outside[t] || wanted[t];
  shared_offsets_.assign(pass_.features.size(), 0);
  slice_.shared_floats = kSliceScratch;
  for (std::size_t t = 0; t < inside.size(); ++t) {
    if (!inside[t]) continue;
    shared_offsets_[t] = slice_.shared_floats;
    slice_.shared_floats += kSliceRows * padded(pass_.features[t]);
  }
}

// ----------------------------------------------------------------------------------------------
// memory

bool PassRunner::reserve(int rows) {
  if (pass_.tasks.empty() || rows <= capacity_) return false;
  const std::int64_t capacity = rows;
  std::int64_t floats = 0;
  std::vector<std::int64_t> offsets(pass_.features.size(), -1);
  for (std::size_t t = 0; t < offsets.size(); ++t) {
    if (!used_[t]) continue;
    offsets[t] = floats;
    floats += capacity * pass_.positions[t] * padded(pass_.features[t]);
  }
  const std::int64_t values = floats;
  floats += (capacity * program_.positions * program_.row_values() + 3) / 4 * 4;
  std::int64_t partials = 0, counters = 0;
  for (const Launch& launch : launches_) {
    if (launch.kind != Launch::Kind::weights || launch.begin == launch.end) continue;
    const WeightsPlan plan(weight_layers(launch), rows);
    partials = std::max(partials, plan.partial_floats());
    counters = std::max(counters, plan.counters());
  }
  std::int64_t wide_partials = 0, wide_counters = 0;
  for (const WeightsSplit& split : wide_splits(rows)) {
    wide_partials += split.partial_floats();
    wide_counters += split.counters();
  }
  const std::int64_t copies = copy_elements(rows) / 2;  // floats
  memory_ = DeviceMemory();                             // before the larger one is taken
  capacity_ = 0;
  const std::int64_t sums = library_sums(rows), gradients = library_gradients();
  const std::int64_t all =
      floats + copies + partials + wide_partials + sums + gradients + counters + wide_counters;
  memory_ = DeviceMemory(device_.pool, all * static_cast<std::int64_t>(sizeof(float)),
                         "tensors of a batch");
  float* const base = memory_.floats();
  values_ = base + values;
  place_copies(rows, reinterpret_cast<BFloat16*>(base + floats));
  wide_partials_ = base + floats + copies;
  partials_ = wide_partials_ + wide_partials;
  library_memory_ = {partials_ + partials, partials_ + partials + sums};
  counters_ = reinterpret_cast<std::uint32_t*>(library_memory_.gradients + gradients);
  wide_counters_ = counters_ + counters;
  if (counters + wide_counters > 0)
    check(cudaMemsetAsync(counters_, 0, (counters + wide_counters) * sizeof(float),
                          device_.stream.get()),
          "clearing counters");
  tensors_.assign(pass_.features.size(), Operand{});
  for (std::size_t t = 0; t < offsets.size(); ++t) {
    if (used_[t]) tensors_[t] = {base + offsets[t], 0, padded(pass_.features[t])};
  }
  capacity_ = rows;
  if (sliced_from_ >= 0) lay_out_slice();
  return true;
}

Stage PassRunner::on_device(const Draft& draft) const {
  Stage stage = draft.stage;
  const auto at = [&](int tensor) { return tensor < 0 ? Operand{} : tensors_[tensor]; };
  stage.input = at(draft.input);
  stage.z = at(draft.z);
  stage.output = at(draft.output);
  stage.auxiliary = at(draft.auxiliary);
  stage.gradient = at(draft.gradient);
  stage.input_gradient = at(draft.input_gradient);
  return stage;
}

void PassRunner::lay_out_slice() {
  const auto shared = [&](int tensor) {
    return tensor < 0 ? Operand{}
                      : Operand{nullptr, shared_offsets_[tensor], padded(pass_.features[tensor])};
  };
  slice_.count = 0;
  for (std::size_t i = sliced_from_; i < drafts_.size(); ++i) {
    const Draft& draft = drafts_[i];
    Stage& stage = slice_.stages[slice_.count++];
    stage = draft.stage;
    stage.input = shared(draft.input);
    stage.z = shared(draft.z);
    stage.output = shared(draft.output);
    stage.auxiliary = shared(draft.auxiliary);
    stage.gradient = shared(draft.gradient);
    stage.input_gradient = shared(draft.input_gradient);
  }
  slice_.load_count = slice_.save_count = 0;
  for (const int t : loads_)
    slice_.loads[slice_.load_count++] = {tensors_[t], shared(t), pass_.features[t]};
  for (const int t : saves_)
    slice_.saves[slice_.save_count++] = {tensors_[t], shared(t), pass_.features[t]};
}

ChannelRecord PassRunner::channels(const Task& task) const {
  ChannelRecord record{};
  const auto at = [&](int tensor) {
    return tensor < 0 ? Tensor{} : Tensor{tensors_[tensor].data, tensors_[tensor].stride};
  };
  record.kind = task.kind;
  // Elements of what gives others than it takes are those of its output; sums are over the input's.
  const bool embeds = task.kind == TaskKind::embedding_forward;
  const bool moves = moves_features(task.kind);
  record.features = pass_.width(embeds || moves ? task.output : task.input);
  if (moves) {
    record.block = task.block;
    record.counts = task.counts ? 1 : 0;
    record.input_features = pass_.features[task.input];
    record.output_features = pass_.features[task.output];
  }
  record.channels = task.along.length == 0 ? record.features : task.along.length;
  record.inner = task.along.inner;
  record.op = record_of(task.op);
  record.kernel = parameters_.values(task.kernel);
  record.bias = parameters_.values(task.bias);
  record.mean = parameters_.values(task.mean);
  record.variance = parameters_.values(task.variance);
  if (task.statistics >= 0) {
    record.statistics = statistics_[task.statistics];
    record.statistics_stride = padded(pass_.statistics[task.statistics]);
  }
  if (embeds || task.kind == TaskKind::embedding_gradients) {
    record.count = program_.parameters[task.kernel].rows;
    record.size = program_.parameters[task.kernel].columns;
    record.kernel_stride = parameters_.stride(task.kernel);
  }
  record.input = at(task.input);
  record.output = at(task.output);
  record.gradient = at(task.gradient);
  record.input_gradient = at(task.input_gradient);
  return record;
}

std::vector<WeightLayer> PassRunner::weight_layers(const Launch& launch) const {
  std::vector<WeightLayer> layers;
  for (int i = launch.begin; i < launch.end; ++i) {
    const Task& task = weights_[i];
    WeightLayer layer{};
    if (!tensors_.empty()) {
      const bool direct = direct_input_ && task.input == pass_.tasks.front().output;
      layer.input = direct ? nullptr : tensors_[task.input].data;
      layer.input_stride = direct ? 0 : tensors_[task.input].stride;
      layer.gradient = tensors_[task.gradient].data;
      layer.gradient_stride = tensors_[task.gradient].stride;
    }
    layer.positions = pass_.positions[task.output];
    layer.inputs = pass_.features[task.input];
    layer.units = pass_.features[task.output];
    layer.kernel_stride = parameters_.stride(task.kernel);
    layer.kernel = parameters_.record(task.kernel);
    layer.bias = parameters_.record(task.bias);
    layers.push_back(layer);
  }
  return layers;
}

// ----------------------------------------------------------------------------------------------
// launches

void PassRunner::enqueue_stages(Launcher& launcher, const Launch& stages, const StepRecord& step,
                                std::vector<bool>& fresh) const {
  const int end = sliced_from_ >= 0 ? sliced_from_ : stages.end;
  RowStages by_rows{};
  for (int i = std::max(stages.begin, first_stage()); i < end; ++i) {
    const Stage stage = on_device(drafts_[i]);
    const StepRecord own = by_positions(step, drafts_[i].positions);
    if (is_wide(drafts_[i])) {
      enqueue_wide(launcher, drafts_[i], step, fresh);
      continue;
    }
    for (const int written : {drafts_[i].output, drafts_[i].gradient, drafts_[i].input_gradient}) {
      if (written >= 0) fresh[written] = false;
    }
    if (drafts_[i].by_channel == nullptr && runs_by_rows(stage)) {
      by_rows.stages[by_rows.count++] = stage;
      const bool more = i + 1 < end && drafts_[i + 1].by_channel == nullptr &&
                        runs_by_rows(drafts_[i + 1].stage) && by_rows.count < kMostRowStages &&
                        drafts_[i + 1].positions == drafts_[i].positions;
      if (!more) {
        run_rows(launcher, by_rows, own);
        by_rows.count = 0;
      }
    } else if (drafts_[i].by_channel != nullptr) {
      run_channel_elements(launcher, channels(*drafts_[i].by_channel), step);
    } else if (stage.kind == StageKind::dense_forward) {
      const int usual = usual_rows_ > 0 ? usual_rows_ : step.rows;
      dense_forward(launcher, stage, own, usual * drafts_[i].positions);
    } else if (stage.kind == StageKind::dense_backward_input) {
      dense_backward_input(launcher, stage, own);
    } else {
      run_elements(launcher, stage, own);
    }
  }
  if (sliced_from_ < 0) return;
  run_slices(launcher, slice_, step);
  for (const int saved : saves_) fresh[saved] = false;
}

// Without `update`, only what rows need: no weight moves, and no moving statistics do.
void PassRunner::enqueue(Launcher& launcher, RunState* state, int rows, double* sums, bool weighted,
                         bool update) const {
  const bool mean = program_.reduction != Reduction::sum;
  const float scale = mean ? 1.0f / static_cast<float>(rows * program_.positions) : 1.0f;
  const StepRecord step{state, rows, weighted ? -1.0f : scale, values_,
                        capacity_ * program_.positions};
  const FinishRecord end{
      sums,         program_.metrics, program_.activities, program_.weighted_from,
      mean ? 1 : 0, update ? 1 : 0};
  if (weighted) weigh(launcher, step, static_cast<int>(program_.reduction));
  std::vector<bool> fresh(pass_.features.size(), false);
  for (const Launch& launch : launches_) {
    const bool is_last = &launch == &launches_.back();
    if (!update && launch.kind == Launch::Kind::parameters)
      updates_.penalties().run(launcher, launch.task, false);
    if (!update && launch.kind != Launch::Kind::stages && launch.kind != Launch::Kind::channels)
      continue;
    switch (launch.kind) {
      case Launch::Kind::stages:
        enqueue_stages(launcher, launch, step, fresh);
        if (sums != nullptr && program_.captures)
          capture(launcher, tensors_[pass_.output], by_positions(step, program_.positions));
        break;
      case Launch::Kind::channels:
        for (int i = launch.begin; i < launch.end; ++i) {
          const Task& task = weights_[i];
          if (!update && task.kind != TaskKind::batch_statistics) continue;
          ChannelRecord record = channels(task);
          if (!update) record.mean = record.variance = nullptr;
          run_channel_sums(launcher, record, step, record_of(program_.update.optimizer),
                           parameters_.record(task.kernel), parameters_.record(task.bias));
        }
        break;
      case Launch::Kind::weights:
        enqueue_wide_weights(launcher, launch, step, fresh);
        if (launch.begin == launch.end) break;
        WeightsPlan(weight_layers(launch), rows)
            .run(launcher, step, record_of(program_.update.optimizer),
                 is_last ? end : FinishRecord{}, counters_, partials_);
        if (is_last) return;
        break;
      case Launch::Kind::parameters:
        updates_.run(launcher, launch.task, step);
        if (is_last) wide_.copy_deferred(launcher);
        break;
    }
  }
  if (sums != nullptr) updates_.penalties().add(launcher, rows, sums + program_.metrics + 3);
  if (sums != nullptr) finish(launcher, step, end);
}

}  // namespace neurode::cuda
