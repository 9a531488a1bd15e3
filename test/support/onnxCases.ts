/** What files of ONNX are tested with, besides `layerCases`: options that change the operators of a layer, and layers of several inputs. */

import {
  type Activation,
  type AnyModel,
  activations,
  array,
  type Functional,
  input,
  type Layer,
  layers,
  model,
  type NdArray,
  type SymbolicTensor,
} from 'neurode'
import { activationCases, type LayerCase, layerCases } from './layerCases.js'
import type { Random } from './random.js'

const flat = [12]
const matrix = [3, 4]
const block = [2, 3, 4]

const activationsWithOptions: Readonly<Record<string, Activation>> = {
  'relu with a slope': activations.relu({ negativeSlope: 0.1 }),
  'relu with a limit': activations.relu({ maxValue: 1 }),
  'relu with a threshold': activations.relu({ threshold: 0.5 }),
  'relu with a threshold below 0': activations.relu({ threshold: -0.5, negativeSlope: 0.3 }),
  'relu with all options': activations.relu({ negativeSlope: 0.2, maxValue: 1.5, threshold: 0.25 }),
  leakyRelu: activations.leakyRelu({ negativeSlope: 0.4 }),
  elu: activations.elu({ alpha: 0.7 }),
  celu: activations.celu({ alpha: 0.6 }),
  'gelu by tanh': activations.gelu({ approximate: true }),
  softShrink: activations.softShrink({ threshold: 0.2 }),
  hardShrink: activations.hardShrink({ threshold: 0.2 }),
  squareplus: activations.squareplus({ b: 2 }),
  'squareplus with b 0': activations.squareplus({ b: 0 }),
  threshold: activations.threshold({ threshold: 0.3, defaultValue: 0 }),
  'threshold with another value': activations.threshold({ threshold: 0.3, defaultValue: -2 }),
}

const own: readonly LayerCase[] = [
  {
    title: 'dense without a bias',
    shape: flat,
    make: (options) => layers.dense({ units: 3, useBias: false, ...options }),
  },
  {
    title: 'dense of positions without a bias',
    shape: matrix,
    make: (options) => layers.dense({ units: 3, useBias: false, ...options }),
  },
  { title: 'softmax along two axes', shape: block, make: (options) => layers.softmax({ axis: [1, 2], ...options }) },
  {
    title: 'softmax along the last two axes',
    shape: block,
    make: (options) => layers.softmax({ axis: [2, 3], ...options }),
  },
  {
    title: 'layerNormalization of whole rows',
    shape: block,
    make: (options) => layers.layerNormalization({ axis: [1, 2, 3], ...options }),
  },
  {
    title: 'layerNormalization along two axes, without gamma',
    shape: block,
    make: (options) => layers.layerNormalization({ axis: [1, 2], scale: false, ...options }),
  },
  {
    title: 'layerNormalization without beta',
    shape: flat,
    make: (options) => layers.layerNormalization({ center: false, ...options }),
  },
  {
    title: 'rmsNormalization along axis 2',
    shape: block,
    make: (options) => layers.rmsNormalization({ axis: 2, ...options }),
  },
  {
    title: 'groupNormalization of one group',
    shape: flat,
    make: (options) => layers.groupNormalization({ groups: 1, ...options }),
  },
  {
    title: 'groupNormalization without gamma',
    shape: flat,
    make: (options) => layers.groupNormalization({ groups: 4, scale: false, ...options }),
  },
  {
    title: 'batchNormalization of the axis in the middle',
    shape: block,
    make: (options) => layers.batchNormalization({ axis: 2, center: false, ...options }),
  },
  {
    title: 'normalization of rows and columns',
    shape: matrix,
    make: (options) => layers.normalization({ axis: [1, 2], ...options }),
  },
  {
    title: 'normalization of all values',
    shape: matrix,
    make: (options) => layers.normalization({ axis: null, ...options }),
  },
  {
    title: 'normalization of axis 1',
    shape: block,
    make: (options) => layers.normalization({ axis: 1, invert: true, ...options }),
  },
  {
    title: 'unitNormalization of axis 1',
    shape: matrix,
    make: (options) => layers.unitNormalization({ axis: 1, ...options }),
  },
  {
    title: 'prelu with all but one axis shared',
    shape: block,
    make: (options) => layers.prelu({ sharedAxes: [1, 3], ...options }),
  },
  { title: 'rescaling without an offset', shape: flat, make: (options) => layers.rescaling({ scale: -2, ...options }) },
  {
    title: 'globalMaxPooling1D that keeps its dimensions',
    shape: matrix,
    make: (options) => layers.globalMaxPooling1D({ keepdims: true, ...options }),
  },
  {
    title: 'permute that changes nothing',
    shape: matrix,
    make: (options) => layers.permute({ dims: [1, 2], ...options }),
  },
  {
    title: 'categoryEncoding that counts nothing twice',
    shape: [4],
    indices: 5,
    make: (options) => layers.categoryEncoding({ numTokens: 5, outputMode: 'multiHot', ...options }),
  },
  {
    title: 'categoryEncoding of one integer',
    shape: [1],
    indices: 5,
    make: (options) => layers.categoryEncoding({ numTokens: 5, outputMode: 'oneHot', ...options }),
  },
  {
    title: 'embedding of a matrix',
    shape: matrix,
    indices: 7,
    make: (options) => layers.embedding({ inputDim: 7, outputDim: 2, ...options }),
  },
  ...Object.entries(activationsWithOptions).map(([title, activation]) => ({
    title: `activation ${title}`,
    shape: flat,
    make: (options?: object) => layers.activation({ activation, ...options }),
  })),
]

/** Every kind of layer of one input, with the options that matter. */
export const chains: readonly LayerCase[] = [...layerCases, ...activationCases, ...own]

type Join = (tensors: readonly SymbolicTensor[]) => SymbolicTensor

/** Layers of several inputs, as graphs of one or three inputs. */
export const joins: Readonly<Record<string, { readonly shape: readonly number[]; readonly join: Join }>> = {
  'add of two': { shape: flat, join: ([a, b]) => layers.add().apply([a, b] as never) },
  'add of three': { shape: matrix, join: (all) => layers.add().apply(all) },
  'add of one twice': { shape: flat, join: ([a]) => layers.add().apply([a, a] as never) },
  subtract: { shape: flat, join: ([a, b]) => layers.subtract().apply([a, b] as never) },
  'multiply of three': { shape: flat, join: (all) => layers.multiply().apply(all) },
  'average of two': { shape: matrix, join: ([a, b]) => layers.average().apply([a, b] as never) },
  'average of three': { shape: flat, join: (all) => layers.average().apply(all) },
  'maximum of three': { shape: flat, join: (all) => layers.maximum().apply(all) },
  'minimum of two': { shape: flat, join: ([a, b]) => layers.minimum().apply([a, b] as never) },
  'concatenate along the last axis': { shape: matrix, join: (all) => layers.concatenate().apply(all) },
  'concatenate along axis 1': { shape: matrix, join: (all) => layers.concatenate({ axis: 1 }).apply(all) },
  dot: { shape: flat, join: ([a, b]) => layers.dot({ axes: 1 }).apply([a, b] as never) },
  'dot of unit vectors': {
    shape: flat,
    join: ([a, b]) => layers.dot({ axes: -1, normalize: true }).apply([a, b] as never),
  },
}

/** A model with many layers beside each other, and rows for it. */
export interface Group {
  readonly net: Functional
  readonly draw: (random: Random, rows: number) => Record<string, NdArray>
}

/** All cases, with those of one shape in one model: each is an output, called as the case. */
export function groups(): Group[] {
  const keyOf = ({ shape, indices = 0 }: LayerCase) => `${shape} ${indices}`
  const alike = new Map<string, LayerCase[]>()
  for (const each of chains) alike.set(keyOf(each), [...(alike.get(keyOf(each)) ?? []), each])
  const ofChains = [...alike.values()].map((cases): Group => {
    const { shape, indices } = cases[0] as LayerCase
    const x = input({ shape, name: 'x' })
    const named = cases.map(({ make, title }) => (make({ name: title }) as Layer).apply(x))
    return groupOf([x], named, (random, size) =>
      indices === undefined ? random.normals(size, 1.5) : random.classes(size, indices),
    )
  })
  const ofJoins = [flat, matrix].map((shape) => {
    const inputs = ['a', 'b', 'c'].map((name) => input({ shape, name }))
    const own = Object.values(joins).filter((each) => each.shape === shape)
    return groupOf(
      inputs,
      own.map(({ join }) => join(inputs)),
      (random, size) => random.normals(size),
    )
  })
  return [...ofChains, ...ofJoins]
}

function groupOf(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
  numbers: (random: Random, size: number) => NdArray['data'],
): Group {
  const net: unknown = model({ inputs, outputs })
  const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)
  return {
    net: net as Functional,
    draw: (random, rows) =>
      Object.fromEntries(
        inputs.map(({ name, shape }) => [name, array(numbers(random, rows * sizeOf(shape)), [rows, ...shape])]),
      ),
  }
}

/** Gives every weight random values; variances and scales are above 0. */
export function drawWeights(net: AnyModel, random: Random): void {
  const drawn = net.getWeights().map(({ name, shape, data }) => ({
    shape,
    data: /variance$|gamma$|scale$/.test(name)
      ? random.uniforms(data.length, 0.5, 2)
      : random.normals(data.length, 0.5),
  }))
  net.setWeights(drawn)
}
