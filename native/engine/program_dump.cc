// Writes Programs as text.
#include "native/engine/program_dump.h"

#include <algorithm>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "native/engine/op_table.h"
#include "native/engine/tallies.h"

namespace neurode {
namespace {

constexpr const char* kAxes[] = {"rows", "outputs", "parameters"};
constexpr const char* kLayouts[] = {"vector", "kernel", "table"};
constexpr const char* kUpdates[] = {"none", "fused", "deferred"};
constexpr const char* kReductions[] = {"mean", "sum", "weighted_mean"};
constexpr const char* kPrecisions[] = {"float32", "tf32", "bfloat16"};
constexpr const char* kConstraints[] = {"none", "not_negative", "norm"};
constexpr const char* kInitializers[] = {"constant", "uniform", "normal", "truncated_normal",
                                         "orthogonal"};

// In the order of TaskKind.
struct TaskName {
  const char* name;
  std::optional<OpKind> op = {};  // the op table that the task's op belongs to
  bool has_numbers = false;       // the op has numbers but is no row of a table
};
constexpr TaskName kTasks[] = {
    {"gather_input"},
    {"gather_targets"},
    {"dense_forward"},
    {"activation_forward", OpKind::activation},
    {"noise_forward", OpKind::noise},
    {"rescale_forward"},
    {"feature_forward", OpKind::feature},
    {"normalize_forward", {}, true},
    {"batch_normalize_forward", {}, true},
    {"embedding_forward"},
    {"regroup"},
    {"transpose"},
    {"repeat"},
    {"pool", OpKind::pooling},
    {"encode"},
    {"merge", OpKind::merge},
    {"place"},
    {"take"},
    {"loss", OpKind::loss},
    {"metric", OpKind::metric},
    {"activity_penalty", OpKind::regularizer},
    {"activity_gradient", OpKind::regularizer},
    {"pool_backward", OpKind::pooling},
    {"repeat_backward"},
    {"take_backward"},
    {"merge_backward", OpKind::merge},
    {"activation_backward", OpKind::activation},
    {"noise_backward"},
    {"rescale_backward"},
    {"feature_backward", OpKind::feature},
    {"normalize_backward", {}, true},
    {"batch_normalize_backward", {}, true},
    {"dense_backward_input"},
    {"dense_backward_weights"},
    {"batch_statistics", {}, true},
    {"batch_sums", {}, true},
    {"feature_gradients", OpKind::feature},
    {"embedding_gradients"},
    {"matrix_penalty", OpKind::regularizer},
    {"penalty", OpKind::regularizer},
    {"gradient_norm"},
    {"update"},
    {"constrain"},
    {"exchange"},
};
static_assert(std::size(kTasks) == static_cast<std::size_t>(TaskKind::exchange) + 1);

template <class Value, std::size_t n>
const char* name_of(const char* const (&names)[n], Value value) {
  return names[static_cast<std::size_t>(value)];
}

// Text that grows at its end. Streams would bring in the locales of the standard library, a tenth
// of the addon.
struct Text {
  std::string text;

  Text& operator<<(std::string_view more) {
    text += more;
    return *this;
  }
  template <std::integral Integer>
  Text& operator<<(Integer number) {
    return *this << std::string_view(std::to_string(number));
  }
  Text& operator<<(double number) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.9g", number);
    return *this << std::string_view(digits);
  }
};

class Description {
 public:
  std::string of(const Program& program) {
    out_ << "input " << program.input_size << " indices below";
    limits(program.input_limits);
    out_ << " scale " << program.input_scale << " offset " << program.input_offset << "\noutput "
         << program.output_size << " positions "
         << (program.heads.empty() ? 1 : program.heads[0].positions) << "\nprecision "
         << name_of(kPrecisions, program.precision) << "\n";
    for (const Parameter& parameter : program.parameters) add(parameter);
    add("predict", program, program.predict);
    if (program.train.tasks.empty()) return std::move(out_.text);
    for (const Head& head : program.heads) add(head);
    for (const Tally& tally : program.tallies) add(tally);
    out_ << " activities " << program.activities << " captures " << program.captures << "\n";
    add(program.update);
    out_ << " slots " << program.slots << " accumulator " << program.accumulator << " average "
         << program.average << "\n";
    add("evaluate", program, program.evaluate);
    add("train", program, program.train);
    return std::move(out_.text);
  }

 private:
  void add(const Parameter& parameter) {
    out_ << "parameter " << name_of(kLayouts, parameter.layout) << " " << parameter.rows << "x"
         << parameter.columns << " positions " << parameter.positions;
    if (parameter.uses > 1) out_ << " uses " << parameter.uses;
    if (parameter.padding >= 0) out_ << " padding " << parameter.padding;
    out_ << " trainable " << parameter.trainable << " decays " << parameter.decays << " update "
         << name_of(kUpdates, parameter.update) << " initializer "
         << name_of(kInitializers, parameter.initializer.kind) << " ";
    add(parameter.initializer);
    if (parameter.regularizer) add(" regularizer", OpKind::regularizer, *parameter.regularizer);
    const Constraint& constraint = parameter.constraint;
    if (constraint.kind != Constraint::Kind::none) {
      out_ << " constraint " << name_of(kConstraints, constraint.kind) << " " << constraint.least
           << " " << constraint.most << " " << constraint.rate;
      add(constraint.along);
    }
    out_ << "\n";
  }

  // Writes two numbers for every kind.
  void add(const Initializer& initializer) {
    switch (initializer.kind) {
      case Initializer::Kind::constant:
        out_ << initializer.value << " 0";
        break;
      case Initializer::Kind::uniform:
        out_ << initializer.low << " " << initializer.high;
        break;
      case Initializer::Kind::normal:
      case Initializer::Kind::truncated_normal:
        out_ << initializer.mean << " " << initializer.deviation;
        break;
      case Initializer::Kind::orthogonal:
        out_ << initializer.gain << " 0";
        break;
    }
  }

  void add(const Head& head) {
    if (head.first_position > 0) out_ << "\nhead of " << head.positions << " positions ";
    out_ << "reduction " << name_of(kReductions, head.reduction) << " metrics " << head.metrics
         << " weighted from " << head.weighted_from;
    if (head.loss_weight != 1) out_ << " loss weight " << head.loss_weight;
    if (!head.has_loss) out_ << " without loss";
  }

  void add(const Tally& tally) {
    const TallyPlan& plan = tally.plan;
    out_ << " tally " << name_of(kTallyKinds, plan.kind) << " of head " << tally.head
         << " thresholds " << plan.thresholds.size() << " class " << plan.class_id << " top "
         << plan.top_k << " classes " << plan.classes << " soft " << plan.soft << " clips "
         << plan.clips << " by output " << plan.by_output << " from logits " << plan.from_logits
         << " weighted " << plan.weighted;
  }

  void add(const UpdatePlan& update) {
    add("update", OpKind::optimizer, update.optimizer);
    out_ << " weight_decay " << update.weight_decay << " clip_value " << update.clip_value
         << " clip_norm " << update.clip_norm << " global_clip_norm " << update.global_clip_norm
         << " accumulation_steps " << update.accumulation_steps << " averages " << update.averages
         << " " << update.average_momentum << " " << update.overwrite_frequency;
  }

  void add(const char* label, OpKind kind, const Op& op) {
    const OpRow& row = op_rows(kind)[op.row];
    out_ << label << " " << row.name << "(";
    for (std::size_t i = 0; i < row.params.size(); ++i)
      out_ << (i == 0 ? "" : ", ") << row.params[i] << " " << op.params[i];
    out_ << ")";
  }

  void add(const Along& along) { out_ << " along " << along.length << "/" << along.inner; }

  void add(const char* name, const Program& program, const Pass& pass) {
    out_ << "pass " << name << "\n";
    int end = 0;
    for (const Segment& segment : segments_of(pass)) {
      out_ << " segment of " << name_of(kAxes, segment.axis) << "\n";
      for (int i = segment.begin; i < segment.end; ++i) add(program, pass, pass.tasks[i]);
      end = segment.end;
    }
    out_ << " output";
    for (const int output : pass.outputs) tensor("", pass, output);
    tensor(" input gradient", pass, pass.input_gradient);
    out_ << " after " << end << " tasks, statistics";
    for (const int channels : pass.statistics) out_ << " " << channels;
    out_ << "\n";
  }

  void add(const Program& program, const Pass& pass, const Task& task) {
    const TaskName& kind = kTasks[static_cast<std::size_t>(task.kind)];
    out_ << "  " << kind.name;
    if (kind.op) add("", *kind.op, task.op);
    if (kind.has_numbers)
      for (const float number : task.op.params) out_ << " " << number;
    tensor(" input", pass, task.input);
    tensor(" output", pass, task.output);
    tensor(" auxiliary", pass, task.auxiliary);
    tensor(" gradient", pass, task.gradient);
    tensor(" input_gradient", pass, task.input_gradient);
    parameter(" kernel", program, task.kernel);
    parameter(" bias", program, task.bias);
    parameter(" mean", program, task.mean);
    parameter(" variance", program, task.variance);
    parameter(" parameter", program, task.parameter);
    if (task.statistics >= 0) out_ << " statistics " << task.statistics;
    if (task.metric >= 0) out_ << " metric " << task.metric;
    if (task.head > 0) out_ << " head " << task.head;
    if (task.along.length != 0 || task.along.inner != 1) add(task.along);
    if (task.block.rows != 1 || task.block.columns != 1 || task.block.inner != 1) {
      out_ << " block " << task.block.rows << "x" << task.block.columns << "x" << task.block.inner;
    }
    if (task.bag.indices != 0)
      out_ << " bag " << task.bag.indices << (task.bag.averages ? " averages" : "");
    if (task.begin != 0) out_ << " from column " << task.begin;
    if (task.side != 0) out_ << " side " << task.side;
    if (task.counts) out_ << " counts";
    if (task.adds) out_ << " adds";
    if (task.completes && task.kind == TaskKind::embedding_gradients) out_ << " completes";
    if (task.scale != 1 || task.offset != 0)
      out_ << " scale " << task.scale << " offset " << task.offset;
    out_ << "\n";
  }

  // One number if it is that of all features.
  void limits(const std::vector<int>& limits) {
    const bool is_one =
        std::all_of(limits.begin(), limits.end(), [&](int limit) { return limit == limits[0]; });
    if (is_one) {
      out_ << " " << (limits.empty() ? 0 : limits[0]);
      return;
    }
    for (const int limit : limits) out_ << " " << limit;
  }

  void tensor(const char* label, const Pass& pass, int index) {
    if (index < 0) return;
    out_ << label << " t" << index << "[" << pass.positions[index] << "," << pass.features[index]
         << "]";
  }

  void parameter(const char* label, const Program& program, int index) {
    if (index < 0) return;
    const Parameter& parameter = program.parameters[index];
    out_ << label << " p" << index << "[" << parameter.rows << "," << parameter.columns << "]";
  }

  Text out_;
};

// The hash function FNV-1a.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

std::string describe(const Program& program) { return Description().of(program); }

void dump_if_asked(const Program& program) {
  const char* folder = std::getenv("NEURODE_DUMP_PROGRAMS");
  if (folder == nullptr || *folder == '\0') return;
  const std::string text = describe(program);
  char name[24];
  std::snprintf(name, sizeof name, "/%016llx.txt", static_cast<unsigned long long>(hash_of(text)));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen((folder + std::string(name)).c_str(), "wb"), &std::fclose);
  if (file) std::fwrite(text.data(), 1, text.size(), file.get());
}

}  // namespace neurode
