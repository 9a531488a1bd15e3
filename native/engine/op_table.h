// The rows of the op table as data. TypeScript checks names against these rows, and the engine
// resolves names to them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "native/engine/plan.h"

namespace neurode {

enum class OpKind {
  activation,
  loss,
  metric,
  optimizer,
  noise,
  feature,
  pooling,
  merge,
  regularizer
};

struct OpRow {
  std::string name;
  std::vector<std::string> params;
};

struct ActivationRow : OpRow {
  bool pointwise;
  bool from_output;  // the derivative is a function of the output
};

const std::vector<OpRow>& op_rows(OpKind kind);
const ActivationRow& activation_row(int row);

// Returns the number of the row with this name. Throws ERR_UNKNOWN_NAME.
int op_row(OpKind kind, std::string_view name);

// Whether the noise multiplies values, and does not only add to them.
bool noise_scales(const Op& noise);

struct MergeTraits {
  bool constant_slopes;  // the slopes do not depend on the merged values
  bool averages;         // the result is divided by the number of values
  float second_slope;    // if the slopes are constant: that by the second value, 1 or -1
};
const MergeTraits& merge_traits(const Op& merge);

// Whether the regularizer is a function of whole rows or columns of a parameter, and not of single
// elements.
bool is_of_matrices(const Op& regularizer);

// Whether a regularizer of matrices works on columns; otherwise it works on rows.
bool is_of_columns(const Op& regularizer);

// For losses that have fromLogits: whether this loss takes logits, and the same loss with logits.
bool takes_logits(const Op& loss);
Op of_logits(const Op& loss);

// Whether a gradient of 0 changes nothing.
bool is_still(const Op& optimizer);

// How many variables the optimizer keeps for each parameter.
int optimizer_slots(const Op& optimizer);

}  // namespace neurode
