// Compiles a Plan into a Program.
#include "native/engine/program.h"

#include <algorithm>
#include <bit>
#include <string>

#include "native/engine/error.h"
#include "native/engine/initializers.h"
#include "native/engine/op_table.h"
#include "native/engine/parameter_builder.h"
#include "native/engine/pass_builder.h"
#include "native/engine/program_dump.h"

namespace neurode {
namespace {

// Throws unless the parts are some of equal shares of a power of two.
void check(const Parts& parts) {
  const bool is_of_tree = parts.count >= 1 && parts.count <= kMostParts &&
                          std::has_single_bit(static_cast<unsigned>(parts.count));
  const bool is_share = parts.mine >= 1 && parts.mine <= parts.count &&
                        parts.count % parts.mine == 0 && parts.first >= 0 &&
                        parts.first < parts.count && parts.first % parts.mine == 0;
  if (!is_of_tree || !is_share)
    throw Error("ERR_ARGUMENT", "parts: expected an equal share of a power of two, at most " +
                                    std::to_string(kMostParts));
}

}  // namespace

Program compile(const Plan& plan) {
  Program program;
  program.input_size = plan.input_size;
  program.precision = plan.precision;
  const std::vector<int> first_parameters = ParameterBuilder(plan, program).build();
  const auto pass = [&](Mode mode) {
    return PassBuilder(plan, first_parameters, mode, program).build();
  };
  program.predict = pass(Mode::predict);
  if (plan.training) {
    const TrainingPlan& training = *plan.training;
    program.update = training.update;
    check(training.parts);
    program.parts = training.parts;
    program.slots = optimizer_slots(training.update.optimizer);
    if (training.update.accumulation_steps > 1) program.accumulator = program.slots++;
    if (training.update.averages) program.average = program.slots++;
    program.captures = training.captures;
    program.keeps_gradients = training.gradients;
    program.evaluate = pass(Mode::evaluate);
    program.train = pass(Mode::train);
  }
  dump_if_asked(program);
  return program;
}

std::vector<float> first_values(const Parameter& parameter) {
  std::vector<float> values(parameter.size());
  initialize(parameter.initializer, parameter.rows == 0 ? 1 : parameter.rows, parameter.columns,
             values.data());
  if (parameter.padding >= 0)
    std::fill_n(values.begin() + std::int64_t{parameter.padding} * parameter.columns,
                parameter.columns, 0.0f);
  return values;
}

}  // namespace neurode
