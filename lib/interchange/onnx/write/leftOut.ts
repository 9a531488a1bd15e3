/** What a file of ONNX lacks of a model, in words. */

import type { ModelCore } from '../../../core/core.js'
import { GraphLayer } from '../../../core/graph.js'
import type { LayerShapes, ModelShapes } from '../../../core/shapes.js'
import type { OnnxGraph } from './onnxGraph.js'

/** Kinds of layers that only act in training. */
const ofTraining: ReadonlySet<string> = new Set([
  'Dropout',
  'GaussianDropout',
  'GaussianNoise',
  'AlphaDropout',
  'ActivityRegularization',
])

/** What the graph of a model lacks. */
export function leftOutOf(core: ModelCore, graph: OnnxGraph): string[] {
  const shapes = core.built()
  return [
    ...trainingOf(core),
    ...core.layers.flatMap((layer) =>
      layer instanceof GraphLayer ? `the model '${layer.name}': its layers are written where it is called` : [],
    ),
    ...shapes.layers.flatMap(ownOf),
    ...sharedOf(shapes),
    ...shapes.heads.flatMap(({ name }, i) => {
      const given = graph.outputs[i]?.value.name
      return given === name ? [] : `the name of output '${name}', which an input has: it is called '${given}'`
    }),
  ]
}

function trainingOf({ settings, step }: ModelCore): string[] {
  const compiled = settings === undefined ? [] : [`loss and metrics, and the optimizer '${settings.optimizer.name}'`]
  return step === 0 ? compiled : [...compiled, 'the state of the training']
}

/** What only training reads of a layer. */
function ownOf({ layer, name }: LayerShapes): string[] {
  if (ofTraining.has(layer.kind)) return [`layer '${name}': ${layer.kind} acts in training alone`]
  const rules = Object.entries(layer.config()).flatMap(([option, value]) =>
    value !== undefined && /(?:Regularizer|Constraint)$/.test(option) ? option : [],
  )
  const parts = layer.trainable ? rules : [...rules, 'trainable']
  return parts.length === 0 ? [] : [`layer '${name}': ${parts.join(', ')}`]
}

function sharedOf({ layers, calls }: ModelShapes): string[] {
  const called = new Set(calls.flatMap(({ at, repetition }) => (repetition > 0 ? at : [])))
  return [...called].map((at) => {
    return `that layer '${layers[at]?.name}' is shared: it is written for each of its calls, with the same weights`
  })
}
