// The rows of the op table as data: what TypeScript checks its names against, and what names
// resolve to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "native/engine/plan.h"

namespace neurode {

enum class OpKind { activation, loss, metric, optimizer, noise, feature, pooling, regularizer };

struct OpRow {
  std::string name;
  std::vector<std::string> params;
};

struct ActivationRow : OpRow {
  bool pointwise;
  bool from_output;  // the derivative needs the output alone
};

const std::vector<OpRow>& op_rows(OpKind kind);
const ActivationRow& activation_row(int row);

// Throws ERR_UNKNOWN_NAME.
int op_row(OpKind kind, std::string_view name);

// Whether it multiplies values, not only adds to them.
bool noise_scales(const Op& noise);

// Whether it is of whole rows or columns of a parameter, not of its elements.
bool is_of_matrices(const Op& regularizer);

// Whether a regularizer of matrices is of columns.
bool is_of_columns(const Op& regularizer);

// Whether a loss takes logits, and the same loss of logits: for those that have fromLogits.
bool takes_logits(const Op& loss);
Op of_logits(const Op& loss);

// Optimizer variables per parameter.
int optimizer_slots(const Op& optimizer);

}  // namespace neurode
