/** Normalizations and softmax. */

import { activations } from '../../../layers/activations.js'
import { type Constant, constant, isFloating } from '../constants.js'
import { layerNormalization } from '../patterns.js'
import { problem } from '../problem.js'
import { besideRows, floating, isConstant, repeated, type Term, type Value } from '../terms.js'
import { type Call, checkInputs, constantAt, neededConstant, type Operators, rowAxis, termAt } from './operator.js'

/** A constant of one number for each channel. */
function channels(call: Call, i: number, what: string, count: number): Constant {
  const value = neededConstant(call, i, what)
  if (value.shape.length === 1 && value.data.length === count && isFloating(value.type)) return value
  return problem(`expected ${count} numbers as ${what}, got ${value.type} of shape [${value.shape}]`)
}

function batchNormalization(call: Call): Term {
  const { attributes, make } = call
  const x = termAt(call, 0)
  floating(x)
  if (call.outputs > 1 && call.origin.opset < 14) problem('training mode is not read: export the model for inference')
  if (attributes.flag('training_mode') ?? false) problem('training mode is not read: export the model for inference')
  const epsilon = attributes.float('epsilon') ?? 1e-5
  const momentum = attributes.float('momentum') ?? 0.9
  const [count] = x.shape
  if (count === undefined) return problem('expected rows of one dimension at least')
  const weights = ['scale', 'B', 'mean', 'variance'].map((what, i) => channels(call, i + 1, what, count))
  if (!(momentum >= 0 && momentum <= 1)) problem(`expected a momentum from 0 to 1, got ${momentum}`)
  return make.layer('BatchNormalization', x, x.shape, { axis: 1, epsilon, momentum }, weights)
}

/** A scale or an offset of the axes from `axis` on, for all of which there is a number. */
function along(call: Call, i: number, what: string, x: Term, axis: number): Value | undefined {
  const given = constantAt(call, i, what)
  if (given === undefined) return undefined
  const shape = x.shape.slice(axis)
  if (given.shape.length > shape.length)
    return problem(`${what} of shape [${given.shape}] does not fit the axes [${shape}]`)
  return constant(given.type, shape, repeated(besideRows(given, { ...x, shape }), shape), given.name)
}

function layerNorm(call: Call): Term {
  checkInputs(call, 3)
  const { attributes, make } = call
  attributes.ignore('stash_type')
  const x = termAt(call, 0)
  const axis = rowAxis(attributes.integer('axis') ?? -1, x)
  const axes = x.shape.flatMap((_, i) => (i >= axis ? [i] : []))
  const normalized = layerNormalization(make, x, axes, attributes.float('epsilon') ?? 1e-5)
  const [scale, offset] = [along(call, 1, 'scale', x, axis), along(call, 2, 'B', x, axis)]
  const scaled = isConstant(scale) ? make.affine(normalized, besideRows(scale, x), 'scale') : normalized
  return isConstant(offset) ? make.affine(scaled, besideRows(offset, x), 'offset') : scaled
}

function rmsNorm(call: Call): Term {
  checkInputs(call, 2)
  const { attributes, make } = call
  attributes.ignore('stash_type')
  const x = termAt(call, 0)
  floating(x)
  const axis = rowAxis(attributes.integer('axis') ?? -1, x)
  const scale = along(call, 1, 'scale', x, axis)
  const options = {
    axis: x.shape.flatMap((_, i) => (i >= axis ? [i + 1] : [])),
    epsilon: attributes.float('epsilon') ?? 1e-5,
  }
  const normalized = make.layer('RMSNormalization', x, x.shape, options)
  return isConstant(scale) ? make.affine(normalized, besideRows(scale, x), 'scale') : normalized
}

/** GroupNormalization and InstanceNormalization: channels in groups, each with a mean and a variance. */
function grouped(call: Call, groups: number | undefined, perGroup: boolean): Term {
  const { attributes, make } = call
  attributes.ignore('stash_type')
  const x = termAt(call, 0)
  floating(x)
  const [count] = x.shape
  if (count === undefined) return problem('expected rows of one dimension at least')
  const parts = groups ?? count
  if (parts < 1 || count % parts !== 0) return problem(`${parts} groups do not share ${count} channels evenly`)
  const size = x.shape.reduce((product, one) => product * one, 1) / parts
  const flat = make.reshape(x, [parts, size])
  const normalized = make.reshape(layerNormalization(make, flat, [1], attributes.float('epsilon') ?? 1e-5), x.shape)
  const row = (value: Constant) => {
    const each = count / value.data.length
    const data = Float64Array.from({ length: count }, (_, i) => value.data[Math.floor(i / each)] as number)
    return { shape: x.shape.map((_, i) => (i === 0 ? count : 1)), data }
  }
  const numbers = perGroup ? parts : count
  const scaled = make.affine(normalized, row(channels(call, 1, 'scale', numbers)), 'scale')
  return make.affine(scaled, row(channels(call, 2, 'bias', numbers)), 'offset')
}

function groupNorm(call: Call): Term {
  const groups = call.attributes.integer('num_groups') ?? problem('it lacks num_groups')
  return grouped(call, groups, call.origin.opset < 21)
}

function lpNormalization(call: Call): Term {
  const { attributes, make } = call
  const x = termAt(call, 0)
  floating(x)
  if ((attributes.integer('p') ?? 2) !== 2) problem('it is read with p 2 alone')
  return make.layer('UnitNormalization', x, x.shape, { axis: [rowAxis(attributes.integer('axis') ?? -1, x) + 1] })
}

const softmax =
  (logarithm: boolean) =>
  (call: Call): Term => {
    checkInputs(call, 1)
    const { make } = call
    const x = termAt(call, 0)
    floating(x)
    const activation = logarithm ? activations.logSoftmax() : activations.softmax()
    if (call.origin.opset < 13) {
      // Before opset 13, all axes from the given one on are taken together.
      const first = rowAxis(call.attributes.integer('axis') ?? 1, x)
      const size = x.shape.slice(first).reduce((product, one) => product * one, 1)
      const flat = make.reshape(x, [...x.shape.slice(0, first), size])
      return make.reshape(make.activation(flat, activation), x.shape)
    }
    const axis = rowAxis(call.attributes.integer('axis') ?? -1, x)
    const end = x.shape.length - 1
    const order = x.shape.map((_, i) => i)
    ;[order[axis], order[end]] = [end, axis]
    return make.permute(make.activation(make.permute(x, order), activation), order)
  }

export const normalizing: Operators = {
  BatchNormalization: [9, batchNormalization],
  LayerNormalization: [17, layerNorm],
  RMSNormalization: [23, rmsNorm],
  GroupNormalization: [18, groupNorm],
  InstanceNormalization: [6, (call) => grouped(call, undefined, false)],
  LpNormalization: [1, lpNormalization],
  Softmax: [1, softmax(false)],
  LogSoftmax: [1, softmax(true)],
}
