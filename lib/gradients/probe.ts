/** Computes losses and gradients of one batch on a copy of a model. */

import { elementCount, type GivenTargets, type InputRows } from '../arrays/arrays.js'
import type { ModelCore } from '../core/core.js'
import { asGiven, BoundNames } from '../feeds/boundNames.js'
import { customLosses, stride } from '../feeds/captures.js'
import type { NativeModel, NativeTrainRange } from '../native/addon.js'
import { native } from '../native/native.js'
import { headAt, sumAt } from '../native/sums.js'
import type { CapturedRows } from '../training/captured.js'
import { planOfLoss, withGradients } from './siblings.js'

/** A native model with the rows that are bound to it. */
interface Bound {
  readonly model: NativeModel
  readonly data: number
}

/** Losses and gradients of one batch. */
export class Probe {
  /** A native copy of the model with the same weights. */
  readonly model: NativeModel
  readonly #core: ModelCore
  readonly #rows: number
  readonly #names: CapturedRows
  readonly #forLoss: Bound
  readonly #forGradients: Bound

  constructor(core: ModelCore, input: InputRows, targets: GivenTargets) {
    const own = core.native()
    const plan = planOfLoss(core)
    const bind = (model: NativeModel) => ({ model, data: model.bind(input, targets) })
    this.#core = core
    this.#rows = input.rows
    this.#names = new BoundNames(targets, asGiven).from(0)
    this.model = native().createModel(plan, { device: own.device, threads: 0 })
    own.parameters.forEach((_, index) => {
      this.model.setParameter(index, own.getParameter(index))
    })
    this.#forLoss = bind(this.model)
    this.#forGradients = bind(this.model.sibling(withGradients(plan, { training: true, inputs: false })))
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

  /** The gradient of each parameter. */
  async gradients(): Promise<Float32Array[]> {
    const { gradients } = await this.#forward()
    const parameterGradients = this.model.parameters.map(({ shape }) => new Float32Array(elementCount(shape)))
    await this.#run(this.#forGradients, { gradients, parameterGradients })
    return parameterGradients
  }

  dispose(): void {
    this.#forGradients.model.dispose()
    this.model.dispose()
  }

  async #forward() {
    const rows = this.#rows
    const captured = new Float32Array(rows * stride(this.#core))
    const sums = await this.#run(this.#forLoss, { captured })
    const { heads, hasCustomLoss } = this.#core.training()
    const { losses, gradients } = hasCustomLoss ? customLosses(this.#core, captured, this.#names) : { losses: [] }
    const own = new Map(losses.map(({ head, loss }) => [head, loss]))
    const loss = heads.reduce(
      (sum, { lossWeight }, h) => sum + lossWeight * (own.get(h) ?? (sums[headAt(h)] as number) / rows),
      (sums[sumAt.penalty] as number) / rows,
    )
    return { loss, gradients }
  }

  #run({ model, data }: Bound, arrays: Pick<NativeTrainRange, 'captured' | 'gradients' | 'parameterGradients'>) {
    const order = { epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
    const learningRates = Float32Array.of(0)
    return model.train({ data, batchSize: this.#rows, ...order, learningRates, update: false, ...arrays })
  }
}
