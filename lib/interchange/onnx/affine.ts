/** Maps `(x - shift) · scale + offset`: several as one, as parts of other layers, and as layers. */

import type { SymbolicTensor } from '../../layers/layer.js'
import { broadcastShape, type Constant, constant } from './constants.js'
import type { LayerMaker } from './layers.js'
import { type Affine, repeated, type Term } from './terms.js'

/** A map, whatever it was made of. */
export type Affine3 = Pick<Affine, 'shape' | 'shift' | 'scale' | 'offset' | 'added'>

/** The map that does what `first` and then `then` do. Digits are kept where a mean far from 0 is taken away first. */
export function composed(first: Affine3, then: Affine3): Affine3 {
  const shape = broadcastShape(first.shape, then.shape)
  const [a, b] = [first, then].map(({ shape: own, ...map }) => ({
    shift: repeated({ shape: own, data: map.shift }, shape),
    scale: repeated({ shape: own, data: map.scale }, shape),
    offset: repeated({ shape: own, data: map.offset }, shape),
  })) as [Parts, Parts]
  const { length } = a.scale
  const result = { shift: new Float64Array(length), scale: new Float64Array(length), offset: new Float64Array(length) }
  for (let i = 0; i < length; i++) {
    const [m1, s1, b1] = [a.shift[i], a.scale[i], a.offset[i]] as [number, number, number]
    const [m2, s2, b2] = [b.shift[i], b.scale[i], b.offset[i]] as [number, number, number]
    result.scale[i] = s1 * s2
    result.shift[i] = s1 === 1 ? m1 - b1 + m2 : m1
    result.offset[i] = s1 === 1 ? b2 : (b1 - m2) * s2 + b2
  }
  return { shape, ...result }
}

interface Parts {
  readonly shift: Float64Array
  readonly scale: Float64Array
  readonly offset: Float64Array
}

/** What is added after the scale. */
const sums = ({ shift, scale, offset }: Affine3) =>
  Float64Array.from(offset, (value, i) => value - (shift[i] as number) * (scale[i] as number))

const isAll = (values: Float64Array, wanted: number) => values.every((value) => value === wanted)

/** The kernel and bias of a dense layer that does a map as well; undefined where the map has numbers for other axes. */
export function denseOf(
  dense: Term & { op: 'dense' },
  affine: Affine3 | undefined,
  added: Constant | undefined,
): { kernel: Constant; bias: Constant | undefined } | undefined {
  const { kernel, bias, shape } = dense
  if (affine === undefined) return { kernel, bias }
  const [inputs, units] = kernel.shape as [number, number]
  const isLast = affine.shape.every((size, axis) => size === 1 || axis === shape.length - 1)
  if (!isLast || affine.shape.length !== shape.length) return undefined
  const own = shape.map((_, axis) => (axis === shape.length - 1 ? units : 1))
  const wide = (data: Float64Array) => repeated({ shape: affine.shape, data }, own)
  const [scale, sum] = [wide(affine.scale), wide(sums(affine))]
  const unscaled = isAll(scale, 1)
  if (unscaled && bias === undefined && added?.data.length === units) return { kernel, bias: added }
  const scaled = unscaled
    ? kernel
    : constant(
        'float32',
        [inputs, units],
        Float32Array.from(kernel.data, (value, i) => value * (scale[i % units] as number)),
        kernel.name,
      )
  const values = Float32Array.from(
    sum,
    (value, unit) => ((bias?.data[unit] as number) ?? 0) * (scale[unit] as number) + value,
  )
  const isNone = bias === undefined && isAll(sum, 0)
  return { kernel: scaled, bias: isNone ? undefined : constant('float32', [units], values, bias?.name ?? added?.name) }
}

/** A normalization that scales and shifts its axes as a map does; undefined where it cannot. */
export function normalizationOf(
  { layer, options, shape }: Term & { op: 'layer' },
  affine: Affine3,
): { options: Readonly<Record<string, unknown>>; weights: readonly Constant[] } | undefined {
  if (layer !== 'LayerNormalization' && layer !== 'RMSNormalization') return undefined
  const axes = (options.axis as readonly number[]).map((axis) => axis - 1)
  if (affine.shape.some((size, axis) => size !== (axes.includes(axis) ? shape[axis] : 1))) return undefined
  const [scale, sum] = [affine.scale, sums(affine)]
  const weight = (data: Float64Array) => constant('float32', [data.length], Float32Array.from(data))
  if (layer === 'RMSNormalization') return isAll(sum, 0) ? { options, weights: [weight(scale)] } : undefined
  const [hasScale, hasCentre] = [!isAll(scale, 1), !isAll(sum, 0)]
  return {
    options: { ...options, scale: hasScale, center: hasCentre },
    weights: [...(hasScale ? [weight(scale)] : []), ...(hasCentre ? [weight(sum)] : [])],
  }
}

/** Layers for a map by itself: Rescaling for single numbers, else a frozen BatchNormalization whose statistics are given. */
export function affineLayers(
  maker: LayerMaker,
  x: SymbolicTensor,
  affine: Affine3,
  shape: readonly number[],
): SymbolicTensor {
  const { shift, scale, offset } = affine
  if (scale.length === 1) {
    const [m, s, b] = [shift[0], scale[0], offset[0]] as [number, number, number]
    if (m === 0 || s === 1) return maker.apply('Rescaling', { scale: s, offset: b - m * s }, x)
    return maker.apply('Rescaling', { scale: s, offset: b }, maker.apply('Rescaling', { scale: 1, offset: -m }, x))
  }
  const own = affine.shape.flatMap((size, axis) => (size === 1 ? [] : [axis]))
  const [from, to] = [own[0] as number, (own.at(-1) as number) + 1]
  const span = shape.map((size, axis) => (axis >= from && axis < to ? size : 1))
  const count = span.reduce((product, size) => product * size, 1)
  const one = [...shape.slice(0, from), count, ...shape.slice(to)]
  const wide = (data: Float64Array) =>
    constant('float32', [count], Float32Array.from(repeated({ shape: affine.shape, data }, span)))
  const [hasScale, hasCentre] = [!isAll(scale, 1), !isAll(offset, 0)]
  const mapping = [...(hasScale ? [wide(scale)] : []), ...(hasCentre ? [wide(offset)] : []), wide(shift)]
  const weights = [...mapping, constant('float32', [count], new Float32Array(count).fill(1))]
  const options = { axis: from + 1, epsilon: 0, trainable: false, scale: hasScale, center: hasCentre }
  const grouped = to - from === 1 ? x : maker.apply('Reshape', { targetShape: one }, x)
  const mapped = maker.apply('BatchNormalization', options, grouped, { weights })
  return to - from === 1 ? mapped : maker.apply('Reshape', { targetShape: [...shape] }, mapped)
}
