/** Warns of probable mistakes in data, outputs and losses. Each warning is emitted once per compilation. */

import { type GivenTargets, type InputRows, sliceRows } from '../arrays/arrays.js'
import { ownRows } from '../arrays/lentRows.js'
import { activationOf, deciding, rangeOf } from '../layers/outputRange.js'
import type { NativeSums } from '../native/addon.js'
import { headAt, sumAt } from '../native/sums.js'
import { accuracyOfSeveral, adviseOnAccuracy, warnOnce } from './advice.js'
import type { ModelCore } from './core.js'
import type { HeadMetric, HeadSetup } from './headSetup.js'
import { type Found, firstNotFinite, firstOutside, shown, type Values } from './looks.js'
import type { ModelHead } from './shapes.js'

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
  core.training().heads.forEach((setup, index) => {
    const values = targetsOf(core, targets, index)
    if (values !== undefined) {
      adviseOnTargets(core, setup, values, where)
      adviseOnLabels(core, setup, values)
    }
  })
  if (!isPowerOfTwo || !core.training().heads.some((setup) => isToBeSampled(core, setup))) return
  const some = sliceRows(input, 0, Math.min(input.rows, sampleRows))
  core.sample = ownRows({ ...some, lent: true })
}

const isToBeSampled = (core: ModelCore, setup: HeadSetup) =>
  thresholdMetric(core, setup) !== undefined && !isBounded(setup)

/** Targets of one output, with the weights of their positions. */
interface TargetValues extends Values {
  /** The weight of a position in a column of a row. */
  readonly weightOf: (row: number, column: number) => number
}

/** The targets of one output; undefined for class indices. */
function targetsOf(core: ModelCore, targets: GivenTargets, index: number): TargetValues | undefined {
  const { data, rows, weights } = targets
  const { heads } = core.built()
  const { outputs } = heads[index] as ModelHead
  let [begin, position] = [0, 0]
  const classes = targets.kind === 'heads' ? targets.classes : [targets.kind === 'classes']
  const columnsOf = ({ positions, size }: ModelHead, i: number) => (classes[i] ? positions : size)
  for (const [i, head] of heads.slice(0, index).entries()) {
    begin += columnsOf(head, i)
    position += head.positions
  }
  if (classes[index]) return undefined
  const each = (weights?.length ?? 0) / rows
  const weightOf = (row: number, column: number) =>
    weights === undefined ? 1 : (weights[row * each + position + Math.floor(column / outputs)] as number)
  const columns = columnsOf(heads[index] as ModelHead, index)
  const { scale, offset } = { scale: 1, offset: 0, ...targets }
  return { data, scale, offset, size: data.length / rows, begin, columns, weightOf }
}

/** Examines the sums of a range of batches: a loss of NaN or infinity reveals values that the sampling missed. */
export function adviseOnSums(
  core: ModelCore,
  sums: NativeSums,
  input: InputRows,
  targets: GivenTargets,
  where?: string,
): void {
  const { heads } = core.training()
  let loss = sums[sumAt.penalty] as number
  for (let h = 0; h < heads.length; h++) loss += (heads[h] as HeadSetup).lossWeight * (sums[headAt(h)] as number)
  if (Number.isFinite(loss) || core.warned.has('NEURODE_NOT_FINITE')) return
  const own = core.training().heads.find(({ loss: each }) => each?.custom !== undefined)
  const otherwise = own
    ? `x is finite: see what loss '${own.loss?.name}' computes, and whether weights have grown beyond float32`
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
  if (ofInput !== undefined) return ofInput
  for (const [index, { loss, head, prefix }] of core.training().heads.entries()) {
    const isExamined = loss !== undefined && loss.custom === undefined
    const values = isExamined ? targetsOf(core, targets, index) : undefined
    const what = prefix === '' ? 'y' : `y of output '${head.name}'`
    const ofTargets = values && tell(what, firstNotFinite(values, most))
    if (ofTargets !== undefined) return ofTargets
  }
  return undefined
}

function nameRow({ row }: Found, where: string | undefined): string {
  return where === undefined ? `row ${row}` : `row ${row} of ${where}`
}

/** Warns of targets outside the range that the loss expects; rows of weight 0 may hold any number. */
function adviseOnTargets(core: ModelCore, { loss, prefix }: HeadSetup, values: TargetValues, where?: string): void {
  if (loss?.targetRange === undefined || core.warned.has('NEURODE_TARGET_RANGE')) return
  const [low, high] = loss.targetRange
  const counts = (value: number, row: number, column: number) =>
    !Number.isNaN(value) && Math.abs(values.weightOf(row, column)) > 0
  const found = firstOutside(values, low - slack, high + slack, mostLookedAt, counts)
  if (found === undefined) return
  const range = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`
  const text = `${prefix}loss '${loss.name}' is made for targets ${range}, got ${shown(found.value)}`
  const hint = low === 0 && high === 1 ? "; 'hinge' takes labels of -1 and 1" : ''
  warnOnce(core, 'NEURODE_TARGET_RANGE', `${text} in ${nameRow(found, where)}${hint}`)
}

/** Warns if an accuracy that compares the largest output gets rows with no label or with several. */
function adviseOnLabels(core: ModelCore, setup: HeadSetup, values: TargetValues): void {
  const metric = accuracyOfSeveral(core, setup)
  const last = metric && deciding(setup.head.ending)
  if (!metric || !last || !isBounded(setup) || activationOf(last)?.wholeRow) return
  const { data, scale = 1, offset = 0, size, begin = 0 } = values
  const { outputs, positions } = setup.head
  const count = (data.length / size) * positions
  const stride = Math.ceil((count * outputs) / mostLookedAt)
  for (let place = 0; place < count; place += stride) {
    const from = Math.floor(place / positions) * size + begin + (place % positions) * outputs
    let labels = 0
    for (let i = from; i < from + outputs; i++) if ((data[i] as number) * scale + offset > 0.5) labels++
    if (labels === 1) continue
    adviseOnAccuracy(core, setup, metric)
    return
  }
}

/** Warns of outputs that are not probabilities, for metrics with thresholds. It predicts a few of the rows to see their outputs. */
export async function adviseOnSample(core: ModelCore): Promise<void> {
  const { sample } = core
  core.sample = undefined
  if (sample === undefined || core.disposed) return
  const { heads } = core.training()
  if (heads.every((setup) => thresholdMetric(core, setup) === undefined)) return
  const { outputSize: size } = core.built()
  const data = new Float32Array(sample.rows * size)
  await core.predict(sample, data)
  for (const setup of heads) {
    const metric = thresholdMetric(core, setup)
    const { begin, size: columns } = setup.head
    if (metric !== undefined) adviseOnRange(core, metric, { data, size, begin, columns })
  }
}

/** A metric with thresholds for outputs from 0 to 1; undefined if there is none or the warning was emitted already. */
function thresholdMetric(core: ModelCore, { metrics }: HeadSetup): HeadMetric | undefined {
  if (core.warned.has('NEURODE_OUTPUT_RANGE')) return undefined
  return metrics.find((metric) => metric.probabilities)
}

/** Whether the last layer gives outputs from 0 to 1 only. */
function isBounded({ head }: HeadSetup): boolean {
  const last = deciding(head.ending)
  const range = last && rangeOf(last)
  return range !== undefined && range[0] >= 0 && range[1] <= 1
}

function adviseOnRange(core: ModelCore, { key }: HeadMetric, values: Values): void {
  const counts = (value: number) => !Number.isNaN(value)
  const found = firstOutside(values, -slack, 1 + slack, mostLookedAt, counts)
  if (found === undefined) return
  const text = `metric '${key}' has thresholds for outputs from 0 to 1, got ${shown(found.value)}`
  const hint = 'for logits there are metrics.auc({ fromLogits: true }) and threshold: 0'
  warnOnce(core, 'NEURODE_OUTPUT_RANGE', `${text}; end the model with 'sigmoid' or 'softmax', or ${hint}`)
}
