// Builds the rows of the op table, and looks up names in them.
#include "native/engine/op_table.h"

#include <algorithm>
#include <initializer_list>
#include <type_traits>

#include "native/engine/error.h"
#include "native/ops/activations.h"
#include "native/ops/features.h"
#include "native/ops/losses.h"
#include "native/ops/merges.h"
#include "native/ops/metrics.h"
#include "native/ops/noise.h"
#include "native/ops/optimizers.h"
#include "native/ops/pooling.h"
#include "native/ops/regularizers.h"

namespace neurode {
namespace {

namespace ops = NEURODE_ISA_NAMESPACE::ops;

const std::vector<ActivationRow>& activation_rows() {
  static const std::vector<ActivationRow> rows = {
#define NEURODE_ROW(name, Functor, ...) {{#name, {__VA_ARGS__}}, true, ops::Functor::kFromOutput},
      NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(name, Functor, ...) {{#name, {__VA_ARGS__}}, false, true},
          NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
  };
  return rows;
}

// Whether the functor's Params have one number for each name of the row.
template <class Functor>
constexpr bool has_numbers_for(std::initializer_list<const char*> names) {
  return ops::kCountOf<ops::ParamsOf<Functor>> == names.size() && names.size() <= kMostParams;
}
#define NEURODE_ROW(name, Functor, ...)                       \
  static_assert(has_numbers_for<ops::Functor>({__VA_ARGS__}), \
                #name ": the functor's Params are the numbers that the row names");
NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
NEURODE_METRICS(NEURODE_ROW)
NEURODE_OPTIMIZERS(NEURODE_ROW)
NEURODE_NOISES(NEURODE_ROW)
NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW)
NEURODE_MATRIX_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(name, Functor, LogitsFunctor, ...)                  \
  static_assert(has_numbers_for<ops::Functor>({__VA_ARGS__}) &&         \
                    has_numbers_for<ops::LogitsFunctor>({__VA_ARGS__}), \
                #name ": the functors' Params are the numbers that the row names");
NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW

// An executor chooses the functor of a loss by the row and the row's first number. So only the
// number fromLogits may select another functor, and it must be the first.
constexpr bool begins_with_from_logits(std::initializer_list<const char*> params) {
  return params.size() > 0 && *params.begin() == std::string_view("fromLogits");
}
#define NEURODE_ROW(name, Functor, LogitsFunctor, ...)                                            \
  static_assert(                                                                                  \
      std::is_same_v<ops::Functor, ops::LogitsFunctor> != begins_with_from_logits({__VA_ARGS__}), \
      #name ": a loss has two functors if and only if its first number is fromLogits");
NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW

const char* kind_name(OpKind kind) {
  switch (kind) {
    case OpKind::activation:
      return "activation";
    case OpKind::loss:
      return "loss";
    case OpKind::metric:
      return "metric";
    case OpKind::optimizer:
      return "optimizer";
    case OpKind::noise:
      return "noise";
    case OpKind::feature:
      return "feature function";
    case OpKind::pooling:
      return "pooling";
    case OpKind::merge:
      return "merge";
    case OpKind::regularizer:
      return "regularizer";
  }
  return "operation";
}

}  // namespace

const std::vector<OpRow>& op_rows(OpKind kind) {
  static const std::vector<OpRow> activations(activation_rows().begin(), activation_rows().end());
#define NEURODE_LOSS_ROW(name, Functor, LogitsFunctor, ...) {#name, {__VA_ARGS__}},
#define NEURODE_ROW(name, Functor, ...) {#name, {__VA_ARGS__}},
  static const std::vector<OpRow> losses = {NEURODE_LOSSES(NEURODE_LOSS_ROW)};
  static const std::vector<OpRow> metrics = {NEURODE_METRICS(NEURODE_ROW)
                                                 NEURODE_LOSSES(NEURODE_LOSS_ROW)};
  static const std::vector<OpRow> optimizers = {NEURODE_OPTIMIZERS(NEURODE_ROW)};
  static const std::vector<OpRow> noises = {NEURODE_NOISES(NEURODE_ROW)};
  static const std::vector<OpRow> functions = {NEURODE_FEATURE_FUNCTIONS(NEURODE_ROW)};
  static const std::vector<OpRow> poolings = {NEURODE_POOLINGS(NEURODE_ROW)};
  static const std::vector<OpRow> merges = {NEURODE_MERGES(NEURODE_ROW)};
  static const std::vector<OpRow> regularizers = {NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW)
                                                      NEURODE_MATRIX_REGULARIZERS(NEURODE_ROW)};
#undef NEURODE_ROW
#undef NEURODE_LOSS_ROW
  switch (kind) {
    case OpKind::activation:
      return activations;
    case OpKind::loss:
      return losses;
    case OpKind::metric:
      return metrics;
    case OpKind::noise:
      return noises;
    case OpKind::feature:
      return functions;
    case OpKind::pooling:
      return poolings;
    case OpKind::merge:
      return merges;
    case OpKind::regularizer:
      return regularizers;
    case OpKind::optimizer:
      return optimizers;
  }
  throw Error("ERR_INTERNAL", "no such kind of operation");
}

const ActivationRow& activation_row(int row) { return activation_rows()[row]; }

int op_row(OpKind kind, std::string_view name) {
  const std::vector<OpRow>& rows = op_rows(kind);
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const OpRow& row) { return row.name == name; });
  if (found == rows.end()) {
    throw Error("ERR_UNKNOWN_NAME",
                std::string("no ") + kind_name(kind) + " is called '" + std::string(name) + "'");
  }
  return static_cast<int>(found - rows.begin());
}

bool noise_scales(const Op& noise) {
  static constexpr bool scales[] = {
#define NEURODE_ROW(name, Functor, ...) ops::Functor::kScales,
      NEURODE_NOISES(NEURODE_ROW)
#undef NEURODE_ROW
  };
  return scales[noise.row];
}

const MergeTraits& merge_traits(const Op& merge) {
  static const MergeTraits traits[] = {
#define NEURODE_ROW(name, Functor) \
  {ops::Functor::kConstant, ops::Functor::kAverages, ops::Functor::slopes<float>(0, 0).second},
      NEURODE_MERGES(NEURODE_ROW)
#undef NEURODE_ROW
  };
  return traits[merge.row];
}

bool is_of_matrices(const Op& regularizer) {
  static constexpr bool of_matrices[] = {
#define NEURODE_ROW(...) false,
      NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(...) true,
          NEURODE_MATRIX_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  };
  return of_matrices[regularizer.row];
}

bool is_of_columns(const Op& regularizer) {
  return ops::params_of<ops::Orthogonal>(regularizer.params.data()).columns != 0;
}

bool takes_logits(const Op& loss) { return ops::from_logits(loss.params.data()); }

Op of_logits(const Op& loss) {
  Op changed = loss;
  changed.params[0] = 1;
  return changed;
}

bool is_still(const Op& optimizer) {
  static constexpr bool still[] = {
#define NEURODE_ROW(name, Functor, ...) ops::Functor::kStill,
      NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  };
  return still[optimizer.row];
}

int optimizer_slots(const Op& optimizer) {
  static constexpr int slots[] = {
#define NEURODE_ROW(name, Functor, ...) ops::Functor::kSlots,
      NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  };
  return slots[optimizer.row];
}

}  // namespace neurode
