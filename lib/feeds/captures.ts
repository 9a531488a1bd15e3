/** Runs ranges of batches and returns their rows of outputs to metrics and losses that are computed in TypeScript. */

import type { GivenTargets, InputRows } from '../arrays/arrays.js'
import { refuse } from '../checks/validate.js'
import type { Sized } from '../core/byRanks.js'
import type { ModelCore } from '../core/core.js'
import type { HeadSetup } from '../core/headSetup.js'
import type { NativeEvaluateRange, NativeSums, NativeTrainRange } from '../native/addon.js'
import { headAt, sumAt } from '../native/sums.js'
import { type CapturedBatch, type CapturedPart, type CapturedRows, splitRows } from '../training/captured.js'
import type { ResolvedMetric } from '../training/metricTable.js'
import { learningRates } from '../training/optimizers.js'
import type { FeedRange } from './feedRange.js'
import { Totals } from './ranges.js'

export function totalsOf(core: ModelCore): Totals {
  return new Totals(core.training().heads)
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
  run: (range: NativeEvaluateRange & Sized) => Promise<NativeSums>,
): Promise<NativeSums> {
  const { captures, hasCustomLoss } = core.training()
  if (!captures) return run(range)
  const captured = buffer(core, range)
  const sums = await run({ ...range, captured })
  const rows = sums[sumAt.rows] as number
  take(core, totals, captured, rows, rowsOf(range))
  if (!hasCustomLoss || rows === 0) return sums
  const losses: CustomLoss[] = []
  for (let row = 0; row < rows; row += range.batchSize) {
    const count = Math.min(range.batchSize, rows - row)
    losses.push(...customLosses(core, part(core, captured, row, row + count), rowsOf(range, row)).losses)
  }
  return withLosses(sums, losses)
}

/** Trains on one batch at once, and counts the step. Undefined if that is not quick, or the rows have to be captured. */
export function trainBatchHere(
  core: ModelCore,
  input: InputRows,
  targets: GivenTargets,
): Promise<NativeSums> | undefined {
  const { captures, settings } = core.training()
  if (captures) return undefined
  const [rate] = learningRates(settings.optimizer, core.step, 1)
  const sums = core.trainHere(input, targets, rate as number)
  if (sums !== undefined) core.step++
  return sums
}

/** Evaluates on one batch at once. Undefined if that is not quick, or the rows have to be captured. */
export function evaluateBatchHere(
  core: ModelCore,
  input: InputRows,
  targets: GivenTargets,
): Promise<NativeSums> | undefined {
  return core.training().captures ? undefined : core.evaluateHere(input, targets)
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
  run: (range: NativeTrainRange & Sized) => Promise<NativeSums>,
  fail: (error: unknown) => void,
): Promise<NativeSums> {
  if (!core.training().captures) return run(nativeRange(range, learningRates))
  return trainCaptured(core, totals, range, learningRates, run, fail)
}

/** What native code is given of a range. Written out, as to spread an object takes longer than a small step. */
function nativeRange(
  range: FeedRange,
  learningRates: Float32Array,
  arrays: RangeArrays = {},
): NativeTrainRange & Sized {
  const { data, rows, batchSize, firstBatch, batches, shuffle, seed, epoch } = range
  const { captured, gradients, update } = arrays
  return {
    data,
    rows,
    batchSize,
    firstBatch,
    batches,
    shuffle,
    seed,
    epoch,
    learningRates,
    captured,
    gradients,
    update,
  }
}

type RangeArrays = Pick<NativeTrainRange, 'captured' | 'gradients' | 'update'>

/** One batch of a range, written out as well. */
function batchOf(range: FeedRange, batch: number): FeedRange {
  const { data, names, rows, batchSize, shuffle, seed, epoch } = range
  return { data, names, rows, batchSize, firstBatch: range.firstBatch + batch, batches: 1, shuffle, seed, epoch }
}

async function trainCaptured(
  core: ModelCore,
  totals: Totals,
  range: FeedRange,
  learningRates: Float32Array,
  run: (range: NativeTrainRange & Sized) => Promise<NativeSums>,
  fail: (error: unknown) => void,
): Promise<NativeSums> {
  if (!core.training().hasCustomLoss) {
    const captured = buffer(core, range)
    const sums = await run(nativeRange(range, learningRates, { captured }))
    try {
      take(core, totals, captured, sums[sumAt.rows] as number, rowsOf(range))
    } catch (error) {
      fail(error)
    }
    return sums
  }
  let total: NativeSums | undefined
  // All batches are captured in the same memory, as what a loss or a metric gets is a copy. None is larger than the first.
  const memory = buffer(core, batchOf(range, 0))
  const step = async (batch: number): Promise<boolean> => {
    const one = batchOf(range, batch)
    const rates = learningRates.length === 1 ? learningRates : learningRates.subarray(batch, batch + 1)
    const captured = part(core, memory, 0, rowsIn(one))
    const forward = await run(nativeRange(one, rates, { captured, update: false }))
    const rows = forward[sumAt.rows] as number
    if (rows === 0) {
      total ??= forward
      return false
    }
    const { losses, gradients } = customLosses(core, captured, rowsOf(one))
    const sums = await run(nativeRange(one, rates, { gradients }))
    if (sums[sumAt.batches] === 0) {
      total ??= sums
      return false
    }
    // Metrics come from the forward pass, as the update got gradients instead of targets.
    const own = withLosses(forward, losses)
    total = total === undefined ? own : total.map((value, i) => value + (own[i] as number))
    take(core, totals, captured, rows, rowsOf(one))
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

/** The rows that a range captures, from one of them on. */
function rowsOf({ names, firstBatch, batchSize, shuffle, seed, epoch }: FeedRange, row = 0): CapturedRows {
  return names.from(firstBatch * batchSize + row, { shuffle, seed, epoch })
}

/** Number of floats that are captured for each row. */
export function stride(core: ModelCore): number {
  return core.built().heads.reduce((sum, { positions, outputs }) => sum + positions * (2 * outputs + 1), 0)
}

function rowsIn({ rows, batchSize, firstBatch, batches }: FeedRange): number {
  return Math.min(rows - firstBatch * batchSize, batches * batchSize)
}

function buffer(core: ModelCore, range: FeedRange): Float32Array {
  return new Float32Array(rowsIn(range) * stride(core))
}

function part(core: ModelCore, captured: Float32Array, from: number, to: number): Float32Array {
  const [begin, end] = [from * stride(core), to * stride(core)]
  return begin === 0 && end === captured.length ? captured : captured.subarray(begin, end)
}

/** Calls `visit` with every output for which it returns true before, and the output's place in captured rows. */
function eachPart(
  core: ModelCore,
  wanted: (setup: HeadSetup) => boolean,
  visit: (setup: HeadSetup, part: CapturedPart, index: number) => void,
): void {
  const whole = stride(core)
  let begin = 0
  core.training().heads.forEach((setup, index) => {
    const { positions, outputs } = setup.head
    if (wanted(setup)) visit(setup, { stride: whole, begin, positions, outputs }, index)
    begin += positions * (2 * outputs + 1)
  })
}

const hasStates = ({ metrics }: HeadSetup) => metrics.some(({ state }) => state !== undefined)
const hasCustom = ({ loss }: HeadSetup) => loss?.custom !== undefined

function take(core: ModelCore, totals: Totals, captured: Float32Array, count: number, rows: CapturedRows): void {
  if (count === 0) return
  const done = part(core, captured, 0, count)
  eachPart(core, hasStates, (_, place, index) => {
    const raw = rows.targetsOf(index)
    const batches = new Map<boolean, CapturedBatch>()
    const batchFor = ({ weighted = false }: ResolvedMetric) => {
      const known = batches.get(weighted) ?? splitRows(done, place, weighted, rows, raw)
      batches.set(weighted, known)
      return known
    }
    totals.update(index, batchFor)
  })
}

/** The loss of a batch that a custom loss computed, times its rows, as sums have it. */
interface CustomLoss {
  readonly head: number
  readonly loss: number
  readonly rows: number
}

/** Computes the custom losses of a batch, and their gradients: for each row those of all outputs, 0 for other losses. */
export function customLosses(core: ModelCore, captured: Float32Array, captures: CapturedRows) {
  const rows = captured.length / stride(core)
  const { outputSize } = core.built()
  const losses: CustomLoss[] = []
  const gradients = new Float32Array(rows * outputSize)
  eachPart(core, hasCustom, ({ loss, head, prefix }, place, index) => {
    const { outputs } = head
    const batch = splitRows(captured, place, true, captures, captures.targetsOf(index))
    const result = loss?.custom?.(batch)
    const argument = `${prefix}loss '${loss?.name}'`
    if (typeof result !== 'object' || typeof result.loss !== 'number') {
      return refuse(argument, 'a function that gives { loss, gradient }', result)
    }
    const count = batch.shape[0] * outputs
    if (result.gradient?.length !== count) {
      return refuse(`${argument}: gradient`, `${count} numbers, one for each output`, result.gradient)
    }
    losses.push({ head: index, loss: result.loss, rows })
    for (let from = 0, to = head.begin; from < count; from += head.size, to += outputSize) {
      for (let i = 0; i < head.size; i++) gradients[to + i] = result.gradient[from + i] as number
    }
  })
  return { losses, gradients }
}

/** Puts the sums of custom losses into those of a range. */
export function withLosses(sums: NativeSums, losses: readonly CustomLoss[]): NativeSums {
  const own = Float64Array.from(sums)
  for (const { head } of losses) own[headAt(head)] = 0
  for (const { head, loss, rows } of losses) own[headAt(head)] = (own[headAt(head)] as number) + loss * rows
  return own
}
