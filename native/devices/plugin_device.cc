// CUDA devices: adapts the table of the CUDA library to Device and Executor.
#include "native/devices/plugin_device.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include "native/devices/plugin_library.h"
#include "native/devices/plugin_model.h"
#include "native/devices/plugin_transport.h"
#include "native/engine/error.h"
#include "native/engine/flush_subnormals.h"
#include "native/engine/tallies.h"
#include "native/engine/work_queue.h"

namespace neurode {
namespace {

plugin::InputRecord record_of(const InputView& input) {
  return {input.bytes, input.floats, input.rows, input.features, input.scale, input.offset};
}

const std::uint32_t* next_order(const void* range) {
  return static_cast<const BatchRange*>(range)->next_order();
}

plugin::RangeRecord record_of(const BatchRange& range) {
  const TargetsView& targets = range.data.targets;
  return {record_of(range.data.input),
          targets.classes,
          targets.rows,
          targets.bytes,
          targets.levels,
          targets.weights,
          targets.columns,
          targets.row_size,
          range.data.handle,
          range.order,
          range.order_key.seed,
          range.order_key.epoch,
          range.next_order ? next_order : nullptr,
          &range,
          range.batch_size,
          range.first_batch,
          range.batches,
          range.captured,
          range.gradients,
          range.input_gradients,
          range.update ? 1 : 0};
}

std::int32_t is_set(const void* flag) {
  return static_cast<const std::atomic<bool>*>(flag)->load() ? 1 : 0;
}

// By parameter: the floats of a statistic, and 0 for all else.
std::vector<std::size_t> statistics_of(const Program& program) {
  std::vector<std::size_t> floats;
  for (const Parameter& parameter : program.parameters)
    floats.push_back(parameter.trainable ? 0 : parameter.size());
  return floats;
}

class PluginExecutor final : public Executor {
 public:
  PluginExecutor(const plugin::Table& table, void* device, WorkQueue& queue, const Program& program)
      : table_(table),
        queue_(queue),
        program_(with_captures(program)),
        statistics_(statistics_of(program_)),
        model_(std::make_shared<PluginModel>(table, device, program_)) {
    initialize_parameters(program_);
  }
  PluginExecutor(const PluginExecutor& sibling, const Program& program)
      : table_(sibling.table_),
        queue_(sibling.queue_),
        program_(with_captures(program)),
        statistics_(statistics_of(program_)),
        model_(std::make_shared<PluginModel>(*sibling.model_, program_)) {}
  ~PluginExecutor() override { model_->dispose(); }

  std::unique_ptr<Executor> sibling(Program program) override {
    auto sibling = std::make_unique<PluginExecutor>(*this, program);
    if (others_) sibling->set_transport(others_->transport());
    return sibling;
  }
  void set_transport(std::shared_ptr<Transport> transport) override {
    auto others = std::make_unique<PluginTransport>(std::move(transport));
    check(table_, table_.set_transport(model_->get(), &others->record()));
    others_ = std::move(others);
  }
  void apply(std::span<const float* const> gradients, float learning_rate, std::int64_t& step,
             bool) override {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const int index = static_cast<int>(i);
      if (gradients[i] != nullptr) {
        check(table_, table_.set_gradient(model_->get(), index, gradients[i]));
      } else if (statistics_[i] > 0) {  // its next value is the one that it has
        std::vector<float> values(statistics_[i]);
        get_parameter(index, values.data());
        check(table_, table_.set_gradient(model_->get(), index, values.data()));
      }
    }
    check(table_, table_.apply(model_->get(), learning_rate, &step));
  }

  void get_parameter(int index, float* values) const override { get_slot(-1, index, values); }
  void set_parameter(int index, const float* values) override { set_slot(-1, index, values); }
  void get_slot(int slot, int index, float* values) const override {
    check(table_, table_.get_parameter(model_->get(), slot, index, values));
  }
  void set_slot(int slot, int index, const float* values) override {
    check(table_, table_.set_parameter(model_->get(), slot, index, values));
  }

  void reserve(const Reservation& reservation) override {
    BatchRange range;
    range.data = reservation.data;
    range.batch_size = reservation.batch_size;
    range.batches = std::min(reservation.batches, batches_at_once(range));
    const plugin::ReservationRecord record{record_of(range), reservation.trains ? 1 : 0,
                                           reservation.shuffles ? 1 : 0,
                                           reservation.captures || has_tallies() ? 1 : 0};
    check(table_, table_.reserve(model_->get(), &record));
  }

  Sums train(const BatchRange& range, const float* learning_rates, std::int64_t& step,
             const std::atomic<bool>& cancelled) override {
    const Sums all = run(range, true, [&](const BatchRange& part, plugin::SumsRecord* sums) {
      const plugin::RangeRecord record = record_of(part);
      const plugin::CancelRecord cancel{is_set, &cancelled};
      const float* const rates = learning_rates + (part.first_batch - range.first_batch);
      const plugin::Status status =
          table_.train(model_->get(), &record, rates, &step, &cancel, sums);
      if (others_) others_->check();
      return status;
    });
    for (std::size_t i = 0; all.batches > 0 && i < range.parameter_gradients.size(); ++i) {
      float* const values = range.parameter_gradients[i];
      if (values != nullptr)
        check(table_, table_.get_gradient(model_->get(), static_cast<int>(i), values));
    }
    return all;
  }

  Sums evaluate(const BatchRange& range, const std::atomic<bool>& cancelled) override {
    return run(range, false, [&](const BatchRange& part, plugin::SumsRecord* sums) {
      const plugin::RangeRecord record = record_of(part);
      const plugin::CancelRecord cancel{is_set, &cancelled};
      return table_.evaluate(model_->get(), &record, &cancel, sums);
    });
  }

  // Queued, so that ranges that were queued before may still use the data.
  void release(int handle) override {
    try {
      queue_.push([model = model_, handle] { model->release(handle); });
    } catch (const std::exception&) {  // there is no memory to queue it
      model_->release(handle);
    }
  }

  void predict(const InputView& input, float* output, const std::atomic<bool>& cancelled) override {
    const plugin::InputRecord record = record_of(input);
    const plugin::CancelRecord cancel{is_set, &cancelled};
    check(table_, table_.predict(model_->get(), &record, output, &cancel));
  }

  void predict_here(const InputView& input, float* output) override {
    const plugin::InputRecord record = record_of(input);
    const plugin::CancelRecord cancel{};
    check(table_, table_.predict(model_->get(), &record, output, &cancel));
  }

 private:
  void initialize_parameters(const Program& program) {
    for (std::size_t i = 0; i < program.parameters.size(); ++i)
      set_parameter(static_cast<int>(i), first_values(program.parameters[i]).data());
  }

  // The library captures the rows that tallies count.
  static Program with_captures(Program program) {
    program.captures = program.captures || !program.tallies.empty();
    return program;
  }
  bool has_tallies() const { return !program_.tallies.empty(); }

  // How many batches a range has at most, which limits the memory for the rows that tallies count.
  std::int64_t batches_at_once(const BatchRange& range) const {
    constexpr std::int64_t kMostCaptured = std::int64_t{1} << 24;
    const std::int64_t floats = std::int64_t{range.batch_size} * program_.captured_floats();
    return has_tallies()
               ? std::max<std::int64_t>(kMostCaptured / std::max<std::int64_t>(floats, 1), 1)
               : std::numeric_limits<std::int64_t>::max();
  }

  // Runs a range, or where there are tallies some of its batches after the others.
  template <class Run>
  Sums run(const BatchRange& range, bool trains, Run run) {
    if (!has_tallies() || range.gradients != nullptr) return sums_of(range, run);
    const std::int64_t each = std::min(batches_at_once(range), range.batches);
    const std::int64_t begin = range.first_batch * range.batch_size;
    const std::int64_t rows_of_part =
        std::min(each * range.batch_size, range.data.input.rows - begin);
    std::vector<float> own;
    if (range.captured == nullptr) own.resize(rows_of_part * program_.captured_floats());
    Sums all(program_);
    for (std::int64_t done = 0; done < range.batches; done += each) {
      const std::int64_t row = done * range.batch_size;
      BatchRange part = range;
      part.first_batch += done;
      part.batches = std::min(each, range.batches - done);
      part.captured = range.captured == nullptr ? own.data()
                                                : range.captured + row * program_.captured_floats();
      if (range.input_gradients != nullptr)
        part.input_gradients = range.input_gradients + row * program_.input_size;
      Sums sums = sums_of(part, run);
      add_own_captured(part, trains, sums);
      all.add(sums);
      if (sums.batches < part.batches) break;
    }
    return all;
  }

  // Of batches that are cut into parts, other ranks count the rows of theirs.
  void add_own_captured(const BatchRange& range, bool trains, Sums& sums) const {
    const Parts& parts = program_.parts;
    if (!trains || parts.mine == parts.count)
      return add_captured(program_, range.captured, sums.rows, sums.tallies);
    const std::int64_t before = range.first_batch * range.batch_size;
    for (std::int64_t batch = 0; batch < sums.batches; ++batch) {
      const std::int64_t first = batch * range.batch_size;
      const std::int64_t rows =
          std::min<std::int64_t>(range.batch_size, range.data.input.rows - before - first);
      const std::int64_t begin = parts.first_row(rows, parts.first);
      add_captured(program_, range.captured + (first + begin) * program_.captured_floats(),
                   parts.first_row(rows, parts.end()) - begin, sums.tallies);
    }
  }

  template <class Run>
  Sums sums_of(const BatchRange& range, Run run) {
    Sums sums(program_);
    const std::size_t count = sums.heads.size();
    std::vector<plugin::HeadSumsRecord> heads(count);
    plugin::SumsRecord record{0, 0, 0, heads.data(), sums.metrics.data()};
    check(table_, run(range, &record));
    sums.batches = record.batches;
    sums.rows = record.rows;
    sums.penalty = record.penalty;
    for (std::size_t h = 0; h < count; ++h)
      sums.heads[h] = {heads[h].loss, heads[h].counted, heads[h].weight};
    return sums;
  }

  const plugin::Table& table_;
  WorkQueue& queue_;
  const Program program_;
  const std::vector<std::size_t> statistics_;
  const std::shared_ptr<PluginModel> model_;
  std::unique_ptr<PluginTransport> others_;  // null: the model has all parts of its batches
};

class PluginDevice final : public Device {
 public:
  PluginDevice(const plugin::Table& table, int ordinal)
      : table_(table), name_("cuda:" + std::to_string(ordinal)) {
    plugin::DeviceRecord record{};
    check(table, table.describe_device(ordinal, &record));
    isa_ = std::to_string(record.major) + "." + std::to_string(record.minor);
    check(table, table.open_device(ordinal, &device_));
  }
  ~PluginDevice() override { table_.close_device(device_); }

  std::string name() const override { return name_; }
  std::string isa() const override { return isa_; }
  int threads() const override { return 1; }

  std::unique_ptr<Executor> open(Program program) override {
    return std::make_unique<PluginExecutor>(table_, device_, queue_, program);
  }

  double measure(const Measured& of) override {
    const plugin::MeasureRecord record{of.bytes, static_cast<std::int32_t>(of.precision), of.rows,
                                       of.inputs, of.units};
    double seconds = 0;
    check(table_, table_.measure(device_, &record, &seconds));
    return seconds;
  }

  void submit(std::function<void()> work) override {
    queue_.push([work = std::move(work)] {
      const FlushSubnormals flush;  // for the emulator; a GPU has its own setting
      work();
    });
  }

 private:
  const plugin::Table& table_;
  const std::string name_;
  std::string isa_;
  void* device_ = nullptr;
  WorkQueue queue_;
};

std::string describe(const plugin::DeviceRecord& record) {
  return std::string(record.name) + ", compute capability " + std::to_string(record.major) + "." +
         std::to_string(record.minor) + ", " + std::to_string(record.bytes >> 20) + " MiB";
}

}  // namespace

std::vector<DeviceInfo> describe_cuda() {
  const PluginLibrary library = plugin_library();
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < library.devices; ++i) {
    DeviceInfo info;
    info.name = "cuda:" + std::to_string(i);
    plugin::DeviceRecord record{};
    info.available = library.table->describe_device(i, &record) == plugin::kOk;
    if (info.available && record.major >= 8) info.precisions = {"float32", "tf32", "bfloat16"};
    (info.available ? info.description : info.reason) =
        info.available ? describe(record) : library.table->last_error();
    devices.push_back(std::move(info));
  }
  if (devices.empty()) {
    devices.emplace_back();
    devices.back().name = "cuda:0";
    devices.back().reason = library.reason;
  }
  return devices;
}

std::shared_ptr<Device> open_cuda(int ordinal) {
  const PluginLibrary library = plugin_library();
  const std::string name = "cuda:" + std::to_string(ordinal);
  const auto fail = [&](const std::string& reason) -> Error {
    return {"ERR_DEVICE_UNAVAILABLE", "device: '" + name + "' is not available: " + reason};
  };
  if (library.table == nullptr) throw fail(library.reason);
  if (ordinal >= library.devices)
    throw fail("there are " + std::to_string(library.devices) + " CUDA devices");
  // Never destroyed, because threads of an exiting process may still use models, and because
  // opening a device takes long.
  static auto* const mutex = new std::mutex;
  static auto* const open =
      new std::map<std::pair<const plugin::Table*, int>, std::shared_ptr<Device>>;
  const std::lock_guard lock(*mutex);
  std::shared_ptr<Device>& device = (*open)[{library.table, ordinal}];
  if (!device) {
    try {
      device = std::make_shared<PluginDevice>(*library.table, ordinal);
    } catch (const Error& error) {
      throw fail(error.what());
    }
  }
  return device;
}

std::shared_ptr<Device> open_cuda_if_it_works() {
  const PluginLibrary library = plugin_library();
  if (library.table == nullptr || library.table->needs_driver == 0) return nullptr;
  try {
    return open_cuda(0);
  } catch (const Error&) {
    return nullptr;
  }
}

}  // namespace neurode
