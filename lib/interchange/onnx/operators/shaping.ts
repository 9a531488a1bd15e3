/** Operators that move values to other places, and those that compute shapes. */

import { axisOf, type Constant, constant, countOf, integersOf, knownIntegers, scalarOf } from '../constants.js'
import { foldConcat, foldExpand, foldTake, foldTranspose, newCount } from '../folding.js'
import { problem } from '../problem.js'
import { readTensor } from '../tensors.js'
import { isConstant, isTerm, type Term, type Value } from '../terms.js'
import { gather, oneHot } from './gathering.js'
import { type Call, checkInputs, constantAt, inputAt, neededConstant, type Operators, rowAxis } from './operator.js'

const withShape = (x: Constant, shape: readonly number[]): Constant => {
  if (countOf(shape) !== x.data.length) problem(`a constant of shape [${x.shape}] cannot have the shape [${shape}]`)
  return constant(x.type, shape, x.data, x.name)
}

const product = (sizes: readonly number[]) => sizes.reduce((result, size) => result * size, 1)

function reshape(call: Call): Value {
  checkInputs(call, 2)
  const x = inputAt(call, 0)
  const given = integersOf(neededConstant(call, 1, 'shape'), 'shape')
  const keepsZeros = call.attributes.flag('allowzero') ?? false
  if (given.filter((size) => size === -1).length > 1) problem('its shape has two open sizes')
  if (given.some((size) => size < -1)) problem(`its shape is [${given}]`)
  if (isTerm(x)) return call.make.reshape(x, rowShape(call, x, given, keepsZeros))
  const sizes = given.map((size, i) => (size === 0 && !keepsZeros ? (x.shape[i] ?? -2) : size))
  const known = product(sizes.filter((size) => size !== -1))
  return withShape(
    x,
    sizes.map((size) => (size === -1 ? x.data.length / known : size)),
  )
}

/** The shape of a row of rows that are reshaped: the first size must go on to be that of the rows. */
function rowShape({ batch }: Call, x: Term, given: readonly number[], keepsZeros: boolean): number[] {
  const [first, ...others] = given
  const all = product(x.shape)
  const sizes = others.map((size, i) => {
    if (Number.isNaN(size)) return problem('its shape has the number of rows in another place than the first')
    return size === 0 && !keepsZeros ? (x.shape[i] ?? problem(`its shape is [${given}]`)) : size
  })
  const known = product(sizes.filter((size) => size !== -1))
  const shape = sizes.map((size) => (size === -1 ? all / known : size))
  const isBatch =
    Number.isNaN(first) ||
    (first === 0 && !keepsZeros) ||
    (first === -1 && known === all) ||
    (batch !== undefined && first === batch)
  if (isBatch && product(shape) === all && shape.every(Number.isInteger)) return shape
  return problem(`its shape [${given}] does not keep the rows of shape [${x.shape}] apart`)
}

function flatten(call: Call): Value {
  const x = inputAt(call, 0)
  const given = call.attributes.integer('axis') ?? 1
  const rank = isConstant(x) ? x.shape.length : x.shape.length + 1
  const axis = given === rank ? rank : axisOf(given, rank)
  if (isConstant(x)) return withShape(x, [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))])
  if (axis !== 1) return problem(`axis ${given} does not keep the rows apart`)
  return call.make.reshape(x, [product(x.shape)])
}

function transpose(call: Call): Value {
  const x = inputAt(call, 0)
  const rank = isConstant(x) ? x.shape.length : x.shape.length + 1
  const order = call.attributes.integers('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  if (order.toSorted((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== rank) {
    problem(`perm is [${order}] for ${rank} dimensions`)
  }
  if (isConstant(x)) return foldTranspose(x, order)
  if (order[0] !== 0) return problem('it moves axis 0, that of the rows')
  return call.make.permute(
    x,
    order.slice(1).map((axis) => axis - 1),
  )
}

/** The places of axes, each once. */
function places(axes: readonly number[], rank: number): number[] {
  const found = axes.map((axis) => axisOf(axis, rank))
  return new Set(found).size === found.length ? found : problem(`it names an axis twice: [${axes}]`)
}

function squeeze(call: Call): Value {
  checkInputs(call, 2)
  const x = inputAt(call, 0)
  const axes = constantAt(call, 1, 'axes')
  const shape = isConstant(x) ? x.shape : [Number.NaN, ...x.shape]
  if (axes === undefined && isTerm(x) && call.batch === 1) return problem('it takes away axis 0, that of the rows')
  const given =
    axes === undefined
      ? shape.flatMap((size, axis) => (size === 1 ? [axis] : []))
      : places(knownIntegers(axes, 'axes'), shape.length)
  if (given.some((axis) => shape[axis] !== 1)) problem(`it takes away axes [${given}] of which one is not of size 1`)
  const left = shape.filter((_, axis) => !given.includes(axis))
  return isConstant(x) ? withShape(x, left) : call.make.reshape(x, left.slice(1))
}

function unsqueeze(call: Call): Value {
  const x = inputAt(call, 0)
  const axes = knownIntegers(neededConstant(call, 1, 'axes'), 'axes')
  const old = isConstant(x) ? [...x.shape] : [Number.NaN, ...x.shape]
  const added = places(axes, old.length + axes.length)
  const shape = Array.from({ length: old.length + axes.length }, (_, i) =>
    added.includes(i) ? 1 : (old.shift() as number),
  )
  if (isConstant(x)) return withShape(x, shape)
  return added.includes(0) ? problem('it adds an axis before that of the rows') : call.make.reshape(x, shape.slice(1))
}

function concat(call: Call): Value {
  const { inputs, make, attributes } = call
  const axis = attributes.integer('axis') ?? problem('it lacks axis')
  const values = inputs.map((value) => value ?? problem('an input is left out'))
  const terms = values.filter(isTerm)
  const [first] = values
  if (first === undefined) return problem('it has no inputs')
  if (terms.length === 0) {
    const constants = values.filter(isConstant)
    return foldConcat(constants, axisOf(axis, (constants[0] as Constant).shape.length))
  }
  if (terms.length < values.length) return problem('it joins constants to rows, which is not read')
  return make.concatenate(terms, rowAxis(axis, terms[0] as Term))
}

function slice(call: Call): Value {
  checkInputs(call, 5)
  const x = inputAt(call, 0)
  const list = (i: number, what: string) => {
    const value = constantAt(call, i, what)
    return value === undefined ? undefined : knownIntegers(value, what)
  }
  const [starts, ends] = [list(1, 'starts') ?? problem('it lacks starts'), list(2, 'ends') ?? problem('it lacks ends')]
  const shape = isConstant(x) ? x.shape : [Number.NaN, ...x.shape]
  const axes = places(list(3, 'axes') ?? starts.map((_, i) => i), shape.length)
  const steps = list(4, 'steps') ?? starts.map(() => 1)
  if (new Set([starts.length, ends.length, axes.length, steps.length]).size > 1) problem('its lists differ in length')
  let value = x
  for (const [i, axis] of axes.entries()) {
    const [start, end, step] = [starts[i], ends[i], steps[i]] as [number, number, number]
    if (isConstant(value)) value = foldTake(value, axis, indicesOf(value.shape[axis] as number, start, end, step))
    else if (axis > 0) value = call.make.take(value, axis - 1, indicesOf(shape[axis] as number, start, end, step))
    else if (start !== 0 || end < 2 ** 31 - 1 || step !== 1) problem('it takes some of the rows')
  }
  return value
}

const mostIndices = 2 ** 20

function indicesOf(size: number, start: number, end: number, step: number): number[] {
  if (step === 0) problem('a step is 0')
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1]
  const clamp = (place: number, least: number) => Math.min(high, Math.max(least, place < 0 ? place + size : place))
  const [from, to] = [clamp(start, Math.max(0, low)), clamp(end, low)]
  if (Math.abs(to - from) > mostIndices * Math.abs(step)) problem(`it takes more than ${mostIndices} places of an axis`)
  const indices: number[] = []
  for (let i = from; step > 0 ? i < to : i > to; i += step) indices.push(i)
  return indices
}

function split(call: Call): Value[] {
  checkInputs(call, 2)
  const { attributes, make, outputs } = call
  const x = inputAt(call, 0)
  const rank = isConstant(x) ? x.shape.length : x.shape.length + 1
  const axis = axisOf(attributes.integer('axis') ?? 0, rank)
  if (isTerm(x) && axis === 0) return problem('it splits the rows of the batch')
  const size = (isConstant(x) ? x.shape[axis] : x.shape[axis - 1]) as number
  const given = constantAt(call, 1, 'split')
  const count = attributes.integer('num_outputs') ?? outputs
  const part = Math.ceil(size / count)
  if (given === undefined && count !== outputs) problem(`it has ${outputs} outputs, but num_outputs is ${count}`)
  const sizes =
    given === undefined
      ? Array.from({ length: count }, (_, i) => Math.min(part, size - i * part))
      : knownIntegers(given, 'split')
  if (sizes.length !== outputs || sizes.some((one) => one < 1) || sizes.reduce((a, b) => a + b, 0) !== size) {
    problem(`parts of sizes [${sizes}] are not the ${size} that there are`)
  }
  if (size > mostIndices) problem(`it splits an axis of more than ${mostIndices} places`)
  let begin = 0
  return sizes.map((one) => {
    const indices = Array.from({ length: one }, (_, i) => begin + i)
    begin += one
    return isConstant(x) ? foldTake(x, axis, indices) : make.take(x, axis - 1, indices)
  })
}

function shape(call: Call): Constant {
  const x = inputAt(call, 0)
  const sizes = isConstant(x) ? x.shape : [Number.NaN, ...x.shape]
  const { attributes } = call
  const part = sizes.slice(attributes.integer('start') ?? 0, attributes.integer('end'))
  return constant('int64', [part.length], Float64Array.from(part))
}

function expand(call: Call): Value {
  const x = inputAt(call, 0)
  const wanted = neededConstant(call, 1, 'shape')
  if (isConstant(x)) return foldExpand(x, knownIntegers(wanted, 'shape'))
  const target = integersOf(wanted, 'shape')
  const rank = x.shape.length + 1
  if (target.length > rank) return problem('it adds dimensions before that of the rows')
  const [first, ...sizes] = [...Array(rank - target.length).fill(1), ...target] as number[]
  if (first !== 1 && !Number.isNaN(first) && first !== call.batch) problem('it repeats the rows')
  const shape = x.shape.map((size, i) => {
    const one = sizes[i] as number
    if (one === size || one === 1) return size
    return size === 1 && one > 1 ? one : problem(`rows of shape [${x.shape}] do not become [${sizes}]`)
  })
  return call.make.expand(x, shape)
}

function tile(call: Call): Value {
  const x = inputAt(call, 0)
  const repeats = knownIntegers(neededConstant(call, 1, 'repeats'), 'repeats')
  const rank = isConstant(x) ? x.shape.length : x.shape.length + 1
  if (repeats.length !== rank || repeats.some((count) => count < 1)) problem(`it repeats [${repeats}] times`)
  if (isConstant(x)) {
    newCount(x.shape.map((size, axis) => size * (repeats[axis] as number)))
    return repeats.reduce((part, count, axis) => foldConcat(Array<Constant>(count).fill(part), axis), x)
  }
  if (repeats[0] !== 1) problem('it repeats the rows')
  return repeats.slice(1).reduce((part, count, axis) => {
    const [before, size, behind] = [part.shape.slice(0, axis), part.shape[axis] as number, part.shape.slice(axis + 1)]
    const apart = call.make.reshape(part, [...before, 1, size, ...behind])
    return call.make.reshape(call.make.expand(apart, [...before, count, size, ...behind]), [
      ...before,
      count * size,
      ...behind,
    ])
  }, x)
}

async function constantNode({ attributes }: Call): Promise<Constant> {
  const tensor = attributes.tensor('value')
  const [float, floats] = [attributes.float('value_float'), attributes.floats('value_floats')]
  const [integer, integers] = [attributes.integer('value_int'), attributes.integers('value_ints')]
  if (tensor !== undefined) return readTensor(tensor)
  if (float !== undefined) return constant('float32', [], Float32Array.of(float))
  if (floats !== undefined) return constant('float32', [floats.length], Float32Array.from(floats))
  if (integer !== undefined) return constant('int64', [], Float64Array.of(integer))
  if (integers !== undefined) return constant('int64', [integers.length], Float64Array.from(integers))
  return problem('it has no value that is read')
}

async function constantOfShape(call: Call): Promise<Constant> {
  const target = knownIntegers(neededConstant(call, 0, 'shape'), 'shape')
  const tensor = call.attributes.tensor('value')
  const value = tensor === undefined ? constant('float32', [1], new Float32Array(1)) : await readTensor(tensor)
  newCount(target)
  return foldExpand(
    constant(
      value.type,
      target.map(() => 1),
      Float64Array.of(scalarOf(value, 'value')),
    ),
    target,
  )
}

function dropout(call: Call): Value {
  const training = constantAt(call, 2, 'training_mode')
  call.attributes.ignore('seed')
  if (training !== undefined && scalarOf(training, 'training_mode') !== 0) problem('training mode is not read')
  if (call.origin.opset < 12) call.attributes.ignore('ratio')
  constantAt(call, 1, 'ratio')
  return inputAt(call, 0)
}

export const shaping: Operators = {
  Identity: [1, (call) => inputAt(call, 0)],
  Dropout: [7, dropout],
  Reshape: [5, reshape],
  Flatten: [1, flatten],
  Transpose: [1, transpose],
  Squeeze: [13, squeeze],
  Unsqueeze: [13, unsqueeze],
  Concat: [4, concat],
  Slice: [10, slice],
  Split: [13, split],
  Gather: [1, gather],
  OneHot: [11, oneHot],
  Shape: [1, shape],
  Expand: [8, expand],
  Tile: [6, tile],
  Constant: [1, constantNode],
  ConstantOfShape: [9, constantOfShape],
}
