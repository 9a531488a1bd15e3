/** The data that x and y accept, and the arrays that become of them. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import {
  type ArrayInput,
  array,
  datasets,
  encodeNpy,
  layers,
  type NumericArray,
  optimizers,
  readCsv,
  readIdx,
  readNpy,
  readNpz,
  readSafetensors,
  sequential,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { sliceRows, takeInput, toInput } from '#lib/arrays/arrays.js'
import { toTargets } from '#lib/arrays/targets.js'
import { numericArrays } from '../support/numericArrays.js'
import { Random } from '../support/random.js'
import { inFolder, throws } from './files.js'

const classes = { outputs: 10, classes: true }
const rows = (outputs: number) => ({ outputs, classes: false })

describe('array', () => {
  it('keeps typed arrays, their type and their memory', () => {
    const data = new Int16Array([1, 2, 3, 4, 5, 6])
    const result = array(data, [2, 3], { scale: 0.5, offset: -1 })
    assert.equal(result.data, data)
    assert.deepEqual({ ...result, data: 0 }, { data: 0, shape: [2, 3], scale: 0.5, offset: -1 })
  })

  it('infers the shape of nested arrays and of typed arrays', () => {
    const rows = [
      [1, 2, 3],
      [4, 5, 6],
    ]
    assert.deepEqual({ ...array(rows) }, { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] })
    assert.deepEqual(array([[Float64Array.of(1, 2)], [[3, 4]]]).shape, [2, 1, 2])
    assert.deepEqual(array(new Uint8Array(5)).shape, [5])
  })

  it('gives nested elements another shape of the same size', () => {
    assert.deepEqual(array([1, 2, 3, 4], [2, 2]).shape, [2, 2])
  })

  it('does not follow later changes of the shape it was given', () => {
    const shape = [2, 2]
    const result = array(new Float32Array(4), shape)
    shape[0] = 9
    assert.deepEqual(result.shape, [2, 2])
    assert.ok(Object.isFrozen(result) && Object.isFrozen(result.shape))
  })

  it('refuses shapes that do not fit', () => {
    throws(
      () => array(new Float32Array(4), [2, 3]),
      'ERR_SHAPE',
      /shape: expected the shape of 4 elements, got \[2, 3\]/,
    )
    for (const shape of [[-1, 4], [2.5, 2], [Number.NaN], [2 ** 53, 2 ** 53], ['4'], '4', {}]) {
      throws(() => array(new Float32Array(4), shape as number[]), 'ERR_SHAPE', /^shape: expected/)
    }
  })

  it('refuses ragged rows and says which', () => {
    throws(() => array([[1, 2], [3]]), 'ERR_SHAPE', /data\[1\]: expected 2 elements as in the first row, got 1/)
    throws(
      () =>
        array([
          [[1], [2]],
          [[3], 4],
        ]),
      'ERR_SHAPE',
      /data\[1\]\[1\]/,
    )
    throws(() => array([1, [2]]), 'ERR_SHAPE', /data\[1\]: expected a number/)
  })

  it('refuses what is no number and says where', () => {
    for (const bad of ['1', null, undefined, 1n, {}, Symbol('s'), () => 1]) {
      throws(
        () =>
          array([
            [1, 2],
            [3, bad as number],
          ]),
        'ERR_DTYPE',
        /data\[1\]\[1\]: expected a number/,
      )
    }
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested.
    throws(() => array([1, , 3] as number[]), 'ERR_DTYPE', /data\[1\]/)
    for (const bad of [null, 3, 'x', new BigInt64Array(2), new DataView(new ArrayBuffer(2)), {}]) {
      throws(() => array(bad as unknown as Float32Array), 'ERR_DTYPE', /^data: expected/)
    }
  })

  it('refuses nesting without end', () => {
    const loop: unknown[] = []
    loop.push(loop)
    throws(() => array(loop as number[]), 'ERR_SHAPE', /32 dimensions/)
    const wide: unknown[] = Array.from({ length: 1000 })
    wide.fill(Array.from({ length: 1000 }).fill(Array.from({ length: 1e5 }).fill(1)))
    throws(() => array(wide as number[]), 'ERR_SHAPE', /2\^32/)
  })

  it('refuses a scale or offset that is not finite, and unknown options', () => {
    throws(() => array([1], [1], { scale: Number.NaN }), 'ERR_ARGUMENT', /scale: expected a finite number, got NaN/)
    throws(() => array([1], [1], { offset: Infinity }), 'ERR_ARGUMENT', /offset/)
    throws(() => array([1], [1], { sclae: 2 } as object), 'ERR_UNKNOWN_NAME', /scale/)
  })
})

describe('takeInput and toTargets', () => {
  it('leave elements of every type where they are: no loop of JavaScript passes over them', () => {
    for (const Kind of numericArrays) {
      const data: NumericArray = new Kind(12)
      const given = array(data, [3, 4], { scale: 1 / 255, offset: -0.5 })
      for (const value of [data, given]) {
        assert.equal(takeInput(value, [4], 'x').data, data)
        assert.equal(toTargets(value, rows(4), 'y').data, data)
      }
      const { scale, offset } = toTargets(given, rows(4), 'y') as { scale?: number; offset?: number }
      assert.deepEqual([scale, offset], [1 / 255, -0.5])
    }
  })

  it('say how 64-bit integers are converted', () => {
    const bigs = [BigInt64Array.of(1n, 2n), BigUint64Array.of(1n, 2n)]
    for (const value of bigs) {
      const hint = /got a Big(?:Int|Uint)64Array; convert it: Float64Array\.from\(array, Number\)/
      throws(() => takeInput(value, [1], 'x'), 'ERR_DTYPE', hint)
      throws(() => takeInput({ data: value, shape: [2] }, [1], 'x'), 'ERR_DTYPE', /Float64Array\.from\(data, Number\)/)
      throws(() => array(value as never), 'ERR_DTYPE', hint)
    }
    throws(
      () => toTargets([0n, 1n], classes, 'y'),
      'ERR_DTYPE',
      /^y\[0\]: expected a number, got 0n; .*Number\(value\)/,
    )
  })
})

describe('toInput', () => {
  it('passes bytes and float32 on without a copy', () => {
    const bytes = new Uint8Array(8)
    const floats = new Float32Array(8)
    const shared = new Uint8Array(new SharedArrayBuffer(8))
    assert.equal(toInput(array(bytes, [2, 4]), [4], 'x').data, bytes)
    assert.equal(toInput(floats, [4], 'x').data, floats)
    assert.equal(toInput(shared, [4], 'x').data, shared)
    const clamped = new Uint8ClampedArray(bytes.buffer, 4)
    const { data } = toInput(clamped, [4], 'x')
    assert.equal(data.constructor, Uint8Array)
    assert.deepEqual([data.buffer, data.byteOffset, data.length], [bytes.buffer, 4, 4])
  })

  it('says what lies in memory of the caller: all but what was converted here', () => {
    for (const Kind of numericArrays) {
      const isKept = [Uint8Array, Uint8ClampedArray, Float32Array].includes(Kind as never)
      assert.equal(takeInput(new Kind(8), [4], 'x').lent, true)
      assert.equal(toInput(array(new Kind(8), [2, 4]), [4], 'x').lent, isKept, Kind.name)
    }
    assert.equal(takeInput([[1, 2]], [2], 'x').lent, false)
    assert.equal(takeInput([Float32Array.of(1, 2)], [2], 'x').lent, false)
  })

  it('makes everything else float32', () => {
    const kinds = [Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float64Array]
    for (const Kind of kinds) {
      const { data, rows: count } = toInput(Kind.of(1, 2, 3, 4), [2], 'x')
      assert.deepEqual(data, Float32Array.of(1, 2, 3, 4))
      assert.equal(count, 2)
    }
    assert.deepEqual(toInput([[1, Number.NaN]], [2], 'x').data, Float32Array.of(1, Number.NaN))
  })

  it('passes scale and offset on', () => {
    const input = toInput(array(new Uint8Array(4), [2, 2], { scale: 1 / 255, offset: -0.5 }), [2], 'x')
    assert.deepEqual([input.scale, input.offset, input.rows], [1 / 255, -0.5, 2])
    assert.deepEqual(toInput([[1, 2]], [2], 'x').scale, 1)
  })

  it('takes arrays of another realm', () => {
    const foreign = runInNewContext('({ data: new Uint8Array(6), shape: [3, 2] })') as ArrayInput
    assert.equal(toInput(foreign, [2], 'x').rows, 3)
    assert.equal(toInput(runInNewContext('[[1, 2], [3, 4]]'), [2], 'x').rows, 2)
  })

  it('takes a column as rows of one', () => {
    assert.equal(toInput([1, 2, 3], [1], 'x').rows, 3)
    assert.equal(toInput(array([1, 2, 3]), [1], 'x').rows, 3)
    assert.equal(toInput(array([[1], [2]]), [1], 'x').rows, 2)
  })

  it('accepts exactly the shapes that fit, for random shapes', () => {
    const random = new Random(1)
    for (let i = 0; i < 500; i++) {
      const rowShape = Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(4))
      const shape = Array.from({ length: 1 + random.below(4) }, () => 1 + random.below(4))
      const count = shape.reduce((a, b) => a * b, 1)
      const value = array(random.bytes(count), shape)
      const fits = shape.length === rowShape.length + 1 && rowShape.every((size, j) => size === shape[j + 1])
      const isColumn = shape.length === 1 && rowShape.every((size) => size === 1)
      if (fits || isColumn) assert.equal(toInput(value, rowShape, 'x').rows, shape[0])
      else throws(() => toInput(value, rowShape, 'x'), 'ERR_SHAPE', /^x: expected shape \[n, /)
      const size = rowShape.reduce((a, b) => a * b, 1)
      if (count % size === 0) assert.equal(toInput(value.data, rowShape, 'x').rows, count / size)
      else throws(() => toInput(value.data, rowShape, 'x'), 'ERR_SHAPE', /not a multiple of/)
    }
  })

  it('says how to reshape what has the right size', () => {
    const images = array(new Uint8Array(2 * 784), [2, 28, 28])
    throws(
      () => toInput(images, [784], 'x'),
      'ERR_SHAPE',
      /array\(data, \[2, 784\]\).*flatten\({ inputShape: \[28, 28\] }\)/,
    )
    throws(() => toInput(array(images.data, [2, 784]), [28, 28], 'x'), 'ERR_SHAPE', /array\(data, \[2, 28, 28\]\)/)
    throws(() => toInput(array([1, 2, 3]), [3], 'x'), 'ERR_SHAPE', /a single row has the shape \[1, 3\]/)
  })

  it('refuses no rows, plain objects and shapes that lie', () => {
    throws(() => toInput([], [4], 'x'), 'ERR_SHAPE', /x: expected at least one row/)
    throws(() => toInput({ data: [1], shape: [1] }, [1], 'x'), 'ERR_DTYPE', /^x: expected/)
    throws(
      () => toInput({ data: new Float32Array(3), shape: [2, 2] }, [2], 'x'),
      'ERR_SHAPE',
      /x.data: expected 4 elements/,
    )
    throws(() => toInput({ data: new Float32Array(4), shape: [2, 2], scale: 'a' }, [2], 'x'), 'ERR_ARGUMENT', /x.scale/)
  })

  it('notices memory that was transferred away', () => {
    const data = new Float32Array(4)
    const value = array(data, [2, 2])
    structuredClone(data.buffer, { transfer: [data.buffer] })
    throws(() => toInput(value, [2], 'x'), 'ERR_DATA_DETACHED', /x.data/)
  })
})

describe('sliceRows', () => {
  it('cuts inputs and targets without a copy', () => {
    const input = toInput(
      new Uint8Array(12).map((_, i) => i),
      [3],
      'x',
    )
    const part = sliceRows(input, 1, 3)
    assert.deepEqual(part, { data: Uint8Array.of(3, 4, 5, 6, 7, 8), scale: 1, offset: 0, rows: 2, lent: true })
    assert.equal(part.data.buffer, input.data.buffer)
    const targets = toTargets([3, 2, 1, 0], { outputs: 4, classes: true }, 'y')
    const { kind, data, rows, lent } = sliceRows(targets, 3, 4)
    assert.deepEqual({ kind, data, rows, lent }, { kind: 'classes', data: Int32Array.of(0), rows: 1, lent: false })
  })
})

describe('arrays as JSON', () => {
  const json = (value: unknown) => JSON.parse(JSON.stringify(value))

  it('are nested lists, of the values that count', () => {
    assert.deepEqual(json(array([1, 2, 3, 4, 5, 6], [1, 3, 2])), [
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ])
    assert.deepEqual(json({ x: array(Uint8Array.of(0, 255), [2], { scale: 2, offset: 1 }) }), { x: [1, 511] })
    assert.deepEqual(json(array([[], []])), [[], []])
    assert.equal(json(array([7], [])), 7)
    assert.deepEqual(json(array([[Number.NaN, 0.5]])), [[null, 0.5]])
    assert.deepEqual(Object.keys(array([1])), ['data', 'shape'])
    assert.deepEqual(array([[1, 2]]).toJSON?.(), [[1, 2]])
  })

  it('are so wherever Neurode gives them', async () => {
    using model = sequential([layers.dense({ units: 2, kernelInitializer: 'ones', inputShape: [2] })])
    const compiled = model.compile({ loss: 'mse', device: 'cpu', optimizer: optimizers.sgd({ learningRate: 0 }) })
    const x = [
      [1, 2],
      [3, 4],
    ]
    const outputs = [
      [3, 3],
      [7, 7],
    ]
    assert.deepEqual(json(await model.predict(x)), outputs)
    assert.deepEqual(json(await model.predictOnBatch(x)), outputs)
    assert.deepEqual(json(model.predictSync(x)), outputs)
    assert.deepEqual(json(model.predictSync(Float32Array.of(1, 2))), [[3, 3]])
    assert.deepEqual(model.predictSync(x).toJSON(), outputs)
    for await (const batch of model.predictStream([x])) assert.deepEqual(json(batch), outputs)
    const kernel = [
      [1, 1],
      [1, 1],
    ]
    assert.deepEqual(json(model.getWeights()), [kernel, [0, 0]])
    assert.deepEqual(json(model.layers[0]?.getWeights()), [kernel, [0, 0]])
    await inFolder(async (folder) => {
      await writeNpz(join(folder, 'a.npz'), { x })
      assert.deepEqual(json((await readNpz(join(folder, 'a.npz'))).get('x')), x)
      await writeSafetensors(join(folder, 'a.safetensors'), { x })
      assert.deepEqual(json((await readSafetensors(join(folder, 'a.safetensors'))).tensors.get('x')), x)
    })
    assert.deepEqual(json(await readNpy(encodeNpy(x))), x)
    assert.deepEqual(json((await readCsv(Buffer.from('a,b\n1,2\n3,4\n'))).numbers()), x)
    assert.deepEqual(json(await readIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 6))), [5, 6])
    const { train } = datasets.syntheticDigits({ train: 2, test: 1 })
    assert.equal(json(train.labels).length, 2)
    assert.equal(json(train.images)[1].length, 784)

    const result = await compiled.fit(x, outputs, { epochs: 2, verbose: 0 })
    assert.deepEqual(json(result.history), { loss: [0, 0] })
    const { history, epochs, stopReason, epochSeconds } = json(result)
    assert.deepEqual([history, epochs, stopReason, epochSeconds.length], [{ loss: [0, 0] }, 2, 'completed', 2])
  })

  it('are so for what an evaluation says of each class', async () => {
    using model = sequential([layers.dense({ units: 2, activation: 'softmax', inputShape: [1] })])
    model.compile({ loss: 'sparseCategoricalCrossentropy', device: 'cpu' })
    const { perClass } = await model.evaluate([[1], [2]], [0, 1], { perClass: true, verbose: 0 })
    const { support, f1 } = json(perClass)
    assert.deepEqual([support, f1.length], [[1, 1], 2])
  })
})
