// Access by name to the numbers of a table's row. They are passed as an array, in the order of the
// row's names. A functor's Params has one float for each name, in that order.
#pragma once

#include <type_traits>

#include "native/ops/config.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// The Params of functors without numbers.
struct NoParams {};

template <class Functor, class = void>
struct ParamsOfFunctor {
  using Type = NoParams;
};
template <class Functor>
struct ParamsOfFunctor<Functor, std::void_t<typename Functor::Params>> {
  using Type = typename Functor::Params;
};
template <class Functor>
using ParamsOf = typename ParamsOfFunctor<Functor>::Type;

// The number of floats in Params.
template <class Params>
constexpr int kCountOf = std::is_empty_v<Params> ? 0 : sizeof(Params) / sizeof(float);

// The numbers of an array, by name.
template <class Params>
NEURODE_FN const Params& named(const float* numbers) {
  static_assert(std::is_trivially_copyable_v<Params> && alignof(Params) <= alignof(float));
  return *reinterpret_cast<const Params*>(numbers);
}
template <class Functor>
NEURODE_FN decltype(auto) params_of([[maybe_unused]] const float* numbers) {
  if constexpr (std::is_empty_v<ParamsOf<Functor>>) {
    return NoParams{};
  } else {
    return named<ParamsOf<Functor>>(numbers);
  }
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
