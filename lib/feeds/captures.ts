/** Runs ranges of batches and returns their rows of outputs to metrics and losses that are computed in TypeScript. */

import { refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { adviseOnOutputs } from '../core/dataAdvice.js'
import type { NativeEvaluateRange, NativeSums, NativeTrainRange } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import { splitRows } from '../training/captured.js'
import type { FeedRange } from './feedRange.js'
import { Totals } from './ranges.js'

export function totalsOf(core: ModelCore): Totals {
  return new Totals(core.training().metrics, core.built().outputs)
}

const mostCaptured = 2 ** 24

/** The most batches of one range, which limits the memory for captured outputs. */
export function batchesAtOnce(core: ModelCore, batchSize: number): number {
  if (!core.training().captures) return Number.POSITIVE_INFINITY
  return Math.max(1, Math.floor(mostCaptured / (batchSize * stride(core))))
}

/** Evaluates a range; `run` is the native evaluation. */
export async function evaluateRange(
  core: ModelCore,
  totals: Totals,
  range: FeedRange,
  run: (range: NativeEvaluateRange) => Promise<NativeSums>,
): Promise<NativeSums> {
  const { captures, settings } = core.training()
  if (!captures) return run(range)
  const captured = buffer(core, range)
  const sums = await run({ ...range, captured })
  const rows = sums[sumAt.rows] as number
  take(core, totals, captured, rows)
  if (settings.loss.custom === undefined || rows === 0) return sums
  let loss = 0
  for (let row = 0; row < rows; row += range.batchSize) {
    const count = Math.min(range.batchSize, rows - row)
    loss += customLoss(core, part(core, captured, row, row + count)).loss * count
  }
  return withLoss(sums, loss)
}

/**
 * Trains on a range; `run` is the native training. With a custom loss, each batch is a round trip between native code and TypeScript.
 * An error after some steps were done is passed to `fail`, as the sums of those steps still count.
 */
export function trainRange(
  core: ModelCore,
  totals: Totals,
  range: FeedRange,
  learningRates: Float32Array,
  run: (range: NativeTrainRange) => Promise<NativeSums>,
  fail: (error: unknown) => void,
): Promise<NativeSums> {
  if (!core.training().captures) return run({ ...range, learningRates })
  return trainCaptured(core, totals, range, learningRates, run, fail)
}

async function trainCaptured(
  core: ModelCore,
  totals: Totals,
  range: FeedRange,
  learningRates: Float32Array,
  run: (range: NativeTrainRange) => Promise<NativeSums>,
  fail: (error: unknown) => void,
): Promise<NativeSums> {
  const { settings } = core.training()
  if (settings.loss.custom === undefined) {
    const captured = buffer(core, range)
    const sums = await run({ ...range, learningRates, captured })
    try {
      take(core, totals, captured, sums[sumAt.rows] as number)
    } catch (error) {
      fail(error)
    }
    return sums
  }
  let total: NativeSums | undefined
  const step = async (batch: number): Promise<boolean> => {
    const one = { ...range, firstBatch: range.firstBatch + batch, batches: 1 }
    const rates = learningRates.length === 1 ? learningRates : learningRates.subarray(batch, batch + 1)
    const captured = buffer(core, one)
    const forward = await run({ ...one, learningRates: rates, captured, update: false })
    const rows = forward[sumAt.rows] as number
    if (rows === 0) {
      total ??= forward
      return false
    }
    const { loss, gradient } = customLoss(core, captured)
    const sums = await run({ ...one, learningRates: rates, gradients: gradient })
    if (sums[sumAt.batches] === 0) {
      total ??= sums
      return false
    }
    // Metrics come from the forward pass, as the update got gradients instead of targets.
    const own = withLoss(forward, loss * rows)
    total = total === undefined ? own : total.map((value, i) => value + (own[i] as number))
    take(core, totals, captured, rows)
    return true
  }
  try {
    for (let batch = 0; batch < range.batches; batch++) {
      if (!(await step(batch))) break
    }
  } catch (error) {
    if (total === undefined) throw error
    fail(error)
  }
  return total as unknown as NativeSums
}

/** Number of floats that are captured for each row. */
export function stride(core: ModelCore): number {
  const { positions, outputs } = core.built()
  return positions * (2 * outputs + 1)
}

function buffer(core: ModelCore, { rows, batchSize, firstBatch, batches }: FeedRange): Float32Array {
  return new Float32Array(Math.min(rows - firstBatch * batchSize, batches * batchSize) * stride(core))
}

function part(core: ModelCore, captured: Float32Array, from: number, to: number): Float32Array {
  return captured.subarray(from * stride(core), to * stride(core))
}

function take(core: ModelCore, totals: Totals, captured: Float32Array, rows: number): void {
  if (rows === 0 || !core.training().metrics.some(({ state }) => state !== undefined)) return
  const done = part(core, captured, 0, rows)
  const { outputs } = core.built()
  const plain = splitRows(done, outputs, false)
  adviseOnOutputs(core, plain)
  totals.update(plain, splitRows(done, outputs, true))
}

export function customLoss(core: ModelCore, captured: Float32Array) {
  const { loss } = core.training().settings
  const { outputs } = core.built()
  const batch = splitRows(captured, outputs, true)
  const result = loss.custom?.(batch)
  const argument = `loss '${loss.name}'`
  if (typeof result !== 'object' || typeof result.loss !== 'number') {
    return refuse(argument, 'a function that gives { loss, gradient }', result)
  }
  const count = batch.shape[0] * outputs
  if (result.gradient?.length !== count) {
    return refuse(`${argument}: gradient`, `${count} numbers, one for each output`, result.gradient)
  }
  return { loss: result.loss, gradient: Float32Array.from(result.gradient) }
}

function withLoss(sums: NativeSums, loss: number): NativeSums {
  const own = Float64Array.from(sums)
  own[sumAt.loss] = loss
  return own
}
