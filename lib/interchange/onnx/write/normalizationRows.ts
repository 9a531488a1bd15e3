/** What layers that normalize are in ONNX. */

import { elementCount } from '../../../arrays/arrays.js'
import { type Axis, placesOf } from '../../../layers/axes.js'
import type { BatchNormalization } from '../../../layers/batchNormalization.js'
import { leastVariance, type Normalization } from '../../../layers/inputNormalization.js'
import type {
  GroupNormalization,
  LayerNormalization,
  RMSNormalization,
  UnitNormalization,
} from '../../../layers/normalization.js'
import type { ScalingLayer } from '../../../layers/scalingLayer.js'
import { type CallSite, float, int } from './callSite.js'
import type { Value } from './onnxGraph.js'

/** The statistics that training moved, for each channel; ONNX has the channels in the first dimension after the rows. */
export function batchNormalization(site: CallSite<BatchNormalization>): Value {
  const { layer, shape } = site
  const places = placesOf(layer.axis, shape, layer.name)
  const channels = [shape[places[0] as number] as number]
  const others = rest(shape.length, places)
  return inOrder(site, [...places, ...others], (x) =>
    site.node(
      'BatchNormalization',
      [
        x,
        layer.scale ? site.weight('gamma') : site.filled(1, channels),
        layer.center ? site.weight('beta') : site.filled(0, channels),
        site.weight('moving_mean'),
        site.weight('moving_variance'),
      ],
      { epsilon: float(layer.epsilon), momentum: float(layer.momentum) },
    ),
  )
}

export function layerNormalization(site: CallSite<LayerNormalization>): Value {
  return alongLast(site, site.layer.axis, (x, sizes) => standardize(site, x, sizes, site.layer))
}

/** Groups are the rows of a matrix while they are normalized: their channels lie together, each with all its positions. */
export function groupNormalization(site: CallSite<GroupNormalization>): Value {
  const { layer, shape } = site
  const channels = shape.length - 1
  const order = [channels, ...rest(shape.length, [channels])]
  const groups = layer.groups === -1 ? (shape[channels] as number) : layer.groups
  const size = elementCount(shape) / groups
  const plain = { epsilon: layer.epsilon, scale: false, center: false }
  const normal = inOrder(site, order, (x) => {
    const grouped = standardize(site, site.reshape(x, [groups, size]), [size], plain)
    return site.reshape(
      grouped,
      order.map((place) => shape[place] as number),
    )
  })
  return shifted(site, layer.scale ? site.plain('Mul', normal, site.weight('gamma')) : normal, layer)
}

type Scaled = Pick<ScalingLayer<never>, 'scale' | 'center'> & { readonly epsilon: number }

/** Mean 0 and variance 1 along the last axes, which have these sizes, then gamma and beta. */
function standardize(site: CallSite, x: Value, sizes: readonly number[], { epsilon, scale, center }: Scaled): Value {
  if (site.opset >= 17) {
    const gamma = scale ? site.weight('gamma') : site.filled(1, sizes)
    const inputs = center ? [x, gamma, site.weight('beta')] : [x, gamma]
    return site.node('LayerNormalization', inputs, { axis: int(-sizes.length), epsilon: float(epsilon) })
  }
  const axes = sizes.map((_, i) => i - sizes.length)
  const centered = site.plain('Sub', x, site.reduce('ReduceMean', x, axes, true))
  const variance = site.reduce('ReduceMean', site.plain('Mul', centered, centered), axes, true)
  const normal = site.plain('Div', centered, root(site, variance, epsilon))
  return shifted(site, scale ? site.plain('Mul', normal, site.weight('gamma')) : normal, { center })
}

export function rmsNormalization(site: CallSite<RMSNormalization>): Value {
  const { axis, epsilon } = site.layer
  return alongLast(site, axis, (x, sizes) => {
    const scale = site.weight('scale')
    if (site.opset >= 23) {
      return site.node('RMSNormalization', [x, scale], { axis: int(-sizes.length), epsilon: float(epsilon) })
    }
    const axes = sizes.map((_, i) => i - sizes.length)
    const squares = site.reduce('ReduceMean', site.plain('Mul', x, x), axes, true)
    return site.plain('Mul', site.plain('Div', x, root(site, squares, epsilon)), scale)
  })
}

export function unitNormalization(site: CallSite<UnitNormalization>): Value {
  const { layer, shape, x } = site
  return toUnit(
    site,
    x,
    placesOf(layer.axis, shape, layer.name).map((place) => place + 1),
  )
}

/** Divides by the norm along axes, counted with that of the rows; a norm counts as 1e-6 at least. */
export function toUnit(site: CallSite, x: Value, axes: readonly number[]): Value {
  const norm = site.reduce('ReduceL2', x, axes, true)
  return site.plain('Div', x, site.plain('Clip', norm, site.number(1e-6)))
}

/** Means and deviations are constants that are repeated along the other axes. */
export function normalization(site: CallSite<Normalization>): Value {
  const { layer, shape, x } = site
  const places = layer.axis === null ? [] : placesOf(layer.axis, shape, layer.name)
  const sizes = shape.map((size, place) => (places.includes(place) ? size : 1)).slice(places[0] ?? shape.length)
  const mean = site.constant('mean', sizes, site.numbersOf('mean'))
  const variances = site.numbersOf('variance')
  const roots = variances.map((variance) => Math.sqrt(Math.max(variance, leastVariance)))
  const deviation = site.constant('deviation', sizes, roots)
  return layer.invert
    ? site.plain('Add', site.plain('Mul', x, deviation), mean)
    : site.plain('Div', site.plain('Sub', x, mean), deviation)
}

function root(site: CallSite, x: Value, epsilon: number): Value {
  return site.plain('Sqrt', site.plain('Add', x, site.number(epsilon)))
}

function shifted(site: CallSite, x: Value, { center }: { readonly center: boolean }): Value {
  return center ? site.plain('Add', x, site.weight('beta')) : x
}

/** Does something along axes of a row, with these as the last dimensions, whose sizes it is told. */
function alongLast(site: CallSite, axis: Axis, work: (x: Value, sizes: readonly number[]) => Value): Value {
  const { shape } = site
  const places = placesOf(axis, shape, site.layer.name)
  const sizes = places.map((place) => shape[place] as number)
  return inOrder(site, [...rest(shape.length, places), ...places], (x) => work(x, sizes))
}

/** Does something with the dimensions of rows in another order, and restores theirs. */
function inOrder(site: CallSite, order: readonly number[], work: (x: Value) => Value): Value {
  const back = order.map((_, place) => order.indexOf(place))
  return site.transpose(work(site.transpose(site.x, order)), back)
}

/** The dimensions that are none of these. */
function rest(dimensions: number, places: readonly number[]): readonly number[] {
  return Array.from({ length: dimensions }, (_, place) => place).filter((place) => !places.includes(place))
}
