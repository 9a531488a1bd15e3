// Compiles a Plan into a Program.
#include "native/engine/program.h"

#include <algorithm>

#include "native/engine/initializers.h"
#include "native/engine/op_table.h"
#include "native/engine/parameter_builder.h"
#include "native/engine/pass_builder.h"
#include "native/engine/program_dump.h"

namespace neurode {

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
