/** Warns of probable mistakes in data, outputs and losses. Each warning is emitted once per compilation. */

import { type GivenTargets, type InputRows, sliceRows } from '../arrays/arrays.js'
import { ownRows } from '../arrays/lentRows.js'
import { activationOf, deciding, rangeOf } from '../layers/outputRange.js'
import type { NativeSums } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import type { CapturedBatch } from '../training/captured.js'
import type { ResolvedMetric } from '../training/metricTable.js'
import { accuracyOfSeveral, adviseOnAccuracy, warnOnce } from './advice.js'
import type { ModelCore } from './core.js'
import { type Found, firstNotFinite, firstOutside, shown } from './looks.js'

/** Values may lie outside a range by this much, as rounding can put them there. */
const slack = 1e-6
/** Number of values to examine in a check that runs often: it takes a few microseconds. */
const mostLookedAt = 4096
/** Number of values to examine in a check that runs once. */
const mostSearched = 2 ** 24
/** Number of rows whose outputs are computed in order to examine them. */
const sampleRows = 64
/** The first 8 batches or arrays are examined, then those whose count is a power of two, so that long loops stay fast. */
const firstLooks = 8

/** Examines rows and targets, and keeps some rows for {@link adviseOnSample}. `where` names the batch of a stream in messages. */
export function adviseOnBatch(core: ModelCore, input: InputRows, targets: GivenTargets, where?: string): void {
  const look = ++core.looks
  const isPowerOfTwo = (look & (look - 1)) === 0
  if (look > firstLooks && !isPowerOfTwo) return
  const bad = notFinite(core, input, targets, mostLookedAt, where)
  if (bad !== undefined) warnOnce(core, 'NEURODE_NOT_FINITE', `${bad}: losses and weights will become NaN`)
  adviseOnTargets(core, targets, where)
  adviseOnLabels(core, targets)
  if (!isPowerOfTwo || thresholdMetric(core, 'op') === undefined || isBounded(core)) return
  const some = sliceRows(input, 0, Math.min(input.rows, sampleRows))
  core.sample = ownRows({ ...some, lent: true })
}

/** Examines the sums of a range of batches: a loss of NaN or infinity reveals values that the sampling missed. */
export function adviseOnSums(
  core: ModelCore,
  sums: NativeSums,
  input: InputRows,
  targets: GivenTargets,
  where?: string,
): void {
  const loss = (sums[sumAt.loss] as number) + (sums[sumAt.penalty] as number)
  if (Number.isFinite(loss) || core.warned.has('NEURODE_NOT_FINITE')) return
  const { custom, name } = core.training().settings.loss
  const otherwise = custom
    ? `x is finite: see what loss '${name}' computes, and whether weights have grown beyond float32`
    : 'x and y are finite, and weights have grown beyond float32; try a smaller learning rate, or clipNorm'
  const cause = notFinite(core, input, targets, mostSearched, where) ?? otherwise
  warnOnce(core, 'NEURODE_NOT_FINITE', `the loss is ${loss}: ${cause}; callbacks.terminateOnNaN() ends such a training`)
}

/** The first row with NaN or infinite data, as a message. Targets of a custom loss are not examined, as it may give NaN a meaning. */
function notFinite(
  core: ModelCore,
  input: InputRows,
  targets: GivenTargets,
  most: number,
  where: string | undefined,
): string | undefined {
  if (core.warned.has('NEURODE_NOT_FINITE')) return undefined
  const tell = (what: string, found: Found | undefined) =>
    found && `${what} ${Number.isNaN(found.value) ? 'has NaN' : 'is infinite'} in ${nameRow(found, where)}`
  const ofInput = tell('x', firstNotFinite({ ...input, size: input.data.length / input.rows }, most))
  if (ofInput !== undefined || targets.kind === 'classes') return ofInput
  if (core.training().settings.loss.custom !== undefined) return undefined
  return tell('y', firstNotFinite({ ...targets, size: targets.data.length / targets.rows }, most))
}

function nameRow({ row }: Found, where: string | undefined): string {
  return where === undefined ? `row ${row}` : `row ${row} of ${where}`
}

/** Warns of targets outside the range that the loss expects; rows of weight 0 may hold any number. */
function adviseOnTargets(core: ModelCore, targets: GivenTargets, where: string | undefined): void {
  const { loss } = core.training().settings
  if (targets.kind === 'classes' || loss.targetRange === undefined || core.warned.has('NEURODE_TARGET_RANGE')) return
  const { data, rows, weights } = targets
  const [low, high] = loss.targetRange
  const each = data.length / (weights?.length ?? rows)
  const counts = (value: number, at: number) =>
    !Number.isNaN(value) && (!weights || Math.abs(weights[Math.floor(at / each)] as number) > 0)
  const values = { ...targets, size: data.length / rows }
  const found = firstOutside(values, low - slack, high + slack, mostLookedAt, counts)
  if (found === undefined) return
  const range = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`
  const text = `loss '${loss.name}' is made for targets ${range}, got ${shown(found.value)}`
  const hint = low === 0 && high === 1 ? "; 'hinge' takes labels of -1 and 1" : ''
  warnOnce(core, 'NEURODE_TARGET_RANGE', `${text} in ${nameRow(found, where)}${hint}`)
}

/** Warns if an accuracy that compares the largest output gets rows with no label or with several. */
function adviseOnLabels(core: ModelCore, targets: GivenTargets): void {
  const metric = targets.kind === 'rows' && accuracyOfSeveral(core)
  const last = metric && deciding(core.built().heads[0]?.ending ?? [])
  if (!metric || !last || !isBounded(core) || activationOf(last)?.wholeRow) return
  const { data, scale = 1, offset = 0 } = targets
  const { outputs } = core.built()
  const rows = data.length / outputs
  const stride = Math.ceil((rows * outputs) / mostLookedAt)
  for (let row = 0; row < rows; row += stride) {
    let labels = 0
    for (let i = row * outputs; i < (row + 1) * outputs; i++) {
      if ((data[i] as number) * scale + offset > 0.5) labels++
    }
    if (labels === 1) continue
    adviseOnAccuracy(core, metric)
    return
  }
}

/** Warns of outputs that are not probabilities, for metrics with thresholds that TypeScript computes. */
export function adviseOnOutputs(core: ModelCore, { outputs }: CapturedBatch): void {
  const metric = thresholdMetric(core, 'state')
  if (metric !== undefined) adviseOnRange(core, metric, outputs)
}

/** The same warning for metrics that native code computes; it predicts a few of the training rows to see their outputs. */
export async function adviseOnSample(core: ModelCore): Promise<void> {
  const { sample } = core
  core.sample = undefined
  const metric = sample && !core.disposed && thresholdMetric(core, 'op')
  if (!metric) return
  const outputs = new Float32Array(sample.rows * core.built().outputSize)
  await core.native().predict(sample, outputs, sample.rows)
  adviseOnRange(core, metric, outputs)
}

/** A metric with thresholds for outputs from 0 to 1; undefined if there is none or the warning was emitted already. */
function thresholdMetric(core: ModelCore, kind: 'op' | 'state'): ResolvedMetric | undefined {
  if (core.warned.has('NEURODE_OUTPUT_RANGE')) return undefined
  return core.training().metrics.find((metric) => metric.probabilities && metric[kind] !== undefined)
}

/** Whether the last layer gives outputs from 0 to 1 only. */
function isBounded(core: ModelCore): boolean {
  const last = deciding(core.built().heads[0]?.ending ?? [])
  const range = last && rangeOf(last)
  return range !== undefined && range[0] >= 0 && range[1] <= 1
}

function adviseOnRange(core: ModelCore, { key }: ResolvedMetric, data: Float32Array): void {
  const size = core.built().outputSize
  const counts = (value: number) => !Number.isNaN(value)
  const found = firstOutside({ data, size }, -slack, 1 + slack, mostLookedAt, counts)
  if (found === undefined) return
  const text = `metric '${key}' has thresholds for outputs from 0 to 1, got ${shown(found.value)}`
  const hint = 'for logits there are metrics.auc({ fromLogits: true }) and threshold: 0'
  warnOnce(core, 'NEURODE_OUTPUT_RANGE', `${text}; end the model with 'sigmoid' or 'softmax', or ${hint}`)
}
