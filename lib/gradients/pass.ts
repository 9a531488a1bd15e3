/** Passes of native models over one batch of rows. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import type { ModelCore } from '../core/core.js'
import { behindTurns, mustWait } from '../core/turns.js'
import type { NativeModel, NativeSums, NativeTrainArrays } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import { working, workingHere } from '../native/working.js'
import type { Sibling } from './siblings.js'

const oneBatch = { firstBatch: 0, batches: 1, epoch: 0, shuffle: false, seed: 0 }

/** Rows that are bound to a native model. Where that is made anew, the new one takes them over. */
export class BoundRows {
  readonly rows: number
  readonly #core: ModelCore
  readonly #sibling: () => Sibling
  #model: NativeModel
  #handle: number

  constructor(core: ModelCore, sibling: () => Sibling, input: InputRows, targets: GivenTargets) {
    this.rows = input.rows
    this.#core = core
    this.#sibling = sibling
    this.#model = sibling().model
    this.#handle = this.#model.bind(input, targets)
  }

  /** Runs all rows as one batch. By default no weight changes. */
  async run(arrays: NativeTrainArrays, learningRates: Float32Array = Float32Array.of(0)): Promise<NativeSums> {
    // A pass that was cancelled with other work of the model, before it ran, is tried again.
    for (;;) {
      this.#core.checkAlive()
      const model = this.#current()
      const range = { data: this.#handle, batchSize: this.rows, ...oneBatch, learningRates, update: false, ...arrays }
      const sums = await working(model, (here) => model.train(range, here))
      if (sums[sumAt.batches] === 1) return sums
    }
  }

  release(): void {
    this.#model.unbind(this.#handle)
  }

  #current(): NativeModel {
    const { model } = this.#sibling()
    if (model !== this.#model) {
      this.#handle = model.takeOver(this.#model, this.#handle)
      this.#model = model
    }
    return model
  }
}

/** One batch without a step. */
export interface Batch<Arrays, Result> {
  readonly sibling: () => Sibling
  readonly input: InputRows
  readonly targets: GivenTargets
  /** Makes what the pass fills, when the batch has its turn. */
  readonly makeArrays: () => Arrays
  readonly resultOf: (arrays: Arrays, sums: NativeSums) => Result
}

/** Computes gradients of a batch: at once, on the caller's rows as they are, or on bound ones. */
export async function computeOnce<Arrays extends NativeTrainArrays, Result>(
  core: ModelCore,
  { sibling, input, targets, makeArrays, resultOf }: Batch<Arrays, Result>,
): Promise<Result> {
  const first = mustWait(core) ? undefined : makeArrays()
  const { model } = sibling()
  const sums = first && workingHere(model, () => model.trainHere(input, targets, 0, { ...first, update: false }))
  if (first !== undefined && sums !== undefined) return resultOf(first, await sums)
  const bound = new BoundRows(core, sibling, input, targets)
  try {
    return await behindTurns(core, async () => {
      const arrays = first ?? makeArrays()
      return resultOf(arrays, await bound.run(arrays))
    })
  } finally {
    bound.release()
  }
}
