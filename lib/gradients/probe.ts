/** Computes losses and gradients of one batch on a copy of a model. */

import { compileModel } from '../core/compileModel.js'
import type { ModelCore } from '../core/core.js'
import { customLosses, stride } from '../feeds/captures.js'
import type { NativeModel } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Plan, PlanLayer } from '../native/plan.js'
import { headAt, sumAt } from '../native/sums.js'
import { optimizers } from '../training/optimizers.js'

// The gradient is read from a step of SGD. The rate is a power of two, so that the product is exact, and large, so that the weight
// is small in comparison.
const gradientRate = 2 ** 16

/** A native copy of the model with the same weights and with plain SGD as optimizer. */
export function copyOf(core: ModelCore): NativeModel {
  const training = core.training()
  const settings = { ...training.settings, optimizer: optimizers.sgd() }
  const heads = training.heads.map((head) => ({ ...head, metrics: [] }))
  const plan = compileModel(core.built(), core, { ...training, settings, heads, captures: true })
  const own = core.native()
  const copy = native().createModel(withoutConstraints(plan), { device: own.device, threads: 0 })
  own.parameters.forEach((_, index) => {
    copy.setParameter(index, own.getParameter(index))
  })
  return copy
}

/** The Plan without constraints, so that a step changes weights by their gradients only. */
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
export class Probe {
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

  /** Whether training changes each parameter; it changes neither statistics nor those of frozen layers. */
  get trains(): readonly boolean[] {
    const { layers } = this.#core.built()
    return layers.flatMap(({ layer, parameters }) =>
      parameters.map(({ trainable = true }) => trainable && layer.trainable),
    )
  }

  async loss(): Promise<number> {
    return (await this.#forward()).loss
  }

  async gradients(): Promise<Float64Array[]> {
    const before = this.model.parameters.map((_, index) => this.model.getParameter(index))
    const { gradients: ofCustom } = await this.#forward()
    const step = this.model.step
    await this.#run(true, ofCustom === undefined ? {} : { gradients: ofCustom })
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
    const { heads, hasCustomLoss } = this.#core.training()
    const { losses, gradients } = hasCustomLoss ? customLosses(this.#core, captured) : { losses: [] }
    const own = new Map(losses.map(({ head, loss }) => [head, loss]))
    const loss = heads.reduce(
      (sum, { lossWeight }, h) => sum + lossWeight * (own.get(h) ?? (sums[headAt(h)] as number) / this.#rows),
      (sums[sumAt.penalty] as number) / this.#rows,
    )
    return { loss, gradients }
  }

  #run(update: boolean, arrays: { captured?: Float32Array; gradients?: Float32Array }) {
    const order = { epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
    const learningRates = Float32Array.of(gradientRate)
    return this.model.train({ ...this.#range, ...order, learningRates, update, ...arrays })
  }
}
