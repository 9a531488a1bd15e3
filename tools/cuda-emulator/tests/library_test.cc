// Tests the CUDA library through its table, on the emulator. After a refused allocation, a second
// try gives the right bits. The caller's current device does not change. No capture loads a kernel.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/runtime/launch.h"
#include "native/engine/op_table.h"
#include "native/engine/plugin.h"
#include "native/engine/plugin_records.h"
#include "native/engine/program.h"
#include "tools/cuda-emulator/tests/emulator_test.h"
#include "tools/cuda-emulator/tests/library_data.h"

extern "C" const neurode::plugin::Table* neurode_cuda_plugin();

namespace {

using namespace neurode;

const plugin::Table& table() { return *neurode_cuda_plugin(); }

// One model on one device, and all calls that are tested. `run` makes each call.
class Scenario {
 public:
  using Step = std::function<plugin::Status()>;
  using Run = std::function<void(const char* name, const Step& step)>;

  Scenario(int ordinal, Run run) : ordinal_(ordinal), run_(std::move(run)) {}
  ~Scenario() { close(); }

  void open() {
    run_("open", [this] { return table().open_device(ordinal_, &device_); });
    const plugin::ProgramRecords records(program_);
    run_("create", [&] { return table().create_model(device_, &records.program(), &model_); });
    for (int i = 0; i < static_cast<int>(program_.parameters.size()); ++i) {
      const Parameter& parameter = program_.parameters[i];
      std::vector<float> values(parameter.size());
      initialize(parameter.initializer, std::max(parameter.rows, 1), parameter.columns,
                 values.data());
      run_("set", [&] { return table().set_parameter(model_, -1, i, values.data()); });
    }
  }

  // Two epochs, each with its own order of rows. The second order is uploaded ahead.
  void fit() {
    plugin::RangeRecord range = images_.range(1);
    const plugin::ReservationRecord reservation{range, 1, 1, 0};
    run_("reserve", [&] { return table().reserve(model_, &reservation); });
    range.order = images_.order.data();
    range.order_epoch = 1;
    range.next_order = [](const void* next) { return static_cast<const std::uint32_t*>(next); };
    range.next_order_context = images_.next.data();
    train("first epoch", range);
    range.order = images_.next.data();
    range.order_epoch = 2;
    range.next_order = nullptr;
    train("second epoch", range);
    run_("release", [&] {
      table().release(model_, 1);
      return plugin::kOk;
    });
  }

  // Rows without a reservation, as in a stream, with outputs that are downloaded.
  void stream() {
    std::vector<float> captured(kRows * (2 * kOutputs + 1));
    plugin::RangeRecord range = images_.range(2);
    range.captured = captured.data();
    train("stream", range);
    keep(captured);
    range.order = images_.order.data();
    range.order_epoch = 1;
    train("stream in order", range);
    keep(captured);
  }

  void evaluate() {
    std::vector<float> captured(kRows * (2 * kOutputs + 1));
    plugin::RangeRecord range = numbers_.range(3);
    range.captured = captured.data();
    double accuracy = 0;
    plugin::HeadSumsRecord head{};
    plugin::SumsRecord sums{};
    sums.heads = &head;
    sums.metrics = &accuracy;
    run_("evaluate", [&] { return table().evaluate(model_, &range, &never_, &sums); });
    keep(captured);
    keep({static_cast<float>(head.loss), static_cast<float>(accuracy)});
  }

  // Bytes and floats in turn, with the same number of rows, until a graph is launched. Then more
  // rows than a chunk holds.
  void predict() {
    for (const Data* data :
         {&images_, &numbers_, &images_, &numbers_, &images_, &numbers_, &many_}) {
      std::vector<float> outputs(data->rows * kOutputs);
      const plugin::InputRecord input = data->input();
      run_("predict", [&] { return table().predict(model_, &input, outputs.data(), &never_); });
      keep(outputs);
    }
  }

  void read() {
    for (int i = 0; i < static_cast<int>(program_.parameters.size()); ++i) {
      for (const int slot : {-1, 0}) {
        std::vector<float> values(program_.parameters[i].size());
        run_("get", [&] { return table().get_parameter(model_, slot, i, values.data()); });
        keep(values);
      }
    }
  }

  void measure() {
    const plugin::MeasureRecord record{1 << 12, 0, 0, 0, 0};
    double seconds = 0;
    run_("measure", [&] { return table().measure(device_, &record, &seconds); });
  }

  void close() {
    if (model_ != nullptr) {
      run_("destroy", [this] {
        table().destroy_model(std::exchange(model_, nullptr));
        return plugin::kOk;
      });
    }
    if (device_ != nullptr) {
      run_("close", [this] {
        table().close_device(std::exchange(device_, nullptr));
        return plugin::kOk;
      });
    }
  }

  const std::vector<float>& all() {
    open();
    fit();
    stream();
    evaluate();
    predict();
    read();
    measure();
    close();
    return seen_;
  }

  void train(const char* name, const plugin::RangeRecord& range) {
    const std::vector<float> rates(range.batches, 0.05f);
    double accuracy = 0;
    plugin::HeadSumsRecord head{};
    plugin::SumsRecord sums{};
    sums.heads = &head;
    sums.metrics = &accuracy;
    run_(name, [&] { return table().train(model_, &range, rates.data(), &step_, &never_, &sums); });
    keep({static_cast<float>(head.loss), static_cast<float>(accuracy), static_cast<float>(step_)});
  }

  const Data& images() const { return images_; }
  const std::vector<float>& seen() const { return seen_; }

 private:
  void keep(const std::vector<float>& values) {
    seen_.insert(seen_.end(), values.begin(), values.end());
  }

  const int ordinal_;
  const Run run_;
  const Program program_ = small_program();
  const plugin::CancelRecord never_{};
  const Data images_{kRows, true}, numbers_{kRows, false}, many_{1030, false};
  void *device_ = nullptr, *model_ = nullptr;
  std::int64_t step_ = 0;
  std::vector<float> seen_;
};

void expect_success(const char* name, const Scenario::Step& step) {
  const plugin::Status status = step();
  CHECK_THAT(status == plugin::kOk, "%s: status %d: %s", name, status, table().last_error());
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Refuses one request after another. `requests(n)` is the value of the variable for the n-th run.
void refuse_each(const char* variable, const std::function<std::string(int)>& requests) {
  const std::vector<float> expected = Scenario(0, expect_success).all();
  int refused = 1, n = 0;
  while (refused > 0 && n < 1000) {
    setenv(variable, requests(++n).c_str(), 1);
    refused = 0;
    const auto twice = [&](const char* name, const Scenario::Step& step) {
      plugin::Status status = step();
      if (status == plugin::kOutOfMemory) {
        ++refused;
        status = step();
      }
      CHECK_THAT(status == plugin::kOk, "%s, request %d: status %d: %s", name, n, status,
                 table().last_error());
    };
    const std::vector<float> seen = Scenario(0, twice).all();
    setenv(variable, "", 1);
    CHECK_THAT(same_bits(seen, expected), "request %d: other bits", n);
    CHECK_THAT(refused <= 1, "request %d: refused %d times", n, refused);
    CHECK_THAT(emulator_report() == 0, "request %d: leaks or faults", n);
  }
  CHECK_THAT(n > 8, "only %d requests", n);
}

// The context of the calling thread, which determines its current device.
void* current_context() {
  static int (*get)(void**) = nullptr;
  if (get == nullptr) {
    CUDA(cudaGetDriverEntryPointByVersion("cuCtxGetCurrent", reinterpret_cast<void**>(&get), 12000,
                                          cudaEnableDefault));
  }
  void* context = nullptr;
  CHECK(get(&context) == 0);
  return context;
}

// Calls `use` with no device chosen, then with cuda:0, then with cuda:1.
void for_each_caller(const std::function<void(const char* caller)>& use) {
  use("no device");
  for (const int device : {0, 1}) {
    CUDA(cudaSetDevice(device));
    use(device == 0 ? "cuda:0" : "cuda:1");
  }
}

Scenario::Run keeping_context(const char* caller, plugin::Status other = plugin::kOk) {
  return [caller, other, before = current_context()](const char* name, const Scenario::Step& step) {
    const plugin::Status status = step();
    CHECK_THAT(status == plugin::kOk || status == other, "%s: status %d: %s", name, status,
               table().last_error());
    CHECK_THAT(current_context() == before, "%s changes the current device of a caller that has %s",
               name, caller);
  };
}

}  // namespace

void library_without_pinned_memory() {
  refuse_each("NEURODE_EMULATOR_FAIL_PINNED", [](int n) { return std::to_string(n); });
}

// The library asks a second time for device memory that is refused.
void library_without_device_memory() {
  refuse_each("NEURODE_EMULATOR_FAIL_MEMORY",
              [](int n) { return std::to_string(n) + "-" + std::to_string(n + 1); });
}

// A parameter that is copied in two parts, each through its own pinned buffer.
void library_changes_nothing_when_refused() {
  constexpr int kWide = 1100;
  const Program program =
      compile({kWide, {dense(kWide, "linear")}, Precision::float32, std::nullopt});
  const plugin::ProgramRecords records(program);
  const std::vector<float> ones(kWide * kWide, 1.0f), zeros(ones.size());
  std::vector<float> values(ones.size());
  for (const char* const request : {"1", "2"}) {
    void *device = nullptr, *model = nullptr;
    CHECK(table().open_device(0, &device) == plugin::kOk);
    CHECK(table().create_model(device, &records.program(), &model) == plugin::kOk);
    setenv("NEURODE_EMULATOR_FAIL_PINNED", request, 1);
    CHECK(table().set_parameter(model, -1, 0, ones.data()) == plugin::kOutOfMemory);
    CHECK(table().get_parameter(model, -1, 0, values.data()) == plugin::kOk);
    CHECK_THAT(same_bits(values, zeros), "request %s: a part was copied", request);
    CHECK(table().set_parameter(model, -1, 0, ones.data()) == plugin::kOk);
    CHECK(table().get_parameter(model, -1, 0, values.data()) == plugin::kOk);
    CHECK(same_bits(values, ones));
    setenv("NEURODE_EMULATOR_FAIL_PINNED", "", 1);
    table().destroy_model(model);
    table().close_device(device);
  }
}

void library_keeps_the_callers_device() {
  for_each_caller([](const char* caller) {
    const Scenario::Run run = keeping_context(caller);
    for (const int ordinal : {0, 1}) {
      std::int32_t count = 0;
      run("count", [&] { return table().device_count(&count); });
      CHECK(count == 2);
      plugin::DeviceRecord record{};
      run("describe", [&] { return table().describe_device(ordinal, &record); });
      Scenario(ordinal, run).all();
    }
    // Calls that fail.
    void* none = nullptr;
    const Scenario::Run fails = keeping_context(caller, plugin::kUnavailable);
    fails("open", [&] { return table().open_device(2, &none); });
    for (const int ordinal : {0, 1}) {
      Scenario scenario(ordinal, keeping_context(caller, plugin::kOutOfMemory));
      scenario.open();
      setenv("NEURODE_EMULATOR_FAIL_MEMORY", "1-1000000", 1);
      scenario.fit();
      setenv("NEURODE_EMULATOR_FAIL_MEMORY", "", 1);
    }
  });
  CHECK(emulator_report() == 0);
}

// A kernel on the first device fails; the second device still works.
void library_keeps_the_callers_device_when_lost() {
  CUDA(cudaSetDevice(1));
  Scenario lost(0, keeping_context("cuda:1", plugin::kDeviceLost));
  lost.open();
  lost.fit();
  lost.evaluate();
  CHECK_THAT(std::strstr(table().last_error(), "cudaErrorIllegalAddress") != nullptr, "%s",
             table().last_error());
  Scenario(1, keeping_context("cuda:1")).all();
  lost.close();
  CHECK(emulator_report() == 0);
}

// Two models on one thread take turns.
void library_on_two_devices() {
  const std::vector<float> expected = Scenario(0, expect_success).all();
  Scenario first(0, expect_success), second(1, expect_success);
  for (const auto step : {&Scenario::open, &Scenario::fit, &Scenario::stream, &Scenario::evaluate,
                          &Scenario::predict, &Scenario::read, &Scenario::close}) {
    (first.*step)();
    (second.*step)();
  }
  CHECK(same_bits(first.seen(), expected) && same_bits(second.seen(), expected));
  CHECK(emulator_report() == 0);
}

// A refused call is reported, and the device still works.
void library_goes_on_after_a_refused_launch() {
  int refused = 0;
  Scenario(0, [&](const char* name, const Scenario::Step& step) {
    plugin::Status status = step();
    if (status == plugin::kInternal) {
      ++refused;
      CHECK_THAT(std::strstr(table().last_error(), "cudaErrorLaunchOutOfResources") != nullptr,
                 "%s", table().last_error());
      status = step();
    }
    CHECK_THAT(status == plugin::kOk, "%s: status %d: %s", name, status, table().last_error());
  }).all();
  CHECK_THAT(refused == 1, "%d calls were refused", refused);
  CHECK(emulator_report() == 0);
}

void library_without_pools() {
  Scenario(0, expect_success).all();
  CHECK(emulator_report() == 0);
}

void library_without_code() {
  void* device = nullptr;
  CHECK(table().open_device(0, &device) == plugin::kUnavailable);
  CHECK_THAT(std::strstr(table().last_error(), "no code for its compute capability, 7.0"), "%s",
             table().last_error());
}

// A launch does not report an error that an earlier call left behind.
void launches_have_their_own_status() {
  CHECK(cudaFree(reinterpret_cast<void*>(1)) != cudaSuccess);
  cuda::Launcher launcher(nullptr);
  float* const x = upload(std::vector<float>{1});
  launcher(add_kernel, dim3(1), 1, 0, x, 2.0f);
  CHECK(download(x, 1)[0] == 3);
  CUDA(cudaFree(x));
}

// The first step has no update, so it does not load the kernels that update weights.
void library_loads_kernels_before_captures() {
  Scenario scenario(0, expect_success);
  scenario.open();
  plugin::RangeRecord range = scenario.images().range(1);
  range.batches = 1;
  range.update = 0;
  scenario.train("without an update", range);
  range.batches = 12;
  range.update = 1;
  scenario.train("with updates", range);
  scenario.close();
  CHECK(emulator_report() == 0);
}
