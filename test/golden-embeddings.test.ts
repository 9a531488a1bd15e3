/**
 * Embeddings that Keras has trained with Adam on TensorFlow, which adds up the squares of the gradients of an index that occurs several
 * times in a batch. Adam elsewhere, and here, takes the square of their sum. So these tests take the steps themselves: with gradients
 * of the library, those of each occurrence apart, and TensorFlow's squares.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { array, type Functional, load, optimizers } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { perDevice } from './support/devices.js'
import { flatten, type GoldenCase, goldenFolder, readGolden } from './support/golden.js'
import { inputsOf, learnsVectors, makeGraph, prepare } from './support/goldenGraphs.js'
import { gradientRate } from './support/gradients.js'
import { type FileCase, goodFiles, stepsByOccurrence } from './support/kerasFiles.js'
import { assertClose } from './support/tolerances.js'

// biome-ignore lint/suspicious/noExplicitAny: parts of golden cases.
type Anything = any
type Values = Map<string, Float64Array>

const { cases } = readGolden('graphs.json')

/** Rows of a case, one batch of them. */
interface Rows {
  readonly x: Readonly<Record<string, Anything[]>>
  readonly y: Anything[]
}

/** Keras' Adam, with a sum of squared gradients of its own. */
class Adam {
  readonly #rate: number
  readonly #momenta: Values
  readonly #velocities: Values
  #step: number

  constructor(rate: number, momenta: Values = new Map(), velocities: Values = new Map(), step = 0) {
    this.#rate = rate
    this.#momenta = momenta
    this.#velocities = velocities
    this.#step = step
  }

  step(values: Values, gradients: Values, squares: Values): void {
    this.#step++
    const rate = (this.#rate * Math.sqrt(1 - 0.999 ** this.#step)) / (1 - 0.9 ** this.#step)
    for (const [name, gradient] of gradients) {
      const own = values.get(name) as Float64Array
      const m = this.#momenta.get(name) ?? new Float64Array(own.length)
      const v = this.#velocities.get(name) ?? new Float64Array(own.length)
      this.#momenta.set(name, m)
      this.#velocities.set(name, v)
      gradient.forEach((g, i) => {
        m[i] = 0.9 * (m[i] as number) + 0.1 * g
        v[i] = 0.999 * (v[i] as number) + 0.001 * (squares.get(name)?.[i] ?? g * g)
        own[i] = (own[i] as number) - (rate * (m[i] as number)) / (Math.sqrt(v[i] as number) + 1e-7)
      })
    }
  }
}

/** A step of SGD at a large rate, which tells the gradients and moves the statistics of normalizations. */
async function stepFrom(net: Functional, values: Values, { x, y }: Rows) {
  const setTo = (values: Values) =>
    net.setWeights(
      net.getWeights().map(({ name, data, shape }) => array(Float32Array.from(values.get(name) ?? data), shape)),
    )
  setTo(values)
  const before = net.getWeights()
  const { loss } = await net.trainOnBatch(inputsOf(x), array(y))
  const after = new Map(net.getWeights().map(({ name, data }) => [name, data]))
  const gradients: Values = new Map(
    before.map(({ name, data }) => [
      name,
      Float64Array.from(data, (value, i) => (value - (after.get(name)?.[i] as number)) / gradientRate),
    ]),
  )
  return { loss: loss as number, gradients, after }
}

/** The case with tables that have a vector for each occurrence of an index in these rows, and the occurrences by index. */
function spread(golden: GoldenCase, rows: Rows) {
  const config = structuredClone(golden.config) as Anything
  const x = structuredClone(rows.x) as Record<string, Anything[]>
  const indices = new Map<string, number[]>()
  for (const { name, layer = name, inputs } of config.nodes) {
    const first = config.nodes.find((node: Anything) => node.name === layer)
    if (first.class_name !== 'Embedding') continue
    const seen = indices.get(layer) ?? []
    indices.set(layer, seen)
    x[inputs[0]] = (x[inputs[0]] as number[][]).map((row) => row.map((index) => seen.push(index) - 1))
    first.config.input_dim = seen.length
  }
  return { golden: { ...golden, config } as GoldenCase, rows: { x, y: rows.y }, indices }
}

/** The sums of squares of the gradients of each occurrence of an index. */
async function squaresOf(golden: GoldenCase, values: Values, given: Rows, device: string): Promise<Values> {
  const { golden: wide, rows, indices } = spread(golden, given)
  const own = new Map(values)
  const sizes = new Map<string, number>()
  for (const [layer, seen] of indices) {
    const name = `${layer}/embeddings`
    const table = values.get(name) as Float64Array
    const size = golden.config.nodes.find((node: Anything) => node.name === layer).config.output_dim
    own.set(name, Float64Array.from(seen.flatMap((index) => [...table.subarray(index * size, (index + 1) * size)])))
    sizes.set(name, size)
  }
  const graph = makeGraph(wide)
  using net = graph.net
  prepare(
    { ...wide, inputs: { ...wide.inputs, weights: [] } } as GoldenCase,
    graph,
    optimizers.sgd({ learningRate: gradientRate }),
    device,
  )
  const { gradients } = await stepFrom(net, own, rows)
  return new Map(
    [...indices].map(([layer, seen]) => {
      const name = `${layer}/embeddings`
      const size = sizes.get(name) as number
      const squares = new Float64Array((values.get(name) as Float64Array).length)
      gradients.get(name)?.forEach((g, i) => {
        const at = (seen[Math.floor(i / size)] as number) * size + (i % size)
        squares[at] = (squares[at] as number) + g * g
      })
      return [name, squares]
    }),
  )
}

async function check(golden: GoldenCase, device: string): Promise<void> {
  const { config, inputs, outputs, rtol, atol, atol_of } = golden
  const toleranceOf = (part: string) => ({ rtol, atol: atol_of?.[part] ?? atol })
  const learned = new Set(outputs.first_batch.gradients.map(({ name }: Anything) => name))
  const graph = makeGraph(golden)
  using net = graph.net
  prepare(golden, graph, optimizers.sgd({ learningRate: gradientRate }), device)
  const initial = () => new Map(net.getWeights().map(({ name, data }) => [name, Float64Array.from(data)]))
  const batchOf = (step: number, size: number): Rows => {
    const from = (step % Math.ceil(inputs.y.length / size)) * size
    const part = (rows: Anything[]) => rows.slice(from, from + size)
    const x = Object.entries(inputs.x as Record<string, Anything[]>).map(([name, rows]) => [name, part(rows)])
    return { x: Object.fromEntries(x), y: part(inputs.y) }
  }
  const run = async (steps: number, size: number, onStep: (step: number, loss: number, values: Values) => void) => {
    const values: Values = initial()
    const adam = new Adam(config.optimizers.Adam.config.learning_rate)
    for (let step = 0; step < steps; step++) {
      const rows = batchOf(step, size)
      const squares = await squaresOf(golden, values, rows, device)
      const { loss, gradients, after } = await stepFrom(net, values, rows)
      for (const name of values.keys()) {
        if (learned.has(name)) continue
        gradients.delete(name)
        values.set(name, Float64Array.from(after.get(name) as Float32Array))
      }
      adam.step(values, gradients, squares)
      onStep(step, loss, values)
    }
    return values
  }
  const before = net.getWeights()

  const { loss_of_step, weights_after_1, weights_after_10 } = outputs.Adam
  const losses: number[] = []
  await run(10, config.batch_size, (step, loss, values) => {
    losses.push(loss)
    for (const { name, value } of step === 0 ? weights_after_1 : step === 9 ? weights_after_10 : []) {
      const own = values.get(name) ?? assert.fail(`there is ${name}`)
      assertClose(own, flatten(value), toleranceOf('Adam'), `${name} after ${step + 1} steps`)
    }
  })
  assertClose(losses, loss_of_step, toleranceOf('Adam'), 'losses')

  const { epochs, batch_size: size } = config.fit
  net.setWeights(before)
  const batches = Math.ceil(inputs.y.length / size)
  const epochLosses: number[] = new Array(epochs).fill(0)
  const fitted = await run(epochs * batches, size, (step, loss) => {
    const epoch = Math.floor(step / batches)
    epochLosses[epoch] = (epochLosses[epoch] as number) + (loss * batchOf(step, size).y.length) / inputs.y.length
  })
  assertClose(epochLosses, outputs.fit.logs.loss, toleranceOf('fit'), 'losses of epochs')
  net.setWeights(net.getWeights().map(({ name, shape }) => array(Float32Array.from(fitted.get(name) ?? []), shape)))
  const logs = await net.evaluate(inputsOf(inputs.x), array(inputs.y))
  for (const [key, value] of Object.entries(outputs.fit.evaluate))
    assertClose([logs[key] as number], [value as number], toleranceOf('fit'), key)
  for (const [name, norm] of Object.entries(outputs.fit.norms))
    assertClose([Math.hypot(...(fitted.get(name) ?? []))], [norm as number], toleranceOf('fit'), `norm of ${name}`)
}

perDevice(`golden graphs of ${goldenFolder}: embeddings by TensorFlow's squares`, (device) => {
  for (const golden of cases.filter(({ config }) => learnsVectors(config))) it(golden.name, () => check(golden, device))
})

/** The losses of the next steps of a model in a file, each row on its own: its indices are 0, 1, … there, for vectors of their own. */
async function lossesOf({ folder, name, config, inputs }: FileCase, device: string): Promise<number[]> {
  using net = await load<Functional<Anything>>(join(folder, name), { device: device as never, threads: 1 })
  const { weights, slots, step } = coreOf(net).readState()
  const [values, momenta, velocities] = [weights.map(({ data }) => data), slots[0], slots[1]].map((arrays): Values => {
    return new Map(weights.map(({ name }, i) => [name, Float64Array.from(arrays?.[i] ?? [])]))
  }) as [Values, Values, Values]
  const adam = new Adam(net.optimizer?.learningRate as number, momenta, velocities, step)
  const vectors = 'table/embeddings'
  const size = weights.find((weight) => weight.name === vectors)?.shape[1] as number
  const batches = inputs.batches as Anything[]
  const losses: number[] = []
  for (let i = 0; i < 5; i++) {
    const { x, y } = batches[((config.steps_done ?? 4) + i) % batches.length]
    const count = x.ids.length
    const gradients: Values = new Map()
    const squares: Values = new Map()
    const add = (to: Values, key: string, at: number, value: number) => {
      const sums = to.get(key) ?? new Float64Array((values.get(key) as Float64Array).length)
      to.set(key, sums)
      sums[at] = (sums[at] as number) + value
    }
    let loss = 0
    for (let row = 0; row < count; row++) {
      const table = Float32Array.from(values.get(vectors) as Float64Array)
      const own = new Float32Array(table.length)
      x.ids[row].forEach((id: number, k: number) => {
        own.set(table.subarray(id * size, (id + 1) * size), k * size)
      })
      net.setWeights(
        weights.map(({ name, shape }) =>
          array(name === vectors ? own : Float32Array.from(values.get(name) as Float64Array), shape),
        ),
      )
      const given = { a: array([x.a[row]]), ids: array([x.ids[row].map((_: number, k: number) => k)]) }
      const targets = Object.fromEntries(net.outputNames.map((output, k) => [output, array([y[k][row]])]))
      const record = await net.valueAndGradients(given as never, targets as never)
      loss += record.loss / count
      for (const [key, gradient] of Object.entries(record.gradients)) {
        gradient.data.forEach((value, at) => {
          const share = value / count
          if (key !== vectors) add(gradients, key, at, share)
          else if (at < size * x.ids[row].length) {
            const place = x.ids[row][Math.floor(at / size)] * size + (at % size)
            add(gradients, key, place, share)
            add(squares, key, place, share * share)
          }
        })
      }
    }
    losses.push(loss)
    adam.step(values, gradients, squares)
  }
  return losses
}

perDevice("golden interchange keras models: embeddings by TensorFlow's squares", (device) => {
  for (const golden of goodFiles(['keras']).filter(({ name }) => stepsByOccurrence.includes(name))) {
    it(golden.name, async () => {
      const { outputs, rtol, atol } = golden
      assertClose(await lossesOf(golden, device), outputs.loss_of_next_steps, { rtol, atol }, 'losses')
    })
  }
})
