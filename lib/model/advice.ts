/** What is likely a mistake in a model and its data: said once, until the model is compiled again. */

import { type InputRows, sliceRows, type TargetRows } from '../data/arrays.js'
import type { Activation } from '../layers/activations.js'
import { type Axis, alongAxes } from '../layers/axes.js'
import type { CapturedBatch } from '../training/captured.js'
import type { ResolvedMetric } from '../training/metricTable.js'
import { type WarningCode, warn } from '../warnings.js'
import type { ModelCore } from './core.js'

/** Further out than rounding takes a value. */
const slack = 1e-6
/** Values looked at, spread evenly where there are more: a few milliseconds. */
const mostLookedAt = 2 ** 22
/** Rows whose outputs are looked at where they are not at hand. */
const sampleRows = 64
const bounded: ReadonlySet<string> = new Set(['sigmoid', 'softmax', 'hardSigmoid', 'sparseSigmoid'])

function warnOnce(core: ModelCore, code: WarningCode, message: string): void {
  core.warned.add(code)
  warn(code, `model '${core.name}': ${message}`)
}

/** Before training: layers that say nothing. */
export function adviseOnLayers(core: ModelCore): void {
  if (core.warned.has('NEURODE_CONSTANT_OUTPUT')) return
  for (const { layer, outputShape } of core.built().layers) {
    const { activation, axis = -1 } = layer as {
      readonly activation?: Activation | undefined
      readonly axis?: Axis | undefined
    }
    if (activation?.wholeRow !== true || alongAxes(axis, outputShape, layer.name).length > 1) continue
    const text = `layer '${layer.name}': ${activation.name} over a single output is the same for any input`
    warnOnce(core, 'NEURODE_CONSTANT_OUTPUT', `${text}; for one probability use 'sigmoid'`)
    return
  }
}

/** What is bound: targets at once, and some rows for {@link adviseOnSample}. */
export function adviseOnBatch(core: ModelCore, input: InputRows, targets: TargetRows): void {
  adviseOnTargets(core, targets)
  const wanted = thresholdMetric(core, 'op') !== undefined && !isBounded(core)
  const some = wanted ? sliceRows(input, 0, Math.min(input.rows, sampleRows)) : undefined
  core.sample = some && { ...some, data: some.data.slice() }
}

/** Targets that the loss is not made for; rows that weigh nothing may hold anything. */
function adviseOnTargets(core: ModelCore, { kind, data, rows, weights }: TargetRows): void {
  const { loss } = core.training().settings
  if (kind === 'classes' || loss.targetRange === undefined || core.warned.has('NEURODE_TARGET_RANGE')) return
  const [low, high] = loss.targetRange
  const size = data.length / (weights?.length ?? rows)
  const at = firstOutside(data, low, high, (i) => !weights || Math.abs(weights[Math.floor(i / size)] as number) > 0)
  if (at < 0) return
  const range = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`
  const text = `loss '${loss.name}' is made for targets ${range}, got ${shown(data, at)}`
  const hint = low === 0 && high === 1 ? "; 'hinge' takes labels of -1 and 1" : ''
  warnOnce(core, 'NEURODE_TARGET_RANGE', `${text} in row ${Math.floor((at * rows) / data.length)}${hint}`)
}

/** Outputs that thresholds are not made for, of metrics that are computed from them in TypeScript. */
export function adviseOnOutputs(core: ModelCore, { outputs }: CapturedBatch): void {
  const metric = thresholdMetric(core, 'state')
  if (metric !== undefined) adviseOnRange(core, metric, outputs)
}

/** The same of metrics whose outputs stay in native code, from some of the rows that were bound last. */
export async function adviseOnSample(core: ModelCore): Promise<void> {
  const { sample } = core
  const metric = sample && !core.disposed && thresholdMetric(core, 'op')
  if (!metric) return
  const outputs = new Float32Array(sample.rows * core.built().outputSize)
  await core.native().predict(sample, outputs, sample.rows)
  adviseOnRange(core, metric, outputs)
}

/** A metric whose thresholds are made for outputs from 0 to 1, unless there was a warning. */
function thresholdMetric(core: ModelCore, kind: 'op' | 'state'): ResolvedMetric | undefined {
  if (core.warned.has('NEURODE_OUTPUT_RANGE')) return undefined
  return core.training().metrics.find((metric) => metric.probabilities && metric[kind] !== undefined)
}

/** Outputs can be nothing but probabilities. */
function isBounded(core: ModelCore): boolean {
  const { activation } = (core.layers.at(-1) ?? {}) as { readonly activation?: Activation | undefined }
  return activation !== undefined && bounded.has(activation.name)
}

function adviseOnRange(core: ModelCore, { key }: ResolvedMetric, outputs: Float32Array): void {
  const at = firstOutside(outputs, 0, 1)
  if (at < 0) return
  const text = `metric '${key}' has thresholds for outputs from 0 to 1, got ${shown(outputs, at)}`
  const hint = 'for logits there are metrics.auc({ fromLogits: true }) and threshold: 0'
  warnOnce(core, 'NEURODE_OUTPUT_RANGE', `${text}; end the model with 'sigmoid' or 'softmax', or ${hint}`)
}

/** A float32 in its digits. */
function shown(values: Float32Array, at: number): number {
  return Number((values[at] as number).toPrecision(7))
}

/** Where the first value outside of a range is that counts, or -1. */
function firstOutside(values: Float32Array, low: number, high: number, counts = (_: number) => true): number {
  const [from, to] = [low - slack, high + slack]
  const stride = Math.ceil(values.length / mostLookedAt) || 1
  for (let i = 0; i < values.length; i += stride) {
    const value = values[i] as number
    if ((value < from || value > to) && counts(i)) return i
  }
  return -1
}
