/** Warns of probable mistakes in a model, without looking at data. Each warning is emitted once per compilation. */

import { type WarningCode, warn } from '../base/warnings.js'
import type { Range } from '../layers/activations.js'
import { type Axis, alongAxes } from '../layers/axes.js'
import { Normalization } from '../layers/inputNormalization.js'
import type { Layer } from '../layers/layer.js'
import { activationOf, deciding, rangeOf } from '../layers/outputRange.js'
import type { Loss } from '../training/lossOptions.js'
import type { ModelCore } from './core.js'
import type { HeadMetric, HeadSetup } from './headSetup.js'

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
  for (const setup of core.training().heads) adviseOnHead(core, setup)
}

function adviseOnHead(core: ModelCore, setup: HeadSetup): void {
  const { head, loss } = setup
  const last = deciding(head.ending)
  const range = last && rangeOf(last)
  if (last && range && loss) adviseOnLoss(core, last, range, loss)
  const metric = accuracyOfSeveral(core, setup)
  if (metric && loss?.threshold !== undefined && !(last && activationOf(last)?.wholeRow)) {
    adviseOnAccuracy(core, setup, metric)
  }
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
function adviseOnLoss(core: ModelCore, layer: Layer, [low, high]: Range, loss: Loss): void {
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

/** The first metric `accuracy` that compares the largest of several values; undefined if there is none or it was warned of. */
export function accuracyOfSeveral(core: ModelCore, { head, metrics }: HeadSetup): HeadMetric | undefined {
  if (head.outputs === 1 || core.warned.has('NEURODE_ARGMAX_ACCURACY')) return undefined
  return metrics.find(({ id }) => id === 'accuracy')
}

export function adviseOnAccuracy(core: ModelCore, { head, prefix }: HeadSetup, { key }: HeadMetric): void {
  const text = `${prefix}metric '${key}' of ${head.outputs} outputs compares the largest one, as in Keras`
  const remedy = "for independent labels use 'binaryAccuracy', for one of several classes 'categoricalAccuracy'"
  warnOnce(core, 'NEURODE_ARGMAX_ACCURACY', `${text}; ${remedy}`)
}
