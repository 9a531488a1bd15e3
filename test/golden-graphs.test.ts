/** Graph models agree with Keras: outputs, losses, gradients, steps of optimizers, logs of fit, and models that share layers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type ArrayInput, array, type Functional, load, model, optimizers, type SymbolicTensor } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { flatten, type GoldenCase, type GoldenValue, goldenFolder, ownFolder, readGolden } from './support/golden.js'
import {
  type GoldenGraph,
  inputsOf,
  learnsVectors,
  makeGraph,
  optimizerOf,
  prepare,
  rowsOfTargets,
  sampleWeightOf,
  setWeights,
  targetsOf,
} from './support/goldenGraphs.js'
import { assertClose, type Tolerance } from './support/tolerances.js'

// biome-ignore lint/suspicious/noExplicitAny: parts of golden cases.
type Anything = any

const file = 'graphs.json'
const { cases } = readGolden(file)

/** Cases that may be refused: matrices in products, and merges that repeat a tensor to fit. */
const refused: Readonly<Record<string, RegExp>> = {
  'Dot of 3-D tensors': /expected two tensors with one dimension per row/,
  'merges that broadcast': /expected tensors of one shape/,
}

/** Keys in the logs of models whose outputs have one name in Keras: metrics of the second one are called otherwise there. */
const keyInKeras: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'one head for two outputs': { head_1_mae: 'head_mae_1' },
  'one tensor as two outputs': { out_1_mse: 'out_mse' },
}

const toleranceOf = ({ rtol, atol, atol_of }: GoldenCase, part: string): Tolerance => ({
  rtol,
  atol: atol_of?.[part] ?? atol,
})

function assertPart(golden: GoldenCase, part: string, actual: ArrayLike<number>, expected: GoldenValue, what = part) {
  assertClose(actual, flatten(expected), toleranceOf(golden, part), what)
}

/** Compares weights by name; Keras lists no statistics of layers that were given them as options. */
function assertWeights(golden: GoldenCase, part: string, { net }: GoldenGraph, expected: readonly Anything[]) {
  const weights = new Map(net.getWeights().map(({ name, data }) => [name, data]))
  for (const { name, value } of expected) {
    assertPart(golden, part, weights.get(name) ?? assert.fail(`there is ${name}`), value, `${part}: ${name}`)
  }
}

function assertLogs(golden: GoldenCase, part: string, own: Anything, given: Readonly<Record<string, GoldenValue>>) {
  const renamed = keyInKeras[golden.name]
  const inKeras = (key: string) => {
    const [, before = '', name = ''] = /^(val_)?(.*)$/.exec(key) ?? []
    return `${before}${renamed?.[name] ?? name}`
  }
  // Outputs of one name have one loss in Keras' logs, that of the last.
  const isOwn = (key: string) => renamed !== undefined && /_loss$/.test(key) && !/^(val_)?loss$/.test(key)
  const keep = (entries: Anything) => Object.fromEntries(Object.entries(entries).filter(([key]) => !isOwn(key)))
  const logs = Object.fromEntries(Object.entries(keep(own)).map(([key, value]) => [inKeras(key), value as Anything]))
  const expected = keep(given) as Readonly<Record<string, GoldenValue>>
  assert.deepEqual(Object.keys(logs).sort(), Object.keys(expected).sort())
  for (const [key, value] of Object.entries(expected)) {
    assertPart(
      golden,
      part,
      [logs[key]].flatMap((each) => (typeof each === 'number' ? each : [...each])),
      value,
      key,
    )
  }
}

const still = () => optimizers.sgd({ learningRate: 0 })

/** Names and order of the weights, outputs of the whole and of inner tensors, on the device that the model is on. */
async function checkStructure(golden: GoldenCase, graph: GoldenGraph, device: string): Promise<void> {
  const { config, inputs, outputs } = golden
  const { net } = graph
  const x = inputsOf(inputs.x)
  const listed = new Set(inputs.weights.map(({ name }: Anything) => name))
  const names = net.getWeights().map(({ name }) => name)
  assert.deepEqual(
    names.filter((name) => listed.has(name)),
    [...listed],
  )
  assertPredictions(golden, 'predict', await net.predict(x), outputs.predict)
  for (const [name, expected] of Object.entries(outputs.tensors ?? {})) {
    const needed = net.inputNames.filter((input) => inputsNeeded(config, name).has(input))
    const from = needed.map((input) => graph.tensors.get(input) as SymbolicTensor)
    using part = model({ inputs: from, outputs: graph.tensors.get(name) as SymbolicTensor })
    part.compile({ loss: 'mse', device })
    const own = Object.fromEntries(needed.map((input) => [input, x[input] as ArrayInput]))
    assertPart(golden, 'tensors', (await part.predict(own)).data, expected as GoldenValue, `tensor ${name}`)
  }
}

/** Compares the outputs, which are a list or a record if there are several; Keras' are a list then. */
function assertPredictions(golden: GoldenCase, part: string, actual: Anything, expected: Anything, what = part) {
  if (isNdArray(actual)) return assertPart(golden, part, actual.data, expected, what)
  const arrays: Anything[] = Object.values(actual)
  assert.equal(arrays.length, expected.length)
  for (const [i, { data }] of arrays.entries()) assertPart(golden, part, data, expected[i], `${what} ${i}`)
}

const isNdArray = (value: Anything) => value.data instanceof Float32Array

/** Models of several outputs, which are loaded from files to be on the device. */
async function checkSeveral(golden: GoldenCase, device: string): Promise<void> {
  const graph = makeGraph(golden)
  using net = graph.net
  setWeights(golden, net)
  assertNames(golden, net)
  await inFolder(async (folder) => {
    const path = join(folder, 'several.neurode')
    await net.save(path)
    using loaded = await load<Functional>(path, { device })
    assert.deepEqual(loaded.outputNames, net.outputNames)
    assert.deepEqual(loaded.getWeights(), net.getWeights())
    await checkStructure(golden, { ...graph, net: loaded }, device)
  })
}

/** The names of outputs are a record's keys, or those of the layers, of which repeated ones have a number. */
function assertNames({ config }: GoldenCase, net: Functional) {
  const { outputs, nodes } = config
  const layerOf = (name: string) => nodes.find((node: Anything) => node.name === name)?.layer ?? name
  const layers: string[] = Array.isArray(outputs) ? outputs.map(layerOf) : Object.keys(outputs)
  const expected = layers.map((name, i) => (layers.indexOf(name) < i ? `${name}_1` : name))
  assert.deepEqual(net.outputNames, expected)
}

async function check(golden: GoldenCase, device: string): Promise<void> {
  const { config, inputs, outputs } = golden
  const { batch_size: batchSize } = config
  const rows = rowsOfTargets(golden, inputs.y)
  const { class_weight: classWeight } = config.fit
  const weightsOf = (from: number, to: number) => ({
    sampleWeight: sampleWeightOf(inputs.sample_weight, from, to),
    ...(classWeight === undefined ? {} : { classWeight }),
  })
  const batch = (step: number) => {
    const from = (step % Math.ceil(rows / batchSize)) * batchSize
    const to = Math.min(rows, from + batchSize)
    const y = targetsOf(golden, inputs.y, from, to)
    return { x: inputsOf(inputs.x, from, to), y, weights: weightsOf(from, to) }
  }
  const graph = makeGraph(golden)
  using net = graph.net
  prepare(golden, graph, still(), device)
  await checkStructure(golden, graph, device)
  await checkSubmodels(golden, graph, outputs.submodels, 'submodels', device)

  // Loss and logs of the first batch; golden-gradients.test.ts compares the gradients.
  const first = batch(0)
  assertLogs(golden, 'first_batch', await net.trainOnBatch(first.x, first.y, first.weights), outputs.first_batch.logs)
  // Which of two equal inputs of a maximum gets the gradient differs between Keras' backends.
  if (golden.name.startsWith('ties')) return

  for (const [name, optimizer] of Object.entries(config.optimizers)) {
    if (learnsVectors(config) && name === 'Adam') continue
    const trained = makeGraph(golden)
    using own = trained.net
    prepare(golden, trained, optimizerOf(optimizer), device)
    const expected = outputs[name]
    const steps: number[] = []
    for (let step = 0; step < 10; step++) {
      const { x, y, weights } = batch(step)
      steps.push((await own.trainOnBatch(x, y, weights)).loss)
      if (step === 0) assertWeights(golden, name, trained, expected.weights_after_1)
    }
    assertPart(golden, name, steps, expected.loss_of_step, `${name}: losses`)
    assertWeights(golden, name, trained, expected.weights_after_10)
    await checkSubmodels(golden, trained, expected.submodels, name, device)
  }
  if (!learnsVectors(config)) await checkFit(golden, device)
}

/** The inputs that a tensor is computed from. */
function inputsNeeded(config: Anything, name: string): Set<string> {
  const node = config.nodes.find((each: Anything) => each.name === name)
  if (node === undefined) return new Set([name])
  return new Set(node.inputs.flatMap((source: string) => [...inputsNeeded(config, source)]))
}

/** Models of some tensors have the weights of the whole, also after it was trained. */
async function checkSubmodels(
  golden: GoldenCase,
  graph: GoldenGraph,
  expected: Anything,
  part: string,
  device: string,
) {
  for (const [name, values] of Object.entries(expected ?? {})) {
    const { inputs, outputs } = golden.config.submodels[name]
    const tensorsOf = (names: string[]) => names.map((each) => graph.tensors.get(each) as SymbolicTensor)
    const make = () => model({ inputs: tensorsOf(inputs), outputs: tensorsOf(outputs) })
    const x = array(golden.inputs.submodel_x[name])
    using own = make()
    own.compile({ loss: 'mse', device })
    assertPredictions(golden, part, await own.predict(x), values, `sub-model ${name}`)
  }
}

async function checkFit(golden: GoldenCase, device: string): Promise<void> {
  const { config, inputs, outputs } = golden
  const { optimizer, epochs, batch_size: batchSize, class_weight: classWeight, validation_split: split } = config.fit
  const graph = makeGraph(golden)
  using net = graph.net
  prepare(golden, graph, optimizerOf(config.optimizers[optimizer]), device)
  const { validation, sample_weight: sampleWeight } = inputs
  const held = validation && [inputsOf(validation.x), targetsOf(golden, validation.y)]
  if (validation?.sample_weight !== undefined) held.push(sampleWeightOf(validation.sample_weight))
  const x = inputsOf(inputs.x)
  const y = targetsOf(golden, inputs.y)
  const weights = { sampleWeight: sampleWeightOf(sampleWeight) }
  const { history } = await net.fit(x, y, {
    epochs,
    batchSize,
    shuffle: false,
    verbose: 0,
    ...(held === undefined ? { validationSplit: split } : { validationData: held }),
    ...weights,
    ...(classWeight === undefined ? {} : { classWeight }),
  } as Anything)
  assertLogs(golden, 'fit', history, outputs.fit.logs)
  assertLogs(golden, 'fit', await net.evaluate(x, y, weights), outputs.fit.evaluate)
  for (const { name, data } of net.getWeights()) {
    const norm = outputs.fit.norms[name]
    if (norm !== undefined) assertPart(golden, 'fit', [Math.hypot(...data)], norm, `norm of ${name}`)
  }
}

perDevice(`golden graphs of ${goldenFolder}`, (device) => {
  for (const golden of cases) {
    if (Object.keys(golden.config.outputs).length > 1) {
      it(`${golden.name}: structure and predictions`, () => checkSeveral(golden, device))
    }
    if (refused[golden.name] !== undefined) {
      it(`${golden.name}: refused`, () => {
        assert.throws(() => makeGraph(golden), { code: 'ERR_SHAPE', message: refused[golden.name] })
      })
    } else it(golden.name, () => check(golden, device))
  }
})

describe('golden graphs', () => {
  it('has cases of its own in this repository', () => {
    assert.ok(readGolden(file, ownFolder).cases.length > 0)
  })
})
