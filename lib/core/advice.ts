/** Warns of probable mistakes in a model, without looking at data. Each warning is emitted once per compilation. */

import { type WarningCode, warn } from '../base/warnings.js'
import type { Range } from '../layers/activations.js'
import { type Axis, alongAxes } from '../layers/axes.js'
import { Normalization } from '../layers/inputNormalization.js'
import type { Layer } from '../layers/layer.js'
import { activationOf, deciding, rangeOf } from '../layers/outputRange.js'
import type { Loss } from '../training/lossOptions.js'
import type { Metric } from '../training/metricTable.js'
import type { ModelCore } from './core.js'

export function warnOnce(core: ModelCore, code: WarningCode, message: string): void {
  if (core.warned.has(code)) return
  core.warned.add(code)
  warn(code, `model '${core.name}': ${message}`)
}

/** Emits all warnings about the model itself; called before training. */
export function adviseOnModel(core: ModelCore): void {
  if (core.advised) return
  core.advised = true
  adviseOnConstants(core)
  adviseOnAdapting(core)
  const last = deciding(core.built().heads[0]?.ending ?? [])
  const range = last && rangeOf(last)
  if (last && range) adviseOnLoss(core, last, range)
  const metric = accuracyOfSeveral(core)
  const { loss } = core.training().settings
  if (metric && loss.threshold !== undefined && !(last && activationOf(last)?.wholeRow)) adviseOnAccuracy(core, metric)
}

/** Warns of a softmax over a single output, which is the same for any input. */
function adviseOnConstants(core: ModelCore): void {
  const found = core.built().layers.find(({ layer, outputShape }) => {
    const { axis = -1 } = layer as { readonly axis?: Axis | undefined }
    return activationOf(layer)?.wholeRow === true && alongAxes(axis, outputShape, layer.name).length === 1
  })
  if (found === undefined) return
  const { layer } = found
  const text = `layer '${layer.name}': ${activationOf(layer)?.name} over a single output is the same for any input`
  warnOnce(core, 'NEURODE_CONSTANT_OUTPUT', `${text}; for one probability use 'sigmoid'`)
}

/** Warns of normalization layers that were never adapted to data and so do nothing. */
function adviseOnAdapting(core: ModelCore): void {
  const found = core
    .built()
    .layers.map(({ layer }) => layer)
    .find((layer) => layer instanceof Normalization && !layer.isAdapted && isIdle(core, layer))
  if (found === undefined) return
  const text = `layer '${found.name}' was never adapted and passes its input on as it is`
  warnOnce(core, 'NEURODE_NOT_ADAPTED', `${text}; await adapt(x) before, or give it mean and variance`)
}

/** Whether the layer's statistics still have their initial values; a file may have provided others. */
function isIdle(core: ModelCore, layer: Layer): boolean {
  const [mean, variance] = core.readWeights(layer)
  return mean?.data.every((value) => value === 0) === true && variance?.data.every((value) => value === 1) === true
}

/** Warns of a last layer whose outputs lie outside the range that the loss expects. */
function adviseOnLoss(core: ModelCore, layer: Layer, [low, high]: Range): void {
  const { loss } = core.training().settings
  const { outputRange, threshold } = loss
  const name = activationOf(layer)?.name ?? layer.kind
  const found =
    outputRange && (low < outputRange[0] || high > outputRange[1])
      ? `is made for ${expectedOf(outputRange)}, but ${name} gives other outputs${remedyOf(loss)}`
      : loss.options.fromLogits === true && low >= 0 && high <= 1
        ? `with fromLogits: true takes outputs as logits, but ${name} gives probabilities; leave one of the two out`
        : threshold !== undefined && low >= threshold
          ? `counts outputs above ${threshold} as yes and others as no, but ${name} gives no outputs below ${threshold}`
          : undefined
  if (found) warnOnce(core, 'NEURODE_LOSS_OUTPUT', `layer '${layer.name}': loss '${loss.name}' ${found}`)
}

function expectedOf([low, high]: Range): string {
  return high === Infinity ? `outputs of at least ${low}` : 'probabilities'
}

function remedyOf({ outputRange, threshold, options }: Loss): string {
  if (outputRange?.[1] !== 1) return "; end the model with 'softplus' or 'exponential'"
  const logits = 'fromLogits' in options ? ', or with a linear layer and give the loss fromLogits: true' : ''
  return `; end the model with '${threshold === undefined ? 'softmax' : 'sigmoid'}'${logits}`
}

/** The first metric `accuracy` that compares the largest of several outputs; undefined if there is none or it was warned of. */
export function accuracyOfSeveral(core: ModelCore): Metric | undefined {
  const { metrics, weightedMetrics } = core.training().settings
  if (core.built().outputs === 1 || core.warned.has('NEURODE_ARGMAX_ACCURACY')) return undefined
  return [...metrics, ...weightedMetrics].find(({ id }) => id === 'accuracy')
}

export function adviseOnAccuracy(core: ModelCore, { name }: Metric): void {
  const text = `metric '${name}' of ${core.built().outputs} outputs compares the largest one, as in Keras`
  const remedy = "for independent labels use 'binaryAccuracy', for one of several classes 'categoricalAccuracy'"
  warnOnce(core, 'NEURODE_ARGMAX_ACCURACY', `${text}; ${remedy}`)
}
