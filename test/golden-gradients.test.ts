/** Gradients that models give to the user agree with Keras: of layers, of their inputs, and of whole graphs. */

import assert from 'node:assert/strict'
import { array, type Gradients, type Layer, layers, losses, optimizers, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import {
  assertGolden,
  flatten,
  type GoldenCase,
  type GoldenValue,
  goldenFolder,
  ownFolder,
  readGolden,
  shapeOf,
} from './support/golden.js'
import { inputsOf, makeGraph, prepare, rowsOfTargets, sampleWeightOf, targetsOf } from './support/goldenGraphs.js'
import { activationOf, optionsOf } from './support/keras.js'
import { assertClose, assertNear, type Tolerance } from './support/tolerances.js'

// biome-ignore lint/suspicious/noExplicitAny: parts of golden cases.
type Anything = any

/** The factory of a class of Keras. */
function makeLayer({ class_name: kind, config }: GoldenCase['config']): Layer {
  const name = Object.keys(layers).find((key) => key.toLowerCase() === kind?.toLowerCase()) as keyof typeof layers
  const { activation, ...options } = optionsOf(config) as Anything
  return (layers[name] as Anything)(
    activation === undefined ? options : { ...options, activation: activationOf(activation) },
  )
}

/** Σ cotangent·output, whose gradient is the cotangent. */
const along = (cotangent: readonly number[]) =>
  losses.custom({
    name: 'along',
    compute: ({ outputs }) => ({
      loss: outputs.reduce((sum, output, i) => sum + output * (cotangent[i] as number), 0),
      gradient: cotangent,
    }),
  })

const arrayOf = (value: GoldenValue) => array(Float32Array.from(flatten(value)), shapeOf(value))

async function checkLayer(golden: GoldenCase, device: string): Promise<void> {
  const { x: given, weights = [], cotangent, training = true } = golden.inputs
  const { dx, dweights, penalties } = golden.outputs
  // Keras' rows without a dimension are rows of one value.
  const [rows = 0, ...rest] = shapeOf(given)
  const shape = rest.length === 0 ? [1] : rest
  const x = array(Float32Array.from(flatten(given)), [rows, ...shape])
  const tested = makeLayer(golden.config)
  using net = sequential([layers.input({ shape }), tested])
  const slopes = array(Float32Array.from(flatten(cotangent)), [rows, ...net.outputShape])
  net.compile({ loss: along(flatten(cotangent)), device })
  if (weights.length > 0) net.setWeights(weights.map(({ value }: Anything) => arrayOf(value)))
  const check = ({ inputs, gradients }: Anything) => {
    if (dx !== undefined) assertGolden(golden, 'dx', inputs.data)
    if (dweights === undefined) return
    assertGolden(
      golden,
      'dweights',
      Object.values(gradients).flatMap((each: Anything) => [...each.data]),
    )
  }
  const options: Anything = { training, inputs: dx !== undefined }
  check(await net.valueAndGradients(x, slopes, options))
  if (penalties === undefined) check(await net.backward(x, slopes, options))
}

async function checkGraph(golden: GoldenCase, device: string): Promise<void> {
  const { config, inputs, outputs } = golden
  const rows = rowsOfTargets(golden, inputs.y)
  const to = Math.min(rows, config.batch_size)
  const graph = makeGraph(golden)
  using net = graph.net
  prepare(golden, graph, optimizers.sgd(), device)
  const { class_weight: classWeight } = config.fit
  const sampleWeight = sampleWeightOf(inputs.sample_weight, 0, to)
  const before = net.getWeights()
  const options = { sampleWeight, ...(classWeight === undefined ? {} : { classWeight }) }
  const x = inputsOf(inputs.x, 0, to)
  const y = targetsOf(golden, inputs.y, 0, to)
  const result = await net.valueAndGradients(x, y, options as Anything)
  const first = outputs.first_batch
  const tolerance = { rtol: golden.rtol, atol: golden.atol_of?.first_batch ?? golden.atol }
  assertNear(result.loss, first.loss, tolerance, 'loss')
  const predicted =
    (result.outputs as Anything).data instanceof Float32Array
      ? [result.outputs]
      : Object.values(result.outputs as Anything)
  const expected = predicted.length === 1 ? [first.outputs_in_training] : first.outputs_in_training
  predicted.forEach((each: Anything, i) => {
    assertClose(each.data, flatten(expected[i]), tolerance, `output ${i}`)
  })
  const named = new Map<string, GoldenValue>(first.gradients.map(({ name, value }: Anything) => [name, value]))
  for (const name of Object.keys(result.gradients)) assert.ok(named.has(name), name)
  for (const [name, value] of named) {
    const own = result.gradients[name]?.data
    if (own !== undefined && golden.name.startsWith('ties')) continue
    // Keras' cases have zeros for weights on which no loss depends.
    assertClose(own ?? flatten(value).fill(0), flatten(value), tolerance, `gradient of ${name}`)
  }
  if (golden.name.startsWith('ties')) checkTies(result.gradients, named, tolerance)
  assert.deepEqual(
    net.getWeights().map(({ data }) => data),
    before.map(({ data }) => data),
  )
}

/** Which of two equal inputs of a maximum gets the gradient differs between Keras' backends: the sum is binding. */
function checkTies(own: Gradients, named: ReadonlyMap<string, GoldenValue>, tolerance: Tolerance): void {
  for (const variable of ['kernel', 'bias']) {
    const sums = (of: (name: string) => ArrayLike<number>) =>
      Array.from(of(`a/${variable}`), (value, i) => value + (of(`b/${variable}`)[i] as number))
    const expected = sums((name) => flatten(named.get(name) ?? []))
    assertClose(
      sums((name) => own[name]?.data ?? []),
      expected,
      tolerance,
      `ties of ${variable}`,
    )
  }
}

const graphCases = readGolden('graphs.json').cases.filter(({ name }) => !/broadcast|Dot of 3-D/.test(name))
const layerCases = readGolden('layers.json').cases.filter(({ inputs }) => inputs.cotangent !== undefined)

perDevice(`golden gradients of ${goldenFolder}`, (device) => {
  for (const golden of layerCases) it(golden.name, () => checkLayer(golden, device))
  for (const golden of graphCases) it(golden.name, () => checkGraph(golden, device))
})

describe('golden gradients', () => {
  it('have cases in this repository', () => {
    assert.ok(readGolden('graphs.json', ownFolder).cases.length > 0)
    assert.ok(readGolden('layers.json', ownFolder).cases.some(({ outputs }) => outputs.dx !== undefined))
  })
})
