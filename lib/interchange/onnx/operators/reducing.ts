/** Means, sums, largest values and norms along axes of a row. */

import { knownIntegers } from '../constants.js'
import { problem } from '../problem.js'
import { isConstant, type Term, type Terms } from '../terms.js'
import { checkInputs, constantAt, inputAt, type Operator, type Operators, rowAxis, termAt } from './operator.js'

type Reduce = (make: Terms, x: Term, axes: readonly number[], count: number) => Term

/** `axesSince`: the first opset in which axes are an input instead of an attribute. */
function reduction(axesSince: number, of: Reduce): Operator {
  return (call) => {
    const { attributes, make, origin } = call
    const x = termAt(call, 0)
    const keeps = attributes.flag('keepdims') ?? true
    const noop = attributes.flag('noop_with_empty_axes') ?? false
    checkInputs(call, origin.opset < axesSince ? 1 : 2)
    const input = origin.opset < axesSince ? undefined : constantAt(call, 1, 'axes')
    const given =
      input === undefined
        ? origin.opset < axesSince
          ? attributes.integers('axes')
          : undefined
        : knownIntegers(input, 'axes')
    if ((given === undefined || given.length === 0) && noop) return x
    if (given === undefined || given.length === 0) return problem('it works along all axes, also that of the rows')
    const axes = [...new Set(given.map((axis) => rowAxis(axis, x)))]
    const count = axes.reduce((product, axis) => product * (x.shape[axis] as number), 1)
    const reduced = of(make, x, axes, count)
    return keeps
      ? reduced
      : make.reshape(
          reduced,
          x.shape.filter((_, axis) => !axes.includes(axis)),
        )
  }
}

const mean: Reduce = (make, x, axes) => make.pool('average', x, axes)
const largest: Reduce = (make, x, axes) => make.pool('max', x, axes)
const sum: Reduce = (make, x, axes, count) => make.scaled(mean(make, x, axes, count), count)
const squares: Reduce = (make, x, axes, count) => sum(make, make.power(x, 2), axes, count)

/** Pooling over all positions of a row. */
const pooling =
  (of: Reduce): Operator =>
  (call) => {
    const x = inputAt(call, 0)
    if (isConstant(x)) return problem('it is not read for constants')
    if (x.shape.length < 2) return problem('expected rows of channels and positions')
    const axes = x.shape.flatMap((_, axis) => (axis === 0 ? [] : [axis]))
    return of(call.make, x, axes, 0)
  }

export const reducing: Operators = {
  ReduceMean: [1, reduction(18, mean)],
  ReduceSum: [1, reduction(13, sum)],
  ReduceMax: [1, reduction(18, largest)],
  ReduceMin: [
    1,
    reduction(18, (make, x, axes, count) => make.scaled(largest(make, make.scaled(x, -1), axes, count), -1)),
  ],
  ReduceSumSquare: [1, reduction(18, squares)],
  ReduceL2: [1, reduction(18, (make, x, axes, count) => make.function('sqrt', squares(make, x, axes, count)))],
  GlobalAveragePool: [1, pooling(mean)],
  GlobalMaxPool: [1, pooling(largest)],
}
