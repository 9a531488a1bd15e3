/** Activations in float64. */

import type { ActivationReference, PointwiseReference, RowReference } from './reference.js'
import {
  at,
  clamp,
  dot,
  erf,
  logSumExp,
  mean,
  type Numbers,
  sigmoidOf,
  softmaxOf,
  softplusOf,
} from './reference-numbers.js'
import { pointwise, rowwise } from './tolerances.js'

type Pointwise = Pick<PointwiseReference, 'value' | 'slope'> & Partial<PointwiseReference>
const at0 = (): Numbers => [0]
const row = (reference: Pointwise): PointwiseReference => ({
  kind: 'pointwise',
  cases: [[]],
  domain: [-6, 6],
  tolerance: pointwise,
  ...reference,
})

const seluScale = 1.0507009873554805
const seluAlpha = 1.6732632423543772
const geluTanhScale = Math.sqrt(2 / Math.PI)
const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
const relu = (x: number): number => (x > 0 || Number.isNaN(x) ? x : 0)
const eluOf = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x))
const eluSlope = (x: number, alpha: number): number => (x > 0 ? 1 : alpha * Math.exp(x))
/** x·g(x), and its limit 0 if x is huge and g is 0. */
const gated = (x: number, gate: number): number => (gate === 0 && Number.isFinite(x) ? 0 : x * gate)
const mishSlope = (x: number): number => {
  const t = Math.tanh(softplusOf(x))
  return t + gated(x, (1 - t * t) * sigmoidOf(x))
}
const geluTanhSlope = (x: number): number => {
  if (Math.abs(x) > 1e3) return x > 0 ? 1 : 0
  const t = Math.tanh(geluTanhScale * (x + 0.044715 * x ** 3))
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * geluTanhScale * (1 + 3 * 0.044715 * x * x)
}
const geluTanhValue = (x: number): number => {
  if (Math.abs(x) > 1e3 && Number.isFinite(x)) return Math.max(x, 0)
  return 0.5 * x * (1 + Math.tanh(geluTanhScale * (x + 0.044715 * x ** 3)))
}
const generalRelu = (x: number, slope: number, max: number, threshold: number): number => {
  if (x >= max) return max
  if (x > threshold || Number.isNaN(x)) return x
  return slope === 0 ? 0 : slope * (x - threshold)
}
/** (x + √(x² + b)) / 2 without cancellation for negative x. */
const squareplus = (x: number, b: number): number => {
  const root = Math.hypot(x, Math.sqrt(b))
  return x < 0 ? b / 2 / (root - x) : (x + root) / 2
}

const deviations = (x: Numbers): number[] => x.map((v) => v - mean(x))
const standardDeviation = (x: Numbers, epsilon: number): number =>
  Math.sqrt(mean(deviations(x).map((v) => v * v)) + epsilon)
const rootMeanSquare = (x: Numbers, epsilon: number): number => Math.sqrt(mean(x.map((v) => v * v)) + epsilon)

/** The reference of a normalization of rows. The squares of its values must be finite. */
const normalizer = (part: Pick<RowReference, 'cases' | 'value' | 'gradient'>): RowReference => ({
  kind: 'row',
  domain: [-6, 6],
  largest: 1e15,
  tolerance: rowwise,
  ...part,
})

export const activations: Readonly<Record<string, ActivationReference>> = {
  linear: row({ value: (x) => x, slope: () => 1 }),
  relu: row({ value: relu, slope: (x) => (x > 0 ? 1 : 0), kinks: at0 }),
  relu6: row({
    value: (x) => clamp(x, 0, 6),
    slope: (x) => (x > 0 && x < 6 ? 1 : 0),
    kinks: () => [0, 6],
    domain: [-3, 9],
  }),
  leakyRelu: row({
    cases: [[0.2], [0.01]],
    value: (x, p) => (x > 0 ? x : at(p, 0) * x),
    slope: (x, p) => (x > 0 ? 1 : at(p, 0)),
    kinks: at0,
  }),
  generalRelu: row({
    cases: [
      [0.125, Number.POSITIVE_INFINITY, 0],
      [0, 2, 0],
      [0, Number.POSITIVE_INFINITY, 0.5],
      [0.25, 3, 1],
    ],
    value: (x, p) => generalRelu(x, at(p, 0), at(p, 1), at(p, 2)),
    slope: (x, p) => (x >= at(p, 1) ? 0 : x > at(p, 2) ? 1 : at(p, 0)),
    kinks: (p) => [at(p, 1), at(p, 2)],
    limits: (p) => [at(p, 0) === 0 ? 0 : Number.NEGATIVE_INFINITY, at(p, 1)],
  }),
  elu: row({
    cases: [[1], [0.5]],
    value: (x, p) => eluOf(x, at(p, 0)),
    slope: (x, p) => eluSlope(x, at(p, 0)),
    kinks: at0,
  }),
  selu: row({
    value: (x) => seluScale * eluOf(x, seluAlpha),
    slope: (x) => seluScale * eluSlope(x, seluAlpha),
    kinks: at0,
  }),
  celu: row({
    cases: [[1], [2]],
    value: (x, p) => (x > 0 ? x : at(p, 0) * Math.expm1(x / at(p, 0))),
    slope: (x, p) => (x > 0 ? 1 : Math.exp(x / at(p, 0))),
  }),
  gelu: row({
    value: (x) => gated(x, 0.5 * (1 + erf(x / Math.SQRT2))),
    slope: (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + gated(x, normalDensity(x)),
    limits: () => [0, Number.POSITIVE_INFINITY],
  }),
  geluTanh: row({ value: geluTanhValue, slope: geluTanhSlope, limits: () => [0, Number.POSITIVE_INFINITY] }),
  silu: row({
    value: (x) => gated(x, sigmoidOf(x)),
    slope: (x) => sigmoidOf(x) + gated(x, sigmoidOf(x) * sigmoidOf(-x)),
    limits: () => [0, Number.POSITIVE_INFINITY],
  }),
  mish: row({
    value: (x) => gated(x, Math.tanh(softplusOf(x))),
    slope: mishSlope,
    limits: () => [0, Number.POSITIVE_INFINITY],
  }),
  sigmoid: row({ value: sigmoidOf, slope: (x) => sigmoidOf(x) * sigmoidOf(-x) }),
  hardSigmoid: row({
    value: (x) => clamp(x + 3, 0, 6) / 6,
    slope: (x) => (x > -3 && x < 3 ? 1 / 6 : 0),
    kinks: () => [-3, 3],
  }),
  hardSilu: row({
    value: (x) => gated(x, clamp(x + 3, 0, 6) / 6),
    slope: (x) => (x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6),
    kinks: () => [-3, 3],
    limits: () => [0, Number.POSITIVE_INFINITY],
  }),
  logSigmoid: row({ value: (x) => -softplusOf(-x), slope: (x) => sigmoidOf(-x) }),
  tanh: row({ value: Math.tanh, slope: (x) => 1 / Math.cosh(x) ** 2 }),
  hardTanh: row({
    value: (x) => clamp(x, -1, 1),
    slope: (x) => (x > -1 && x < 1 ? 1 : 0),
    kinks: () => [-1, 1],
    domain: [-2, 2],
  }),
  tanhShrink: row({ value: (x) => x - Math.tanh(x), slope: (x) => Math.tanh(x) ** 2 }),
  softShrink: row({
    cases: [[0.5], [1]],
    value: (x, p) => (x > at(p, 0) ? x - at(p, 0) : x < -at(p, 0) ? x + at(p, 0) : 0),
    slope: (x, p) => (Math.abs(x) > at(p, 0) ? 1 : 0),
    kinks: (p) => [-at(p, 0), at(p, 0)],
  }),
  hardShrink: row({
    cases: [[0.5], [1]],
    value: (x, p) => (Math.abs(x) > at(p, 0) ? x : 0),
    slope: (x, p) => (Math.abs(x) > at(p, 0) ? 1 : 0),
    kinks: (p) => [-at(p, 0), at(p, 0)],
  }),
  softplus: row({ value: softplusOf, slope: sigmoidOf }),
  softsign: row({
    value: (x) => x / (1 + Math.abs(x)),
    slope: (x) => 1 / (1 + Math.abs(x)) ** 2,
    limits: () => [-1, 1],
  }),
  squareplus: row({
    cases: [[4], [1]],
    value: (x, p) => squareplus(x, at(p, 0)),
    slope: (x, p) => squareplus(x, at(p, 0)) / Math.hypot(x, Math.sqrt(at(p, 0))),
    limits: () => [0, Number.POSITIVE_INFINITY],
  }),
  exponential: row({ value: Math.exp, slope: Math.exp }),
  sparsePlus: row({
    value: (x) => (x <= -1 ? 0 : x >= 1 ? x : ((x + 1) * (x + 1)) / 4),
    slope: (x) => (x <= -1 ? 0 : x >= 1 ? 1 : (x + 1) / 2),
    domain: [-2, 2],
  }),
  sparseSigmoid: row({
    value: (x) => clamp((x + 1) / 2, 0, 1),
    slope: (x) => (x > -1 && x < 1 ? 0.5 : 0),
    kinks: () => [-1, 1],
    domain: [-2, 2],
  }),
  threshold: row({
    cases: [[0.5, -0.25]],
    value: (x, p) => (x > at(p, 0) ? x : at(p, 1)),
    slope: (x, p) => (x > at(p, 0) ? 1 : 0),
    kinks: (p) => [at(p, 0)],
  }),
  softmax: {
    kind: 'row',
    cases: [[]],
    value: softmaxOf,
    gradient: (x, cotangent) => {
      const y = softmaxOf(x)
      const dot = y.reduce((sum, v, i) => sum + v * at(cotangent, i), 0)
      return y.map((v, i) => v * (at(cotangent, i) - dot))
    },
    domain: [-6, 6],
    tolerance: rowwise,
  },
  logSoftmax: {
    kind: 'row',
    cases: [[]],
    value: (x) => x.map((v) => v - logSumExp(x)),
    gradient: (x, cotangent) => {
      const sum = cotangent.reduce((a, b) => a + b, 0)
      return softmaxOf(x).map((v, i) => at(cotangent, i) - v * sum)
    },
    domain: [-6, 6],
    tolerance: rowwise,
  },
  standardize: normalizer({
    cases: [[1e-3], [1e-5]],
    value: (x, p) => deviations(x).map((v) => v / standardDeviation(x, at(p, 0))),
    gradient: (x, cotangent, p) => {
      const deviation = standardDeviation(x, at(p, 0))
      const y = deviations(x).map((v) => v / deviation)
      return cotangent.map((c, i) => (c - mean(cotangent) - at(y, i) * (dot(y, cotangent) / y.length)) / deviation)
    },
  }),
  rootMeanSquareNormalize: normalizer({
    cases: [[1e-6], [1e-3]],
    value: (x, p) => x.map((v) => v / rootMeanSquare(x, at(p, 0))),
    gradient: (x, cotangent, p) => {
      const root = rootMeanSquare(x, at(p, 0))
      const y = x.map((v) => v / root)
      return cotangent.map((c, i) => (c - at(y, i) * (dot(y, cotangent) / y.length)) / root)
    },
  }),
  unitNormalize: normalizer({
    cases: [[]],
    value: (x) => x.map((v) => v / Math.sqrt(Math.max(dot(x, x), 1e-12))),
    gradient: (x, cotangent) => {
      const norm = Math.sqrt(Math.max(dot(x, x), 1e-12))
      const y = x.map((v) => v / norm)
      return cotangent.map((c, i) => (c - at(y, i) * (dot(x, x) < 1e-12 ? 0 : dot(y, cotangent))) / norm)
    },
  }),
}
