/**
 * Runs random sequences of fits on long-lived models. Each fit is compared with the same fit on a fresh model that has the same
 * weights, optimizer variables, step and seed. Nothing that earlier fits left behind may change a result.
 */

import {
  array,
  type Batch,
  type Callback,
  type FitOptions,
  layers,
  losses,
  optimizers,
  schedules,
  sequential,
} from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import type { Sequential } from '#lib/models/sequential.js'
import { Random } from './random.js'
import { bitsOf } from './resumable.js'

/** From this many rows on, the native code draws the order of rows ahead on a thread. */
const threshold = 8192
const sizes = [1, 2, 50, 100, 1000, threshold - 1, threshold, threshold + 1, threshold + 500]
const features = 3
const classes = 3

const random = new Random(1)
const most = Math.max(...sizes)
const floats = random.normals(most * features)
const bytes = random.bytes(most * features)
const labels = random.classes(most, classes)

type Ending = 'completed' | 'stopped' | 'aborted' | 'thrown' | 'loss thrown' | 'bad batch' | 'aborted any time'

/** One fit, with all settings that were drawn for it. */
interface Plan {
  readonly rows: number
  readonly source: 'floats' | 'bytes' | 'stream'
  readonly batchSize: number
  readonly options: FitOptions
  readonly ending: Ending
  /** The batch, counted over all epochs, at which the ending happens. */
  readonly at: number
}

type Model = ReturnType<typeof makeModel>
/** For each model: the number of calls of its custom loss, and the call that throws. */
const failing = new WeakMap<object, { calls: number; at: number }>()

const kinds = ['momentum', 'adam', 'custom loss'] as const

function makeModel(kind: (typeof kinds)[number], device: string) {
  const state = { calls: 0, at: Infinity }
  const squares = losses.custom({
    name: 'squares',
    targets: 1,
    compute: ({ outputs, targets, shape: [rows] }) => {
      if (++state.calls === state.at) throw new Error('no loss')
      const classes = outputs.length / rows
      const errors = outputs.map((y, i) => y - Number(targets[Math.floor(i / classes)] === i % classes))
      return {
        loss: errors.reduce((sum, error) => sum + error ** 2, 0) / rows,
        gradient: errors.map((error) => (2 * error) / rows),
      }
    },
  })
  const learningRate = schedules.exponentialDecay({ initialLearningRate: 0.02, decaySteps: 10, decayRate: 0.9 })
  const model = sequential({
    layers: [
      layers.dense({ units: 4, activation: 'tanh', inputShape: [features] }),
      layers.dropout({ rate: 0.2 }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    seed: 7,
  }).compile({
    optimizer:
      kind === 'momentum' ? optimizers.sgd({ learningRate, momentum: 0.9 }) : optimizers.adam({ learningRate }),
    loss: kind === 'custom loss' ? squares : 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device,
    threads: 2,
  })
  failing.set(model, state)
  return model
}

/** Makes a fresh model with the state of another. */
function copyOf(model: Model, kind: (typeof kinds)[number], device: string): Model {
  const fresh = makeModel(kind, device)
  coreOf(fresh as unknown as Sequential).writeState(coreOf(model as unknown as Sequential).readState())
  return fresh
}

function drawPlan(random: Random, kind: string): Plan {
  const rows = random.pick(sizes)
  // A few batches show whether the order is right, and large ones would take seconds on the emulator.
  const batchSize = Math.min(rows, random.pick([1, 5, 16, 33]))
  const batches = Math.min(Math.ceil(rows / batchSize), random.pick([1, 2, 3, 10]))
  const epochs = 1 + random.below(3)
  const source = random.pick(['floats', 'floats', 'floats', 'bytes', 'stream'] as const)
  const ending = random.pick([
    'completed',
    'completed',
    'completed',
    'stopped',
    'aborted',
    'thrown',
    kind === 'custom loss' ? 'loss thrown' : 'completed',
    source === 'stream' ? 'bad batch' : 'completed',
    'aborted any time',
  ] as const)
  const seed = random.below(2) === 0 ? {} : { seed: random.below(2) }
  const isWhole = random.below(2) === 0 && rows <= 100
  const steps = isWhole ? {} : { stepsPerEpoch: batches }
  const shuffle = source === 'stream' || random.below(4) > 0
  const order = source === 'stream' ? {} : { shuffle, ...(shuffle ? seed : {}) }
  const validates = source !== 'stream' && rows > 2 && random.below(3) === 0
  const validation = validates ? { validationSplit: 0.3, validationSteps: 2, validationBatchSize: 20 } : {}
  const options = { epochs, ...steps, ...order, ...validation }
  return { rows, source, batchSize, options, ending, at: random.below(epochs * batches) }
}

/** Gives batches in one pair of arrays that is refilled for each batch, or each batch in arrays of its own. */
function* batchesOf({ rows, batchSize, ending, at }: Plan, refills: boolean): Generator<Batch> {
  const x = new Float32Array(batchSize * features)
  const y = new Int32Array(batchSize)
  for (let from = 0, batch = 0; from < rows; from += batchSize, batch++) {
    const count = Math.min(batchSize, rows - from)
    x.set(floats.subarray(from * features, (from + count) * features))
    y.set(labels.subarray(from, from + count))
    if (ending === 'bad batch' && batch === at) y[count - 1] = classes
    const own = refills ? { x, y } : { x: x.slice(), y: y.slice() }
    yield { x: array(own.x.subarray(0, count * features), [count, features]), y: own.y.subarray(0, count) }
  }
  x.fill(Number.NaN)
}

/** The visible result of a fit: its history or its error, and the model's state afterwards. */
async function outcomeOf(model: Model, plan: Plan, refills: boolean): Promise<string> {
  const { rows, source, batchSize, ending, at } = plan
  const abort = new AbortController()
  const state = failing.get(model) as { calls: number; at: number }
  Object.assign(state, { calls: 0, at: ending === 'loss thrown' ? at + 1 : Infinity })
  let batches = 0
  const act = {
    stopped: () => {
      model.stopTraining = true
    },
    aborted: () => abort.abort(),
    thrown: () => {
      throw new Error('no callback')
    },
  }[ending as string]
  const callback: Callback[] = act === undefined ? [] : [{ onBatchEnd: () => (batches++ === at ? act() : undefined) }]
  if (ending === 'aborted any time') setTimeout(() => abort.abort(), at)
  const given = { ...plan.options, signal: abort.signal, callbacks: callback, verbose: 0 as const }
  const data = (source === 'bytes' ? bytes : floats).subarray(0, rows * features)
  const x = { data, shape: [rows, features], scale: source === 'bytes' ? 1 / 128 : 1 }
  let seen: unknown
  try {
    const { history, stopReason } =
      source === 'stream'
        ? await model.fit(() => batchesOf(plan, refills), given)
        : await model.fit(x, labels.subarray(0, rows), { ...given, batchSize })
    seen = { stopReason, history: Object.entries(history).map(([key, values]) => [key, ...values]) }
  } catch (error) {
    if (ending === 'completed' || ending === 'stopped') throw error
    seen = `${error}`
  }
  return JSON.stringify({ seen, position: model.position, bits: bitsOf(model) })
}

/** Runs the sequence of this seed on a device. Returns where a model and a fresh one differed. */
export async function runFitSequence(device: string, seed: number): Promise<string[]> {
  const random = new Random(seed)
  const found: string[] = []
  const lives = [0, 1].map(() => {
    const kind = random.pick(kinds)
    return { kind, model: makeModel(kind, device) }
  })
  for (let fit = 0; fit < 10; fit++) {
    const chosen = random.below(4) === 0 ? lives : [random.pick(lives)]
    // If there are two models, they train on one device at the same time.
    const compare = async ({ kind, model }: (typeof lives)[number]) => {
      const plan = drawPlan(random, kind)
      using fresh = copyOf(model, kind, device)
      const seen = await outcomeOf(model, plan, true)
      if (plan.ending === 'aborted any time') return
      const expected = await outcomeOf(fresh, plan, false)
      if (seen === expected) return
      found.push(`sequence ${seed}, fit ${fit} of '${kind}' ${JSON.stringify(plan)}:\n  ${seen}\n  ${expected}`)
    }
    await Promise.all(chosen.map(compare))
    if (random.below(2) === 0) await lives[0]?.model.trainOnBatch(floats.subarray(0, features), labels.subarray(0, 1))
    if (random.below(2) === 0) await lives[1]?.model.evaluate(floats.subarray(0, 30 * features), labels.subarray(0, 30))
  }
  for (const { model } of lives) model.dispose()
  return found
}
