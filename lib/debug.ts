/** Checks of a model that are for finding mistakes, not for training. */

import type { ArrayInput } from './data/arrays.js'
import { toInput } from './data/arrays.js'
import type { Shape } from './layers/layer.js'
import { customLoss, stride } from './model/captures.js'
import { compileModel } from './model/compileModel.js'
import type { ModelCore } from './model/core.js'
import { buildFrom } from './model/inputs.js'
import { coreOf, type Sequential } from './model/sequential.js'
import { type NativeModel, native, type Plan, type PlanLayer } from './native.js'
import { optimizers } from './training/optimizers.js'
import { checkInteger, checkNumber, checkOptions } from './validate.js'

/** Options of {@link debug}.checkGradients. */
export interface CheckGradientsOptions {
  /** Elements of every parameter that are checked, spread evenly over it; a positive integer, default 16. */
  readonly samples?: number
  /** Largest relative difference that counts as agreement; default 0.01. */
  readonly tolerance?: number
  /** A weight for each row. */
  readonly sampleWeight?: ArrayInput
}

/** One parameter's gradient beside differences of the loss. */
export interface ParameterCheck {
  /** As in {@link Sequential.getWeights}: `dense/kernel`. */
  readonly name: string
  readonly shape: Shape
  /** Elements that were compared. */
  readonly checked: number
  /** Elements left out because the loss has a kink there: its slopes on both sides differ. */
  readonly kinks: number
  /** Largest difference, relative to the larger of the two and of the parameter's root mean square gradient. */
  readonly largestError: number
  /** Where that was, row-major, and what the two were. */
  readonly worst: { readonly index: number; readonly gradient: number; readonly difference: number } | undefined
  /** Whether `largestError` is within the tolerance. */
  readonly agrees: boolean
}

/** What {@link debug}.checkGradients found. */
export interface GradientReport {
  /** Whether all parameters agree. */
  readonly agrees: boolean
  readonly loss: number
  readonly parameters: readonly ParameterCheck[]
}

// A power of two, so that no gradient is rounded, and large, so that the weight is small beside it.
const gradientRate = 2 ** 16
const step = 2 ** -6

/**
 * Compares the gradient of the loss by every parameter that learns with central differences of the loss, on a copy of the
 * model: with dropout as in the training pass, as one batch. Differences are taken in float32, by Richardson's extrapolation of two
 * steps, which leaves about four digits. Changes nothing, and does not throw where gradients differ: the report says which.
 *
 * @param model - Built and compiled.
 * @param x - Rows of input, shape [n, ...inputShape]; a few are enough.
 * @param y - Their targets.
 *
 * Rejects with `ERR_NOT_COMPILED`, `ERR_NOT_BUILT`, `ERR_SHAPE`, `ERR_DTYPE`, `ERR_ARGUMENT` or `ERR_MODEL_BUSY`.
 *
 * @example
 * ```ts
 * import { debug, layers, sequential } from 'neurode'
 *
 * const model = sequential([layers.dense({ units: 2, activation: 'tanh', inputShape: [3] })]).compile({ loss: 'mse' })
 * const { agrees, parameters } = await debug.checkGradients(model, [[1, 2, 3]], [[0, 1]])
 * console.log(agrees, parameters.map(({ name, largestError }) => `${name}: ${largestError}`))
 * ```
 */
async function checkGradients(
  // biome-ignore lint/suspicious/noExplicitAny: a model of any shapes and keys.
  model: Sequential<any, any, any>,
  x: ArrayInput,
  y: ArrayInput,
  given?: CheckGradientsOptions,
): Promise<GradientReport> {
  const options = checkOptions(given, ['samples', 'tolerance', 'sampleWeight'], 'checkGradients')
  const samples = checkInteger(options.samples ?? 16, 'samples')
  const tolerance = checkNumber(options.tolerance ?? 0.01, 'tolerance', 0)
  const core = coreOf(model as Sequential)
  core.checkCompiled()
  core.checkIdle('its gradients cannot be checked')
  buildFrom(core, x)
  const copy = copyOf(core)
  try {
    const input = toInput(x, core.built().inputShape, 'x')
    const targets = core.readTargets(y, input.rows, 'y', { sampleWeight: options.sampleWeight })
    const probe = new Probe(core, copy, copy.bind(input, targets), input.rows)
    const gradients = await probe.gradients()
    const parameters: ParameterCheck[] = []
    for (const [index, { name, shape, trainable }] of copy.parameters.entries()) {
      if (!trainable) continue
      const gradient = gradients[index] as Float64Array
      parameters.push({ name, shape, ...(await checkParameter(probe, index, gradient, samples, tolerance)) })
    }
    return { agrees: parameters.every(({ agrees }) => agrees), loss: await probe.loss(), parameters }
  } finally {
    copy.dispose()
  }
}

/** The model's program with plain SGD, and its weights. */
function copyOf(core: ModelCore): NativeModel {
  const training = core.training()
  const settings = { ...training.settings, optimizer: optimizers.sgd(), metrics: [], weightedMetrics: [] }
  const plan = compileModel(core.built(), core.seed, { ...training, settings, metrics: [], captures: true })
  const own = core.native()
  const copy = native().createModel(withoutConstraints(plan), { device: own.device, threads: 0 })
  own.parameters.forEach((_, index) => {
    copy.setParameter(index, own.getParameter(index))
  })
  return copy
}

/** The Plan whose steps move weights by their gradients alone. */
function withoutConstraints(plan: Plan): Plan {
  const layers = plan.layers.map((layer) => {
    const entries = Object.entries(layer).map(([key, value]: [string, unknown]) => {
      const isParameter = typeof value === 'object' && value !== null && 'initializer' in value
      return [key, isParameter ? { ...value, constraint: undefined } : value]
    })
    return Object.fromEntries(entries) as PlanLayer
  })
  return { ...plan, layers }
}

/** Losses and gradients of one batch. */
class Probe {
  readonly model: NativeModel
  readonly #core: ModelCore
  readonly #range: { readonly data: number; readonly batchSize: number }
  readonly #rows: number

  constructor(core: ModelCore, model: NativeModel, data: number, rows: number) {
    this.#core = core
    this.model = model
    this.#range = { data, batchSize: rows }
    this.#rows = rows
  }

  async loss(): Promise<number> {
    return (await this.#forward()).loss
  }

  async gradients(): Promise<Float64Array[]> {
    const before = this.model.parameters.map((_, index) => this.model.getParameter(index))
    const { gradient } = await this.#forward()
    const step = this.model.step
    await this.#run(true, gradient === undefined ? {} : { gradients: gradient })
    const gradients = before.map((values, index) => {
      const after = this.model.getParameter(index)
      return Float64Array.from(values, (value, i) => (value - (after[i] as number)) / gradientRate)
    })
    before.forEach((values, index) => {
      this.model.setParameter(index, values)
    })
    this.model.step = step
    return gradients
  }

  async #forward() {
    const captured = new Float32Array(this.#rows * stride(this.#core))
    const sums = await this.#run(false, { captured })
    const penalty = (sums[5] as number) / this.#rows
    if (this.#core.training().settings.loss.custom === undefined)
      return { loss: (sums[2] as number) / this.#rows + penalty, gradient: undefined }
    const { loss, gradient } = customLoss(this.#core, captured)
    return { loss: loss + penalty, gradient }
  }

  #run(update: boolean, arrays: { captured?: Float32Array; gradients?: Float32Array }) {
    const order = { epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
    const learningRates = Float32Array.of(gradientRate)
    return this.model.train({ ...this.#range, ...order, learningRates, update, ...arrays })
  }
}

async function checkParameter(
  probe: Probe,
  index: number,
  gradient: Float64Array,
  samples: number,
  tolerance: number,
): Promise<Omit<ParameterCheck, 'name' | 'shape'>> {
  const values = probe.model.getParameter(index)
  const lossAt = async (i: number, value: number) => {
    const moved = values.slice()
    moved[i] = value
    probe.model.setParameter(index, moved)
    return { loss: await probe.loss(), value: moved[i] as number }
  }
  const scale = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0) / gradient.length)
  const here = await probe.loss()
  let [checked, kinks, largestError] = [0, 0, 0]
  let worst: ParameterCheck['worst']
  const count = Math.min(samples, values.length)
  for (let sample = 0; sample < count; sample++) {
    const i = Math.floor(((sample + 0.5) * values.length) / count)
    const value = values[i] as number
    const slopes: number[] = []
    let sides: [number, number] = [0, 0]
    for (const h of [2 * step, step]) {
      const [up, down] = [await lossAt(i, value + h), await lossAt(i, value - h)]
      slopes.push((up.loss - down.loss) / (up.value - down.value))
      sides = [(up.loss - here) / (up.value - value), (here - down.loss) / (value - down.value)]
    }
    const [wide = 0, narrow = 0] = slopes
    const difference = (4 * narrow - wide) / 3
    const own = gradient[i] as number
    const size = Math.max(Math.abs(own), Math.abs(difference), scale, 1e-6)
    const error = Math.abs(own - difference) / size
    // Where both sides agree with one gradient, the loss is smooth; else one of them must.
    const isKink = error > tolerance && Math.abs(wide - narrow) / size > tolerance / 2 && between(own, sides)
    if (isKink) {
      kinks++
      continue
    }
    checked++
    if (error < largestError && worst !== undefined) continue
    largestError = error
    worst = { index: i, gradient: own, difference }
  }
  probe.model.setParameter(index, values)
  return { checked, kinks, largestError, worst, agrees: largestError <= tolerance }
}

function between(value: number, [one, two]: readonly [number, number]): boolean {
  return value >= Math.min(one, two) && value <= Math.max(one, two)
}

/** Tools for finding mistakes. */
export const debug = {
  checkGradients,
} as const
