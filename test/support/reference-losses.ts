/** Losses and metrics in float64. */

import type { LossReference, MetricReference, Targets } from './reference.js'
import {
  at,
  clamp,
  logSumExp,
  mean,
  type Numbers,
  sigmoidOf,
  softmaxOf,
  softplusOf,
  total,
} from './reference-numbers.js'
import { rowwise } from './tolerances.js'

/** Probabilities are clipped to [epsilon, 1 - epsilon]. */
const epsilon = 1e-7
const clip = (p: number): number => clamp(p, epsilon, 1 - epsilon)
const clipSlope = (p: number): number => (p >= epsilon && p <= 1 - epsilon ? 1 : 0)
const smoothed = (t: Numbers, smoothing: number, target: number): number[] =>
  t.map((v) => v * (1 - smoothing) + smoothing * target)
const probabilities = (): readonly [number, number] => [0.02, 0.98]
const logitsOrProbabilities = (p: Numbers): readonly [number, number] => (p[0] === 1 ? [-5, 5] : [0.02, 0.98])
const argmax = (x: Numbers): number => x.indexOf(Math.max(...x))

/** A loss that is a mean over outputs, from the value and the slope of one output. */
const elementwise = (
  value: (y: number, t: number, p: Numbers) => number,
  slope: (y: number, t: number, p: Numbers) => number,
  more: Partial<LossReference> = {},
): LossReference => ({
  cases: [[]],
  targets: 'real',
  value: (y, t, p) => mean(y.map((v, i) => value(v, at(t, i), p))),
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
    if (at(p, 0) === 1) return mean(y.map((z, i) => softplusOf(z) - z * at(goal, i)))
    return mean(y.map((v, i) => -(at(goal, i) * Math.log(clip(v)) + (1 - at(goal, i)) * Math.log(1 - clip(v)))))
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
    mean(
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

/** If all targets are 0 or 1, they stand for -1 and 1. */
const signs = (t: Numbers): Numbers => (t.every((v) => v === 0 || v === 1) ? t.map((v) => 2 * v - 1) : t)

const hinge = (power: 1 | 2, targets: Targets): LossReference => ({
  cases: [[]],
  targets,
  value: (y, t) => mean(y.map((v, i) => Math.max(1 - at(signs(t), i) * v, 0) ** power)),
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
    value: (y, t, p) => mean(y.map((v, i) => ((v > at(p, 0) ? 1 : 0) === at(t, i) ? 1 : 0))),
    domain: probabilities,
    tolerance: rowwise,
  },
  exactAccuracy: {
    cases: [[]],
    targets: 'predictions',
    value: (y, t) => mean(y.map((v, i) => (v === at(t, i) ? 1 : 0))),
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
    value: (y) => mean(y),
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
