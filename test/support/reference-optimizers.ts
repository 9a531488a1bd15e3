/** Optimizers in float64. */

import type { OptimizerReference } from './reference.js'
import { at, clamp, type Numbers } from './reference-numbers.js'

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

const adadelta = (previous: boolean): OptimizerReference => ({
  // rate, epsilon
  cases: [
    [0.05, 1e-7],
    [0.5, 1e-3],
  ],
  slots: 2,
  update: (w, g, rate, state, p) => {
    const before = at(state, 0)
    const after = average(state, 0, g * g, at(p, 0))
    const delta = (g * Math.sqrt(at(state, 1) + at(p, 1))) / Math.sqrt((previous ? before : after) + at(p, 1))
    average(state, 1, delta * delta, at(p, 0))
    return w - rate * delta
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
  adadelta: adadelta(false),
  adadeltaPrevious: adadelta(true),
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
