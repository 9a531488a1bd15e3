/** Every row of the op table agrees with its float64 reference, at special and at random points. */

import assert from 'node:assert/strict'
import type { NativeModel } from '#lib/native/addon.js'
import { native } from '#lib/native/native.js'
import type { Plan, PlanLayer, PlanOp } from '#lib/native/plan.js'
import { perDevice } from './support/devices.js'
import { drawRow, label, type Row, smoothPoints } from './support/opCases.js'
import { Random } from './support/random.js'
import {
  activations,
  type LossReference,
  losses,
  metrics,
  optimizers,
  type PointwiseReference,
  type RowReference,
} from './support/reference.js'
import { assertClose, assertNear, isClose, trained } from './support/tolerances.js'

const subnormal = 1e-40
const special = [0, -0, subnormal, -subnormal, 1e-20, -1e-20, 1e-5, -1e-5, 80, -80, 1e4, -1e4, 1e10, -1e10, 3e38, -3e38]
const nonFinite = [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
const constant = { name: 'constant', value: 0, seed: 0 } as const

const dense = (units: number, useBias: boolean, activation: PlanOp = { name: 'linear', params: [] }): PlanLayer => ({
  kind: 'dense',
  name: 'dense',
  units,
  useBias,
  activation,
  kernel: { initializer: constant },
  bias: { initializer: constant },
})

function open(device: string, plan: Plan): NativeModel {
  return native().createModel(plan, { device, threads: 1 })
}

perDevice('activations', (device) => {
  for (const [name, reference] of Object.entries(activations)) {
    for (const params of reference.cases) {
      const activation = { name, params }
      if (reference.kind === 'row') {
        it(`computes ${label(name, params)} of whole rows`, () => checkRows(reference, activation, device))
        it(`computes the gradient of ${label(name, params)}`, () => checkRowBackward(reference, activation, device))
        continue
      }
      it(`computes ${label(name, params)} as a layer and behind Dense`, () =>
        checkValues(reference, activation, device))
      it(`computes ${label(name, params)} of NaN and infinities`, () => checkNonFinite(reference, activation, device))
      it(`computes the slope of ${label(name, params)}`, () => checkBackward(reference, activation, device))
    }
  }
})

perDevice('losses', (device) => {
  for (const [name, reference] of Object.entries(losses)) {
    for (const params of reference.cases) {
      for (const units of reference.targets === 'classes' ? [2, 5, 17] : [1, 5, 17]) {
        it(`computes ${label(name, params)} of ${units} outputs and its gradient`, () =>
          checkLoss(reference, { name, params }, units, device))
      }
      it(`gives NaN for ${label(name, params)} of NaN`, async () => {
        const targets = { kind: 'rows', data: Float32Array.of(0, 1, 0) } as const
        using model = disposable(openForLoss({ name, params }, 3, 1, [], device))
        model.setParameter(0, Float32Array.of(0.5, Number.NaN, 0.5))
        const data = model.bind({ data: Float32Array.of(1), scale: 1, offset: 0 }, targets)
        const [, , loss] = await model.evaluate({ data, batchSize: 1, firstBatch: 0, batches: 1 })
        assert.ok(Number.isNaN(loss))
      })
    }
  }
})

perDevice('metrics', (device) => {
  for (const [name, reference] of Object.entries(metrics)) {
    for (const params of reference.cases) {
      it(`computes ${label(name, params)}`, async () => {
        for (const units of reference.targets === 'classes' ? [2, 10] : [1, 10]) {
          const random = new Random(units)
          const rows = Array.from({ length: 40 }, () => drawRow(reference, params, units, random))
          const expected = rows.map(({ y, t }) => reference.value(y, t, params))
          const values = await rowSums(
            { name: 'meanSquaredError', params: [] },
            rows,
            [{ name, params }],
            units,
            device,
            6,
          )
          assertClose(values, expected, reference.tolerance, `${name} of ${units} outputs`)
        }
      })
    }
  }
})

perDevice('optimizers', (device) => {
  for (const [name, { cases, slots, update }] of Object.entries(optimizers)) {
    for (const params of cases) {
      it(`moves weights as ${label(name, params)} does`, async () => {
        const random = new Random(9)
        const size = 37
        const steps = 6
        const rate = Math.fround(0.05)
        const start = random.normals(size)
        const goal = random.normals(size)
        using model = disposable(
          open(device, {
            inputSize: 1,
            layers: [dense(size, false)],
            training: {
              heads: [{ loss: { name: 'meanSquaredError', params: [] }, reduction: 'sum', metrics: [] }],
              optimizer: { name, params },
              weightDecay: 0.25,
            },
          }),
        )
        assert.equal(model.slots, slots)
        model.setParameter(0, start)
        const input = { data: Float32Array.of(1), scale: 1, offset: 0 }
        const data = model.bind(input, { kind: 'rows', data: goal })
        const range = { data, batchSize: 1, epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
        const expected = Float64Array.from(start)
        const states = Array.from(expected, () => new Array<number>(slots).fill(0))
        for (let step = 0; step < steps; step++) {
          await model.train({ ...range, learningRates: Float32Array.of(rate) })
          expected.forEach((w, i) => {
            const gradient = (2 * (w - (goal[i] as number))) / size
            expected[i] = update(w * (1 - rate * 0.25), gradient, rate, states[i] as number[], params, step + 1)
          })
        }
        assertClose(model.getParameter(0), expected, trained(1, steps), 'weights')
        assert.equal(model.step, steps)
      })
    }
  }
})

/** A native model that `using` disposes of. */
function disposable(model: NativeModel): NativeModel & Disposable {
  return Object.assign(model, { [Symbol.dispose]: () => model.dispose() })
}

/** The activation of each point, by a separate layer and fused into Dense. */
function forwards(activation: PlanOp, x: Float32Array, device: string): Float32Array[] {
  const layer: PlanLayer = { kind: 'activation', name: 'activation', activation }
  using alone = disposable(open(device, { inputSize: x.length, layers: [layer] }))
  using fused = disposable(open(device, { inputSize: 1, layers: [dense(x.length, false, activation)] }))
  fused.setParameter(0, x)
  const [one, two] = [new Float32Array(x.length), new Float32Array(x.length)]
  alone.predictSync({ data: x, scale: 1, offset: 0 }, one)
  fused.predictSync({ data: Float32Array.of(1), scale: 1, offset: 0 }, two)
  return [one, two]
}

function checkValues(reference: PointwiseReference, activation: PlanOp, device: string): void {
  const points = Float32Array.from([...special, ...smoothPoints(reference, activation.params, 101)])
  const expected = Float32Array.from(points, (x) => reference.value(x, activation.params))
  for (const y of forwards(activation, points, device)) {
    y.forEach((v, i) => {
      if (isClose(v, expected[i] as number, reference.tolerance)) return
      assert.fail(`at ${points[i]}: expected ${expected[i]}, got ${v}`)
    })
  }
}

function checkNonFinite(reference: PointwiseReference, activation: PlanOp, device: string): void {
  const [y = new Float32Array()] = forwards(activation, Float32Array.from(nonFinite), device)
  assertNear(y[0] as number, reference.value(Number.NaN, activation.params), reference.tolerance, 'value of NaN')
  for (const [i, x] of [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY].entries()) {
    const v = y[i + 1] as number
    const limit = reference.limits?.(activation.params)[i]
    if (limit !== undefined && (Number.isNaN(v) || v === limit)) continue
    assertNear(v, limit ?? reference.value(x, activation.params), reference.tolerance, `value at ${x}`)
  }
}

/** Checks slopes: biases of 0 behind a kernel that holds the points change by the slopes; see golden-activations.test.ts. */
async function checkBackward(reference: PointwiseReference, activation: PlanOp, device: string): Promise<void> {
  const kinks = (reference.kinks?.(activation.params) ?? []).filter(Number.isFinite)
  const smooth = [...special.filter((x) => !kinks.includes(x)), ...smoothPoints(reference, activation.params, 80)]
  const points = [...smooth, ...kinks].slice(0, 128)
  const units = 128
  const kernel = Float32Array.from({ length: units }, (_, i) => points[i] ?? 1)
  const signs = Array.from(kernel, (x) => (reference.value(x, activation.params) > 0 ? 1 : -1))
  using model = disposable(
    open(device, {
      inputSize: 1,
      layers: [dense(units, true, activation)],
      training: {
        heads: [{ loss: { name: 'meanAbsoluteError', params: [] }, reduction: 'sum', metrics: [] }],
        optimizer: { name: 'sgd', params: [] },
        weightDecay: 0,
      },
    }),
  )
  model.setParameter(0, kernel)
  const targets = { kind: 'rows', data: Float32Array.from(signs, (sign) => -1e4 * sign) } as const
  const data = model.bind({ data: Float32Array.of(1), scale: 1, offset: 0 }, targets)
  const range = { data, batchSize: 1, epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
  await model.train({ ...range, learningRates: Float32Array.of(units) })
  const bias = model.getParameter(1)
  points.forEach((point, i) => {
    const x = Math.fround(point)
    const actual = -(bias[i] as number) * (signs[i] as number)
    // The kernels treat subnormal numbers as 0.
    const atKink = kinks.includes(Math.abs(x) < 2 ** -126 ? 0 : point)
    const sides = atKink ? [-1e-6, 1e-6] : [0]
    const slopes = sides.map((step) => Math.fround(reference.slope(x + step, activation.params)))
    const [low, high] = [Math.min(...slopes), Math.max(...slopes)]
    const { atol, rtol } = reference.tolerance
    const slack = atol + rtol * Math.max(Math.abs(low), Math.abs(high))
    const passes = actual === low || (actual >= low - slack && actual <= high + slack)
    assert.ok(passes, `slope at ${x}: expected ${[...new Set([low, high])].join(' to ')}, got ${actual}`)
  })
}

function drawRows(reference: RowReference, width: number, rows: number): number[][] {
  const { largest = 3e38 } = reference
  const random = new Random(width)
  const drawn = Array.from({ length: rows }, () => [...random.uniforms(width, ...reference.domain)])
  drawn.push(new Array<number>(width).fill(0))
  drawn.push(Array.from({ length: width }, (_, i) => (i % 2 === 0 ? 100 : -100)))
  drawn.push(Array.from({ length: width }, (_, i) => (i === 0 ? largest : -largest)))
  return drawn
}

function checkRows(reference: RowReference, activation: PlanOp, device: string): void {
  for (const width of [1, 2, 10, 16, 17, 100]) {
    const rows = drawRows(reference, width, 9)
    const layer: PlanLayer = { kind: 'activation', name: 'activation', activation }
    using model = disposable(open(device, { inputSize: width, layers: [layer] }))
    const y = new Float32Array(rows.length * width)
    model.predictSync({ data: Float32Array.from(rows.flat()), scale: 1, offset: 0 }, y)
    const expected = Float32Array.from(rows.flatMap((row) => reference.value(row, activation.params)))
    assertClose(y, expected, reference.tolerance, `${width} wide`)
  }
}

async function checkRowBackward(reference: RowReference, activation: PlanOp, device: string): Promise<void> {
  const width = 9
  const random = new Random(width)
  const [x = []] = drawRows(reference, width, 1)
  const cotangent = [...random.normals(width)]
  using model = disposable(
    open(device, {
      inputSize: 1,
      layers: [dense(width, true), { kind: 'activation', name: 'activation', activation }, dense(1, false)],
      training: {
        heads: [{ loss: { name: 'meanAbsoluteError', params: [] }, reduction: 'sum', metrics: [] }],
        optimizer: { name: 'sgd', params: [] },
        weightDecay: 0,
      },
    }),
  )
  model.setParameter(0, Float32Array.from(x))
  model.setParameter(2, Float32Array.from(cotangent))
  const input = { data: Float32Array.of(1), scale: 1, offset: 0 }
  const data = model.bind(input, { kind: 'rows', data: Float32Array.of(-1e30) })
  const range = { data, batchSize: 1, epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
  await model.train({ ...range, learningRates: Float32Array.of(1) })
  const actual = model.getParameter(1).map((v) => -v)
  assertClose(actual, reference.gradient(x, cotangent, activation.params), reference.tolerance, 'gradient')
}

function openForLoss(
  loss: PlanOp,
  units: number,
  rows: number,
  rowMetrics: readonly PlanOp[],
  device: string,
): NativeModel {
  return open(device, {
    inputSize: rows,
    layers: [dense(units, false)],
    training: {
      heads: [{ loss, reduction: 'sum', metrics: rowMetrics }],
      optimizer: { name: 'sgd', params: [] },
      weightDecay: 0,
    },
  })
}

/** A sum of the native step, for each row separately: number 2 is the loss, and metrics start at 6. */
async function rowSums(
  loss: PlanOp,
  rows: readonly Row[],
  rowMetrics: readonly PlanOp[],
  units: number,
  device: string,
  index: number,
): Promise<number[]> {
  using model = disposable(openForLoss(loss, units, rows.length, rowMetrics, device))
  model.setParameter(0, Float32Array.from(rows.flatMap(({ y }) => y)))
  const data = model.bind(identityInput(rows.length), {
    kind: 'rows',
    data: Float32Array.from(rows.flatMap(({ t }) => t)),
  })
  const values: number[] = []
  for (let r = 0; r < rows.length; r++) {
    const sums = await model.evaluate({ data, batchSize: 1, firstBatch: r, batches: 1 })
    assert.equal(sums[1], 1)
    values.push(sums[index] as number)
  }
  return values
}

async function checkLoss(reference: LossReference, loss: PlanOp, units: number, device: string): Promise<void> {
  const random = new Random(units)
  const rows = Array.from({ length: 19 }, () => drawRow(reference, loss.params, units, random))
  const expected = rows.map(({ y, t }) => reference.value(y, t, loss.params))
  assertClose(await rowSums(loss, rows, [], units, device, 2), expected, reference.tolerance, 'values')

  const kinds: ('rows' | 'classes')[] = reference.targets === 'classes' ? ['rows', 'classes'] : ['rows']
  for (const kind of kinds) {
    using model = disposable(openForLoss(loss, units, rows.length, [], device))
    const kernel = Float32Array.from(rows.flatMap(({ y }) => y))
    model.setParameter(0, kernel)
    const targets =
      kind === 'classes'
        ? ({ kind, data: Int32Array.from(rows, ({ t }) => t.indexOf(1)) } as const)
        : ({ kind, data: Float32Array.from(rows.flatMap(({ t }) => t)) } as const)
    const data = model.bind(identityInput(rows.length), targets)
    const range = { data, batchSize: rows.length, epoch: 0, shuffle: false, seed: 0, firstBatch: 0, batches: 1 }
    const sums = await model.train({ ...range, learningRates: Float32Array.of(1024) })
    const total = expected.reduce((sum, v) => sum + v, 0)
    assertNear((sums[2] as number) / rows.length, total, reference.tolerance, `sum over rows, targets as ${kind}`)
    const gradient = model.getParameter(0).map((w, i) => ((kernel[i] as number) - w) / 1024)
    const slopes = rows.flatMap(({ y, t }) => reference.gradient(y, t, loss.params))
    assertClose(gradient, slopes, reference.tolerance, `gradient, targets as ${kind}`)
  }
}

function identityInput(size: number) {
  const data = new Float32Array(size * size)
  for (let i = 0; i < size; i++) data[i * size + i] = 1
  return { data, scale: 1, offset: 0 }
}
