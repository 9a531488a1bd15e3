/** The float64 reference of every row of the op table: function, derivative, domain and tolerance together. */

import { pointwise, rowwise, type Tolerance } from './tolerances.js'

type Numbers = readonly number[]

/** A function of one number. */
export interface PointwiseReference {
  readonly kind: 'pointwise'
  /** Numbers of the row to test with, in the row's order. */
  readonly cases: readonly Numbers[]
  readonly value: (x: number, p: Numbers) => number
  readonly slope: (x: number, p: Numbers) => number
  /** Where the slope jumps: there any value between the slopes of the two sides passes. */
  readonly kinks?: (p: Numbers) => Numbers
  /** Values at -Infinity and Infinity where the formula is indeterminate; NaN passes there too. */
  readonly limits?: (p: Numbers) => readonly [number, number]
  /** Range of the random points. */
  readonly domain: readonly [number, number]
  readonly tolerance: Tolerance
}

/** A function of a whole row. */
export interface RowReference {
  readonly kind: 'row'
  readonly cases: readonly Numbers[]
  readonly value: (x: Numbers, p: Numbers) => number[]
  /** The gradient of Σ cotangent·y by x. */
  readonly gradient: (x: Numbers, cotangent: Numbers, p: Numbers) => number[]
  readonly domain: readonly [number, number]
  /** The largest values it is tested with; default: the largest there are. */
  readonly largest?: number
  readonly tolerance: Tolerance
}

export type ActivationReference = PointwiseReference | RowReference

/** What a loss is given: real numbers, 0 or 1 each, one class of several, or numbers of which half are the predictions. */
export type Targets = 'real' | 'binary' | 'classes' | 'predictions'

export interface LossReference {
  readonly cases: readonly Numbers[]
  readonly targets: Targets
  /** Loss of one row. */
  readonly value: (y: Numbers, t: Numbers, p: Numbers) => number
  readonly gradient: (y: Numbers, t: Numbers, p: Numbers) => number[]
  /** Range of the random predictions. */
  readonly domain: (p: Numbers) => readonly [number, number]
  readonly tolerance: Tolerance
}

export interface MetricReference {
  readonly cases: readonly Numbers[]
  readonly targets: Targets
  readonly value: (y: Numbers, t: Numbers, p: Numbers) => number
  readonly domain: (p: Numbers) => readonly [number, number]
  readonly tolerance: Tolerance
}

export interface OptimizerReference {
  readonly cases: readonly Numbers[]
  readonly slots: number
  /** Changes `state` (one number per slot) of one parameter in place and returns the new `w`; `t` is 1 in the first step. */
  readonly update: (w: number, g: number, rate: number, state: number[], p: Numbers, t: number) => number
}

const sigmoidOf = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))
const softplusOf = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const clamp = (x: number, low: number, high: number): number => (Number.isNaN(x) ? x : Math.min(Math.max(x, low), high))
const at = (numbers: Numbers, i: number): number => numbers[i] as number

/** erf by its series up to 3, by the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (Number.isNaN(x)) return x
  if (a > 6) return Math.sign(x)
  if (a < 3) {
    let term = x
    let sum = x
    for (let n = 1; n < 80; n++) {
      term *= -(x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = a
  for (let n = 60; n >= 1; n--) fraction = a + n / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-a * a) / (fraction * Math.sqrt(Math.PI)))
}

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
/** x·g(x), and its limit 0 where x is huge and g has vanished. */
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

const softmaxOf = (x: Numbers): number[] => {
  const max = Math.max(...x)
  const exps = x.map((v) => Math.exp(v - max))
  const sum = exps.reduce((a, b) => a + b, 0)
  return exps.map((v) => v / sum)
}
const logSumExp = (x: Numbers): number => {
  const max = Math.max(...x)
  return max + Math.log(x.reduce((sum, v) => sum + Math.exp(v - max), 0))
}

const mean = (x: Numbers): number => x.reduce((sum, v) => sum + v, 0) / x.length
const dot = (x: Numbers, y: Numbers): number => x.reduce((sum, v, i) => sum + v * at(y, i), 0)
const deviations = (x: Numbers): number[] => x.map((v) => v - mean(x))
const standardDeviation = (x: Numbers, epsilon: number): number =>
  Math.sqrt(mean(deviations(x).map((v) => v * v)) + epsilon)
const rootMeanSquare = (x: Numbers, epsilon: number): number => Math.sqrt(mean(x.map((v) => v * v)) + epsilon)

/** A normalization of rows; squares of its values must be finite. */
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

/** Probabilities are clipped to [epsilon, 1 - epsilon]. */
const epsilon = 1e-7
const clip = (p: number): number => clamp(p, epsilon, 1 - epsilon)
const clipSlope = (p: number): number => (p >= epsilon && p <= 1 - epsilon ? 1 : 0)
const total = (x: Numbers): number => x.reduce((a, b) => a + b, 0)
const meanOf = (x: Numbers): number => total(x) / x.length
const smoothed = (t: Numbers, smoothing: number, target: number): number[] =>
  t.map((v) => v * (1 - smoothing) + smoothing * target)
const probabilities = (): readonly [number, number] => [0.02, 0.98]
const logitsOrProbabilities = (p: Numbers): readonly [number, number] => (p[0] === 1 ? [-5, 5] : [0.02, 0.98])
const argmax = (x: Numbers): number => x.indexOf(Math.max(...x))

/** A mean over outputs: value and slope of each. */
const elementwise = (
  value: (y: number, t: number, p: Numbers) => number,
  slope: (y: number, t: number, p: Numbers) => number,
  more: Partial<LossReference> = {},
): LossReference => ({
  cases: [[]],
  targets: 'real',
  value: (y, t, p) => meanOf(y.map((v, i) => value(v, at(t, i), p))),
  gradient: (y, t, p) => y.map((v, i) => slope(v, at(t, i), p) / y.length),
  domain: () => [-3, 3],
  tolerance: rowwise,
  ...more,
})

const binaryCrossentropy: LossReference = {
  // fromLogits, labelSmoothing
  cases: [
    [0, 0],
    [0, 0.125],
    [1, 0],
    [1, 0.125],
  ],
  targets: 'binary',
  value: (y, t, p) => {
    const goal = smoothed(t, at(p, 1), 0.5)
    if (at(p, 0) === 1) return meanOf(y.map((z, i) => softplusOf(z) - z * at(goal, i)))
    return meanOf(y.map((v, i) => -(at(goal, i) * Math.log(clip(v)) + (1 - at(goal, i)) * Math.log(1 - clip(v)))))
  },
  gradient: (y, t, p) => {
    const goal = smoothed(t, at(p, 1), 0.5)
    if (at(p, 0) === 1) return y.map((z, i) => (sigmoidOf(z) - at(goal, i)) / y.length)
    return y.map((v, i) => {
      const q = clip(v)
      return (clipSlope(v) * ((1 - at(goal, i)) / (1 - q) - at(goal, i) / q)) / y.length
    })
  },
  domain: logitsOrProbabilities,
  tolerance: rowwise,
}

const categoricalCrossentropy: LossReference = {
  // fromLogits, labelSmoothing
  cases: binaryCrossentropy.cases,
  targets: 'classes',
  value: (y, t, p) => {
    const goal = smoothed(t, at(p, 1), 1 / t.length)
    if (at(p, 0) === 1) {
      const sum = logSumExp(y)
      return total(y.map((z, i) => at(goal, i) * (sum - z)))
    }
    const sum = total(y)
    return -total(y.map((v, i) => at(goal, i) * Math.log(clip(v / sum))))
  },
  gradient: (y, t, p) => {
    const goal = smoothed(t, at(p, 1), 1 / t.length)
    if (at(p, 0) === 1) return softmaxOf(y).map((v, i) => v * total(goal) - at(goal, i))
    const sum = total(y)
    const normalised = y.map((v) => v / sum)
    const outer = normalised.map((q, i) => (-at(goal, i) / clip(q)) * clipSlope(q))
    const dot = total(outer.map((g, i) => g * at(normalised, i)))
    return outer.map((g) => (g - dot) / sum)
  },
  domain: logitsOrProbabilities,
  tolerance: rowwise,
}

const sparseCategoricalCrossentropy: LossReference = {
  // fromLogits
  cases: [[0], [1]],
  targets: 'classes',
  value: (y, t, p) => {
    const logits = at(p, 0) === 1 ? y : y.map((v) => Math.log(clip(v)))
    return logSumExp(logits) - at(logits, argmax(t))
  },
  gradient: (y, t, p) => {
    const logits = at(p, 0) === 1 ? y : y.map((v) => Math.log(clip(v)))
    const outer = softmaxOf(logits).map((v, i) => v - at(t, i))
    return at(p, 0) === 1 ? outer : outer.map((g, i) => (g * clipSlope(at(y, i))) / clip(at(y, i)))
  },
  domain: logitsOrProbabilities,
  tolerance: rowwise,
}

const binaryFocalCrossentropy: LossReference = {
  // fromLogits, labelSmoothing, alpha, gamma
  cases: [
    [0, 0, -1, 2],
    [0, 0.125, 0.25, 1.5],
    [0, 0, 0.75, 0],
    [1, 0, -1, 2],
    [1, 0.125, 0.375, 1],
  ],
  targets: 'binary',
  value: (y, t, p) =>
    meanOf(
      smoothed(t, at(p, 1), 0.5).map((goal, i) => {
        const v = at(p, 0) === 1 ? sigmoidOf(at(y, i)) : at(y, i)
        const weight = at(p, 2) < 0 ? 1 : goal * at(p, 2) + (1 - goal) * (1 - at(p, 2))
        const lacking = goal * (1 - v) + (1 - goal) * v
        return weight * lacking ** at(p, 3) * binaryCrossentropy.value([at(y, i)], [at(t, i)], p)
      }),
    ),
  gradient: (y, t, p) =>
    smoothed(t, at(p, 1), 0.5).map((goal, i) => {
      const z = at(y, i)
      const [v, inner] = at(p, 0) === 1 ? [sigmoidOf(z), sigmoidOf(z) * sigmoidOf(-z)] : [z, 1]
      const weight = at(p, 2) < 0 ? 1 : goal * at(p, 2) + (1 - goal) * (1 - at(p, 2))
      const lacking = goal * (1 - v) + (1 - goal) * v
      const value = binaryCrossentropy.value([z], [at(t, i)], p)
      const slope = at(binaryCrossentropy.gradient([z], [at(t, i)], p), 0)
      const own = value * at(p, 3) * lacking ** (at(p, 3) - 1) * (1 - 2 * goal) * inner
      return (weight * (lacking ** at(p, 3) * slope + own)) / y.length
    }),
  domain: logitsOrProbabilities,
  tolerance: rowwise,
}

const categoricalFocalCrossentropy: LossReference = {
  // fromLogits, labelSmoothing, alpha, gamma
  cases: [
    [0, 0, 0.25, 2],
    [0, 0.125, 0.5, 1.5],
    [1, 0, 0.25, 2],
    [1, 0.125, 1, 0],
  ],
  targets: 'classes',
  value: (y, t, p) => {
    const goal = smoothed(t, at(p, 1), 1 / t.length)
    const q = at(p, 0) === 1 ? softmaxOf(y) : y.map((v) => v / total(y))
    return -at(p, 2) * total(q.map((v, i) => at(goal, i) * (1 - clip(v)) ** at(p, 3) * Math.log(clip(v))))
  },
  gradient: (y, t, p) => {
    const goal = smoothed(t, at(p, 1), 1 / t.length)
    const [alpha, gamma] = [at(p, 2), at(p, 3)]
    const q = at(p, 0) === 1 ? softmaxOf(y) : y.map((v) => v / total(y))
    const outer = q.map((v, i) => {
      const c = clip(v)
      const slope = gamma * (1 - c) ** (gamma - 1) * Math.log(c) - (1 - c) ** gamma / c
      return alpha * at(goal, i) * slope * clipSlope(v)
    })
    const dot = total(outer.map((g, i) => g * at(q, i)))
    return outer.map((g, i) => (g - dot) * (at(p, 0) === 1 ? at(q, i) : 1 / total(y)))
  },
  domain: logitsOrProbabilities,
  tolerance: rowwise,
}

const categoricalGeneralizedCrossEntropy: LossReference = {
  cases: [[0.5], [0.0625], [0.9375]],
  targets: 'classes',
  value: (y, t, [q = 0]) => (1 - total(y.map((v, i) => v * at(t, i))) ** q) / q,
  gradient: (y, t, [q = 0]) => {
    const own = total(y.map((v, i) => v * at(t, i)))
    return y.map((_, i) => -at(t, i) * own ** (q - 1))
  },
  domain: probabilities,
  tolerance: rowwise,
}

/** Targets that are all 0 or 1 mean -1 and 1. */
const signs = (t: Numbers): Numbers => (t.every((v) => v === 0 || v === 1) ? t.map((v) => 2 * v - 1) : t)

const hinge = (power: 1 | 2, targets: Targets): LossReference => ({
  cases: [[]],
  targets,
  value: (y, t) => meanOf(y.map((v, i) => Math.max(1 - at(signs(t), i) * v, 0) ** power)),
  gradient: (y, t) =>
    y.map((v, i) => {
      const margin = 1 - at(signs(t), i) * v
      return margin < 0 ? 0 : (-power * margin ** (power - 1) * at(signs(t), i)) / y.length
    }),
  domain: () => [-3, 3],
  tolerance: rowwise,
})

const categoricalHinge: LossReference = {
  cases: [[]],
  targets: 'classes',
  value: (y, t) => {
    const other = Math.max(...y.map((v, i) => (1 - at(t, i)) * v))
    return Math.max(other - total(y.map((v, i) => v * at(t, i))) + 1, 0)
  },
  gradient: (y, t) => {
    const others = y.map((v, i) => (1 - at(t, i)) * v)
    if (categoricalHinge.value(y, t, []) === 0) return y.map(() => 0)
    return y.map((_, i) => (i === argmax(others) ? 1 - at(t, i) : 0) - at(t, i))
  },
  domain: () => [-3, 3],
  tolerance: rowwise,
}

const clipAbove = (v: number): number => clamp(v, epsilon, 1)

const klDivergence: LossReference = {
  cases: [[]],
  targets: 'binary',
  value: (y, t) => total(y.map((v, i) => clipAbove(at(t, i)) * Math.log(clipAbove(at(t, i)) / clipAbove(v)))),
  gradient: (y, t) => y.map((v, i) => (v < epsilon || v > 1 ? 0 : -clipAbove(at(t, i)) / v)),
  domain: probabilities,
  tolerance: rowwise,
}

const norm = (x: Numbers): number => Math.max(Math.hypot(...x), epsilon)
const cosine = (y: Numbers, t: Numbers): number => total(y.map((v, i) => v * at(t, i))) / norm(y) / norm(t)

const cosineSimilarity: LossReference = {
  cases: [[]],
  targets: 'real',
  value: (y, t) => -cosine(y, t),
  gradient: (y, t) => y.map((v, i) => (cosine(y, t) * v) / norm(y) ** 2 - at(t, i) / norm(y) / norm(t)),
  domain: () => [-3, 3],
  tolerance: rowwise,
}

const dotProduct: LossReference = {
  cases: [[]],
  targets: 'real',
  value: (y, t) => total(y.map((v, i) => v * at(t, i))),
  gradient: (y, t) => y.map((_, i) => at(t, i)),
  domain: () => [-3, 3],
  tolerance: rowwise,
}

export const losses: Readonly<Record<string, LossReference>> = {
  meanSquaredError: elementwise(
    (y, t) => (y - t) ** 2,
    (y, t) => 2 * (y - t),
  ),
  meanAbsoluteError: elementwise(
    (y, t) => Math.abs(y - t),
    (y, t) => Math.sign(y - t),
  ),
  meanAbsolutePercentageError: elementwise(
    (y, t) => (100 * Math.abs(y - t)) / Math.max(Math.abs(t), epsilon),
    (y, t) => (100 * Math.sign(y - t)) / Math.max(Math.abs(t), epsilon),
  ),
  meanSquaredLogarithmicError: elementwise(
    (y, t) => (Math.log1p(Math.max(y, epsilon)) - Math.log1p(Math.max(t, epsilon))) ** 2,
    (y, t) => (y < epsilon ? 0 : (2 * (Math.log1p(y) - Math.log1p(Math.max(t, epsilon)))) / (1 + y)),
  ),
  huber: elementwise(
    (y, t, p) => {
      const d = Math.abs(y - t)
      return d <= at(p, 0) ? d ** 2 / 2 : at(p, 0) * (d - at(p, 0) / 2)
    },
    (y, t, p) => clamp(y - t, -at(p, 0), at(p, 0)),
    { cases: [[1], [0.5]] },
  ),
  logCosh: elementwise(
    (y, t) => Math.log(Math.cosh(y - t)),
    (y, t) => Math.tanh(y - t),
  ),
  poisson: elementwise(
    (y, t) => y - t * Math.log(y + epsilon),
    (y, t) => 1 - t / (y + epsilon),
    { domain: () => [0.1, 4] },
  ),
  hinge: hinge(1, 'binary'),
  squaredHinge: hinge(2, 'real'),
  categoricalHinge,
  klDivergence,
  cosineSimilarity,
  dotProduct,
  binaryCrossentropy,
  binaryFocalCrossentropy,
  categoricalCrossentropy,
  categoricalFocalCrossentropy,
  categoricalGeneralizedCrossEntropy,
  sparseCategoricalCrossentropy,
}

const metricOf = ({ cases, targets, value, domain, tolerance }: LossReference): MetricReference => ({
  cases,
  targets,
  value,
  domain,
  tolerance,
})

export const metrics: Readonly<Record<string, MetricReference>> = {
  binaryAccuracy: {
    cases: [[0.5], [0.25]],
    targets: 'binary',
    value: (y, t, p) => meanOf(y.map((v, i) => ((v > at(p, 0) ? 1 : 0) === at(t, i) ? 1 : 0))),
    domain: probabilities,
    tolerance: rowwise,
  },
  exactAccuracy: {
    cases: [[]],
    targets: 'predictions',
    value: (y, t) => meanOf(y.map((v, i) => (v === at(t, i) ? 1 : 0))),
    domain: () => [-3, 3],
    tolerance: rowwise,
  },
  sum: {
    cases: [[]],
    targets: 'real',
    value: (y) => y.reduce((sum, v) => sum + v, 0),
    domain: () => [-3, 3],
    tolerance: rowwise,
  },
  mean: {
    cases: [[]],
    targets: 'real',
    value: (y) => meanOf(y),
    domain: () => [-3, 3],
    tolerance: rowwise,
  },
  categoricalAccuracy: {
    cases: [[]],
    targets: 'classes',
    value: (y, t) => (argmax(y) === argmax(t) ? 1 : 0),
    domain: probabilities,
    tolerance: rowwise,
  },
  topKCategoricalAccuracy: {
    cases: [[1], [3]],
    targets: 'classes',
    value: (y, t, p) => (y.filter((v) => v > at(y, argmax(t))).length < at(p, 0) ? 1 : 0),
    domain: probabilities,
    tolerance: rowwise,
  },
  // Every loss is a metric as well.
  ...Object.fromEntries(Object.entries(losses).map(([name, loss]) => [name, metricOf(loss)])),
}

/** Moves a slot towards `x` by `rate` of the way, and returns what it becomes. */
function average(state: number[], slot: number, x: number, rate: number): number {
  const next = (1 - rate) * at(state, slot) + rate * x
  state[slot] = next
  return next
}

/** rate1, rate2, epsilon: a rate is 1 - beta */
const moments: readonly Numbers[] = [
  [0.1, 0.001, 1e-7],
  [0.5, 0.125, 1e-3],
]

const adam = (amsgrad: boolean): OptimizerReference => ({
  cases: moments,
  slots: amsgrad ? 3 : 2,
  update: (w, g, rate, state, p, t) => {
    const m = average(state, 0, g, at(p, 0))
    let v = average(state, 1, g * g, at(p, 1))
    if (amsgrad) {
      v = Math.max(v, at(state, 2))
      state[2] = v
    }
    const correction = Math.sqrt(1 - (1 - at(p, 1)) ** t) / (1 - (1 - at(p, 0)) ** t)
    return w - (rate * correction * m) / (Math.sqrt(v) + at(p, 2))
  },
})

const rmsprop = (momentum: boolean, centered: boolean): OptimizerReference => ({
  // rate, momentum, epsilon
  cases: [
    [0.1, momentum ? 0.5 : 0, 1e-7],
    [0.25, momentum ? 0.9 : 0, 1e-3],
  ],
  slots: 1 + Number(momentum) + Number(centered),
  update: (w, g, rate, state, p) => {
    let v = average(state, 0, g * g, at(p, 0))
    if (centered) v -= average(state, momentum ? 2 : 1, g, at(p, 0)) ** 2
    const step = (rate * g) / Math.sqrt(v + at(p, 2))
    if (!momentum) return w - step
    state[1] = at(p, 1) * at(state, 1) + step
    return w - state[1]
  },
})

export const optimizers: Readonly<Record<string, OptimizerReference>> = {
  sgd: { cases: [[]], slots: 0, update: (w, g, rate) => w - rate * g },
  momentum: {
    // momentum, nesterov
    cases: [
      [0.9, 0],
      [0.5, 1],
    ],
    slots: 1,
    update: (w, g, rate, state, p) => {
      const velocity = at(p, 0) * (state[0] as number) - rate * g
      state[0] = velocity
      return at(p, 1) === 1 ? w + at(p, 0) * velocity - rate * g : w + velocity
    },
  },
  adam: adam(false),
  adamAmsgrad: adam(true),
  rmsprop: rmsprop(false, false),
  rmspropMomentum: rmsprop(true, false),
  rmspropCentered: rmsprop(false, true),
  rmspropCenteredMomentum: rmsprop(true, true),
  adagrad: {
    // initialAccumulatorValue, epsilon
    cases: [
      [0.1, 1e-7],
      [0, 1e-3],
    ],
    slots: 1,
    update: (w, g, rate, state, p) => {
      state[0] = at(state, 0) + g * g
      return w - (rate * g) / Math.sqrt(at(p, 0) + at(state, 0) + at(p, 1))
    },
  },
  adadelta: {
    // rate, epsilon
    cases: [
      [0.05, 1e-7],
      [0.5, 1e-3],
    ],
    slots: 2,
    update: (w, g, rate, state, p) => {
      const squares = average(state, 0, g * g, at(p, 0))
      const delta = (g * Math.sqrt(at(state, 1) + at(p, 1))) / Math.sqrt(squares + at(p, 1))
      average(state, 1, delta * delta, at(p, 0))
      return w - rate * delta
    },
  },
  adamax: {
    cases: moments,
    slots: 2,
    update: (w, g, rate, state, p, t) => {
      const m = average(state, 0, g, at(p, 0))
      const u = Math.max((1 - at(p, 1)) * at(state, 1), Math.abs(g))
      state[1] = u
      return w - (rate * m) / (1 - (1 - at(p, 0)) ** t) / (u + at(p, 2))
    },
  },
  nadam: {
    cases: moments,
    slots: 2,
    update: (w, g, rate, state, p, t) => {
      const momentum = (step: number) => (1 - at(p, 0)) * (1 - 0.5 * 0.96 ** step)
      let product = 1
      for (let step = 1; step <= t; step++) product *= momentum(step)
      const m = average(state, 0, g, at(p, 0))
      const v = average(state, 1, g * g, at(p, 1)) / (1 - (1 - at(p, 1)) ** t)
      const next = momentum(t + 1)
      const ahead = (next * m) / (1 - product * next) + ((1 - momentum(t)) * g) / (1 - product)
      return w - (rate * ahead) / (Math.sqrt(v) + at(p, 2))
    },
  },
  lion: {
    // rate1, rate2
    cases: [
      [0.1, 0.01],
      [0.5, 0.25],
    ],
    slots: 1,
    update: (w, g, rate, state, p) => {
      const direction = Math.sign((1 - at(p, 0)) * at(state, 0) + at(p, 0) * g)
      average(state, 0, g, at(p, 1))
      return w - rate * direction
    },
  },
  ftrl: {
    // learningRatePower, initialAccumulatorValue, l1, l2, l2Shrinkage, beta
    cases: [
      [-0.5, 0.1, 0, 0, 0, 0],
      [-0.5, 0, 0.0625, 0.03125, 0.015625, 0.25],
      [-0.75, 0.25, 0.03125, 0, 0, 0],
      [0, 0.1, 0, 0.5, 0, 0],
    ],
    slots: 2,
    update: (w, g, rate, state, p) => {
      const q = () => (at(p, 1) + at(state, 0)) ** -at(p, 0) / rate
      const before = q()
      state[0] = at(state, 0) + g * g
      const z = at(state, 1) + g + 2 * at(p, 4) * w - (q() - before) * w
      state[1] = z
      return (clamp(z, -at(p, 2), at(p, 2)) - z) / (q() + at(p, 5) / rate + 2 * at(p, 3))
    },
  },
}
