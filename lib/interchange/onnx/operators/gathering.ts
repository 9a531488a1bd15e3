/** Gather: rows of a table by integers, or elements of a row by constant indices. */

import { axisOf, type Constant, constant, isFloating, isInteger, knownIntegers } from '../constants.js'
import { foldTake } from '../folding.js'
import { problem } from '../problem.js'
import { isConstant, isTerm, type Term, type Value } from '../terms.js'
import { type Call, checkInputs, inputAt, rowAxis } from './operator.js'

export function gather(call: Call): Value {
  checkInputs(call, 2)
  const [data, indices] = [inputAt(call, 0), inputAt(call, 1)]
  const given = call.attributes.integer('axis') ?? 0
  if (isTerm(indices)) {
    return isConstant(data)
      ? embedding(call, data, indices, given)
      : problem('its indices and its data depend on the inputs')
  }
  const shape = indices.shape
  const flat = knownIntegers(constant(indices.type, [indices.data.length], indices.data), 'indices')
  const size = (data: { readonly shape: readonly number[] }, axis: number) => {
    const length = data.shape[axis] as number
    return flat.map((index) => axisOf(index, length, 'index'))
  }
  if (isConstant(data)) {
    const axis = axisOf(given, data.shape.length)
    const taken = foldTake(data, axis, size(data, axis))
    return constant(data.type, [...data.shape.slice(0, axis), ...shape, ...data.shape.slice(axis + 1)], taken.data)
  }
  const axis = rowAxis(given, data)
  const taken = call.make.take(data, axis, size(data, axis))
  return call.make.reshape(taken, [...data.shape.slice(0, axis), ...shape, ...data.shape.slice(axis + 1)])
}

/** A table of vectors, one for each integer. */
function embedding(call: Call, table: Constant, ids: Term, axis: number): Term {
  const { make, derived } = call
  if (ids.kind !== 'integer') problem('its indices are no integers')
  if (!isFloating(table.type)) problem(`its table is of ${table.type}, expected floating-point numbers`)
  const rank = table.shape.length
  if (rank < 1 || axisOf(axis, rank) !== 0) problem('it is read along axis 0 alone')
  const [inputDim = 0, ...vector] = table.shape
  const outputDim = vector.reduce((product, one) => product * one, 1)
  if (inputDim === 0 || outputDim === 0) problem(`its table has the shape [${table.shape}]`)
  const weights = derived(`table ${table.id}`, () =>
    constant('float32', [inputDim, outputDim], Float32Array.from(table.data), table.name),
  )
  const found = make.layer('Embedding', ids, [...ids.shape, outputDim], { inputDim, outputDim }, [weights])
  return make.reshape(found, [...ids.shape, ...vector])
}

/** One-hot vectors of integers. */
export function oneHot(call: Call): Term {
  const [ids, depth, values] = [inputAt(call, 0), inputAt(call, 1), inputAt(call, 2)]
  const axis = call.attributes.integer('axis') ?? -1
  if (!isTerm(ids) || ids.kind !== 'integer') return problem('its indices are no integers of the input')
  if (!isConstant(depth) || !isConstant(values) || !isFloating(values.type))
    return problem('depth and values are not read')
  if (values.data.length !== 2 || values.data[0] !== 0 || values.data[1] !== 1)
    problem('it is read with values 0 and 1 alone')
  if (axisOf(axis, ids.shape.length + 2) !== ids.shape.length + 1) problem('it is read along the last axis alone')
  const numTokens = Number(depth.data[0])
  if (!isInteger(depth.type) && !isFloating(depth.type)) problem('its depth is no number')
  const wide = [...ids.shape, numTokens]
  const shape = ids.shape.at(-1) === 1 ? [...ids.shape.slice(0, -1), numTokens] : wide
  const encoded = {
    ...call.make.layer('CategoryEncoding', ids, shape, { numTokens, outputMode: 'oneHot' }),
    kind: 'float',
  } as const
  return call.make.reshape(encoded, wide)
}
