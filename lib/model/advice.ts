/** What is likely a mistake in a model and its data: said once, until the model is compiled again. */

import type { TargetRows } from '../data/arrays.js'
import type { Activation } from '../layers/activations.js'
import { type Axis, alongAxes } from '../layers/axes.js'
import type { CapturedBatch } from '../training/captured.js'
import { type WarningCode, warn } from '../warnings.js'
import type { ModelCore } from './core.js'

/** Further out than rounding takes a value. */
const slack = 1e-6
/** Values looked at, spread evenly where there are more: a few milliseconds. */
const mostLookedAt = 2 ** 22

function warnOnce(core: ModelCore, code: WarningCode, message: string): void {
  core.warned.add(code)
  warn(code, `model '${core.name}': ${message}`)
}

/** Before training: layers that say nothing, and accuracies that take logits for probabilities. */
export function adviseOnModel(core: ModelCore): void {
  if (!core.warned.has('NEURODE_CONSTANT_OUTPUT')) adviseOnLayers(core)
  const { metrics, settings } = core.training()
  if (settings.loss.options.fromLogits !== true || core.warned.has('NEURODE_OUTPUT_RANGE')) return
  const metric = metrics.find(({ op, probabilities }) => op !== undefined && probabilities)
  if (metric === undefined) return
  const remedy = 'metrics.binaryAccuracy({ threshold: 0 }) is the accuracy of logits'
  const text = `the loss takes its outputs for logits, metric '${metric.key}' takes them for probabilities`
  warnOnce(core, 'NEURODE_OUTPUT_RANGE', `${text}; ${remedy}`)
}

function adviseOnLayers(core: ModelCore): void {
  for (const { layer, outputShape } of core.built().layers) {
    const { activation, axis = -1 } = layer as { readonly activation?: Activation; readonly axis?: Axis }
    if (activation?.wholeRow !== true || alongAxes(axis, outputShape, layer.name).length > 1) continue
    const text = `layer '${layer.name}': ${activation.name} over a single output is the same for any input`
    warnOnce(core, 'NEURODE_CONSTANT_OUTPUT', `${text}; for one probability use 'sigmoid'`)
    return
  }
}

/** Targets that the loss is not made for; rows that weigh nothing may hold anything. */
export function adviseOnTargets(core: ModelCore, { kind, data, rows, weights }: TargetRows): void {
  const { loss } = core.training().settings
  if (kind === 'classes' || loss.targetRange === undefined || core.warned.has('NEURODE_TARGET_RANGE')) return
  const [low, high] = loss.targetRange
  const size = data.length / (weights?.length ?? rows)
  const at = firstOutside(data, low, high, (i) => !weights || Math.abs(weights[Math.floor(i / size)] as number) > 0)
  if (at < 0) return
  const range = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`
  const text = `loss '${loss.name}' is made for targets ${range}, got ${data[at]}`
  const hint = low === 0 && high === 1 ? "; 'hinge' takes labels of -1 and 1" : ''
  warnOnce(core, 'NEURODE_TARGET_RANGE', `${text} in row ${Math.floor((at * rows) / data.length)}${hint}`)
}

/** Outputs that thresholds are not made for. */
export function adviseOnOutputs(core: ModelCore, { outputs }: CapturedBatch): void {
  if (core.warned.has('NEURODE_OUTPUT_RANGE')) return
  const metric = core.training().metrics.find(({ state, probabilities }) => state !== undefined && probabilities)
  if (metric === undefined) return
  const at = firstOutside(outputs, 0, 1)
  if (at < 0) return
  const text = `metric '${metric.key}' has thresholds for outputs from 0 to 1, got ${outputs[at]}`
  const hint = 'for logits there are metrics.auc({ fromLogits: true }) and threshold: 0'
  warnOnce(core, 'NEURODE_OUTPUT_RANGE', `${text}; end the model with 'sigmoid' or 'softmax', or ${hint}`)
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
