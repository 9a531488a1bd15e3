// The outputs of a model with their losses and metrics, and what of a Plan they need.
#include "native/engine/heads.h"

#include <cmath>
#include <utility>

#include "native/engine/error.h"
#include "native/engine/op_table.h"

namespace neurode {
namespace {

// The layer whose parameters this layer uses.
int owner_of(const Plan& plan, int layer) {
  const int shares = plan.layers[layer].shares;
  return shares < 0 ? layer : shares;
}

bool is_penalized(const LayerPlan& layer) {
  return layer.trainable && (layer.kernel.regularizer || layer.bias.regularizer);
}

// Whether training changes parameters before the head though no gradient leads to them.
bool has_penalties_alone(const Plan& plan, const std::vector<bool>& with_gradient, int value) {
  const std::vector<bool> before = layers_before(plan, {value});
  for (int i = 0; i < static_cast<int>(before.size()); ++i) {
    if (before[i] && !with_gradient[i] && is_penalized(plan.layers[owner_of(plan, i)])) return true;
  }
  return false;
}

// Whether thresholds are about i / (count - 1), so that a value tells how many it is above.
bool are_even(const std::vector<float>& thresholds) {
  const auto last = static_cast<float>(thresholds.size()) - 1;
  for (std::size_t i = 0; i < thresholds.size(); ++i)
    if (!(std::abs(thresholds[i] * last - static_cast<float>(i)) < 1)) return false;
  return true;
}

// The number of sums of a tally on this many outputs.
std::int64_t tally_size(const TallyPlan& plan, int outputs) {
  switch (plan.kind) {
    case TallyPlan::Kind::thresholds:
      return 2 * (static_cast<std::int64_t>(plan.thresholds.size()) + 1) *
             (plan.by_output ? outputs : 1);
    case TallyPlan::Kind::classes:
      return std::int64_t{3} * outputs;
    case TallyPlan::Kind::confusion:
    case TallyPlan::Kind::sides:
      return std::int64_t{plan.classes} * plan.classes;
    case TallyPlan::Kind::moments:
      return 2 + std::int64_t{3} * outputs;
    case TallyPlan::Kind::pearson:
    case TallyPlan::Kind::concordance:
    case TallyPlan::Kind::crossentropy:
      return 2;
  }
  return 0;
}

void add_tally(const TallyPlan& plan, int index, const Head& head, Program& program) {
  Tally tally{.plan = plan, .head = index, .outputs = head.outputs, .first = program.tally_sums};
  if (plan.class_id >= head.outputs || plan.top_k > head.outputs)
    throw Error("ERR_ARGUMENT", "tallies: expected classes of the output");
  tally.size = tally_size(plan, head.outputs);
  tally.evenly = are_even(plan.thresholds);
  program.tally_sums += tally.size;
  program.tallies.push_back(std::move(tally));
}

}  // namespace

std::vector<bool> layers_before(const Plan& plan, const std::vector<int>& values) {
  const int layers = static_cast<int>(plan.layers.size());
  std::vector<bool> needed(layers + 1, false);
  for (const int value : values) needed[value] = true;
  for (int i = layers - 1; i >= 0; --i) {
    if (!needed[i + 1]) continue;
    for (const int value : inputs_of(plan, i)) needed[value] = true;
  }
  return {needed.begin() + 1, needed.end()};
}

std::vector<int> outputs_of(const Plan& plan, bool predicts) {
  if (predicts || !plan.training) return {output_of(plan)};
  std::vector<int> values;
  for (const HeadPlan& head : plan.training->heads) values.push_back(value_of(plan, head));
  return values;
}

std::vector<bool> layers_with_gradient(const Plan& plan) {
  const int layers = static_cast<int>(plan.layers.size());
  std::vector<int> sources;
  if (plan.training) {
    for (const HeadPlan& head : plan.training->heads)
      if (head.loss) sources.push_back(value_of(plan, head));
    for (int i = 0; i < layers; ++i)
      if (plan.layers[i].kind == LayerKind::activity_penalty) sources.push_back(i + 1);
  }
  std::vector<bool> reached = layers_before(plan, sources);
  for (int i = 0; i < layers; ++i)
    if (reached[i]) reached[owner_of(plan, i)] = true;
  for (int i = 0; i < layers; ++i) reached[i] = reached[owner_of(plan, i)];
  return reached;
}

void add_heads(const Plan& plan, const std::vector<int>& sizes, Program& program) {
  const std::vector<bool> with_gradient = layers_with_gradient(plan);
  int output = 0;
  program.positions = 0;
  for (const HeadPlan& given : plan.training->heads) {
    const int value = value_of(plan, given);
    if (sizes[value] % given.positions != 0)
      throw Error("ERR_ARGUMENT", "positions: expected a divisor of the outputs");
    Head head;
    head.outputs = sizes[value] / given.positions;
    head.positions = given.positions;
    head.first_output = output;
    head.first_position = program.positions;
    head.first_metric = program.metrics;
    head.metrics = static_cast<int>(given.metrics.size());
    head.weighted_from = given.weighted_from;
    head.first_value = program.values;
    head.reduction = given.reduction;
    head.loss_weight = given.loss_weight;
    head.has_loss = given.loss.has_value();
    head.takes_gradients = head.has_loss && given.loss->row == op_row(OpKind::loss, "dotProduct");
    head.has_no_gradient = !head.has_loss && has_penalties_alone(plan, with_gradient, value);
    output += head.size();
    program.positions += head.positions;
    program.metrics += head.metrics;
    program.values += head.positions * (1 + head.metrics);
    program.heads.push_back(head);
    const int index = static_cast<int>(program.heads.size()) - 1;
    for (const TallyPlan& tally : given.tallies) add_tally(tally, index, head, program);
  }
  if (output != program.output_size)
    throw Error("ERR_ARGUMENT", "heads: expected outputs that are the model's, side by side");
}

}  // namespace neurode
