/** Mistakes in graphs, in the data of several inputs, and in models that share layers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  type ArrayInput,
  callbacks,
  type Functional,
  input,
  type Layer,
  layers,
  model,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import { inFolder } from './data/files.js'
import { compiled, numbers, quiet, twoInputs } from './support/graphs.js'

const x4 = numbers(4)
const y1 = numbers(1)

describe('graph models refuse', () => {
  const x = input({ shape: [4], name: 'x' })
  const z = input({ shape: [3], name: 'z' })
  const dense = (units = 4) => layers.dense({ units })
  const cases: Readonly<Record<string, readonly [() => unknown, string, RegExp]>> = {
    'an output of another input': [
      () => model({ inputs: x, outputs: layers.concatenate().apply([x, z]) }),
      'ERR_ARGUMENT',
      /needs the input 'z' as well/,
    ],
    'an input that is not used': [
      () => model({ inputs: [x, z], outputs: dense().apply(x) }),
      'ERR_ARGUMENT',
      /got 'z', which none needs/,
    ],
    'one tensor as two inputs': [() => model({ inputs: [x, x], outputs: dense().apply(x) }), 'ERR_ARGUMENT', /twice/],
    'names twice': [
      () => {
        const [a, b] = [layers.dense({ units: 4, name: 'a' }), layers.dense({ units: 4, name: 'a' })]
        return model({ inputs: x, outputs: b.apply(a.apply(x)) })
      },
      'ERR_ARGUMENT',
      /different names, got 'a' twice/,
    ],
    'no tensors': [() => model({ inputs: [], outputs: dense().apply(x) }), 'ERR_ARGUMENT', /at least one tensor/],
    'layers as tensors': [() => model({ inputs: x, outputs: dense() as never }), 'ERR_ARGUMENT', /a tensor/],
    'numbers as tensors': [() => dense().apply([1, 2] as never), 'ERR_ARGUMENT', /a tensor, as input\(\)/],
    'two tensors for a layer of one': [() => dense().apply([x, x]), 'ERR_ARGUMENT', /one tensor/],
    'one tensor for a merge': [() => layers.add().apply([x]), 'ERR_ARGUMENT', /at least two tensors/],
    'three tensors for a difference': [() => layers.subtract().apply([x, x, x]), 'ERR_ARGUMENT', /two tensors/],
    'shapes that differ': [() => layers.add().apply([x, z as never]), 'ERR_SHAPE', /one shape.*got \[4\] and \[3\]/],
    'shapes that do not join': [
      () => layers.concatenate({ axis: 1 }).apply([input({ shape: [2, 3] }), input({ shape: [2, 4] })]),
      'ERR_SHAPE',
      /differ along axis 1 alone/,
    ],
    'products of matrices': [
      () => layers.dot({ axes: 1 }).apply([input({ shape: [2, 3] }), input({ shape: [2, 3] })]),
      'ERR_SHAPE',
      /one dimension per row/,
    ],
    'columns that are not there': [() => layers.slice({ begin: 3, size: 2 }).apply(x), 'ERR_SHAPE', /at least 5/],
    'indices that are not there': [() => layers.take({ indices: [5, 0] }).apply(x), 'ERR_SHAPE', /at least 6 indices/],
    'an index below 0': [() => layers.take({ indices: [0, -1] }), 'ERR_ARGUMENT', /indices\[1\]/],
    'no indices': [() => layers.take({ indices: [] }), 'ERR_ARGUMENT', /an array of integers/],
    'merges in a chain': [
      () => sequential([layers.add() as never, dense()]).build([4]),
      'ERR_ARGUMENT',
      /apply\(\[a, b\]\)/,
    ],
    'one layer for inputs of two sizes': [
      () => {
        const shared = dense()
        return model({ inputs: [x, z], outputs: layers.add().apply([shared.apply(x), shared.apply(z)]) })
      },
      'ERR_SHAPE',
      /its weights are for inputs of shape \[4\]/,
    ],
    'one layer for inputs of two sizes in two models': [
      () => {
        const shared = layers.dense({ units: 4 })
        sequential([shared]).build([3])
        return model({ inputs: x, outputs: shared.apply(x) })
      },
      'ERR_SHAPE',
      /as in another model/,
    ],
    'integers behind computed values': [
      () => {
        const h = layers.embedding({ inputDim: 3, outputDim: 2 }).apply(dense().apply(x))
        return model({ inputs: x, outputs: h }).getWeights()
      },
      'ERR_ARGUMENT',
      /expected integers, the model's input, got what layer 'dense' computes/,
    ],
    'another shape for a nested model': [
      () => sequential([layers.dense({ units: 1, inputShape: [3] })]).apply(x),
      'ERR_SHAPE',
      /expected a tensor of shape \[3\], got \[4\]/,
    ],
    'a name that no input of a nested model has': [
      () => model({ inputs: x, outputs: dense().apply(x) }).apply({ y: x }),
      'ERR_UNKNOWN_NAME',
      /no input is called 'y'/,
    ],
    'tensors of a model without a shape': [() => sequential([dense()]).inputs, 'ERR_NOT_BUILT', /not built/],
    'layers for a model that is part of a graph': [
      () => {
        const nested = sequential([layers.dense({ units: 4, inputShape: [4] })])
        nested.apply(x)
        nested.add(dense())
      },
      'ERR_ARGUMENT',
      /is a layer of a graph, so its own layers cannot be changed/,
    ],
    'more calls than can be computed': [
      () => {
        let tower: { apply(tensor: SymbolicTensor): SymbolicTensor } = dense()
        for (let level = 0; level < 20; level++) {
          const [t, below] = [input({ shape: [4] }), tower]
          tower = model({ inputs: t, outputs: below.apply(below.apply(t)) })
        }
      },
      'ERR_ARGUMENT',
      /at most 65536 calls/,
    ],
    'no options': [() => (model as (options?: unknown) => unknown)(), 'ERR_ARGUMENT', /\{ inputs, outputs \}/],
  }
  for (const [what, [make, code, message]] of Object.entries(cases)) {
    it(what, () => {
      assert.throws(make, { code, message })
    })
  }

  it('data that do not fit the inputs', async () => {
    using net = twoInputs('cpu')
    const [a, b] = [numbers(3), numbers(2)]
    const predict = (x: unknown) => net.predict(x as ArrayInput)
    await assert.rejects(predict({ a, c: b }), { code: 'ERR_UNKNOWN_NAME', message: /no input is called 'c'/ })
    await assert.rejects(predict({ a }), { code: 'ERR_ARGUMENT', message: /none for 'b'/ })
    await assert.rejects(predict([a]), { code: 'ERR_SHAPE', message: /a list of 2 arrays, for the inputs a, b/ })
    await assert.rejects(predict({ a, b: [[1, 2]] }), { code: 'ERR_SHAPE', message: /x\.b: expected 24 rows/ })
    await assert.rejects(predict({ a: b, b: a }), { code: 'ERR_SHAPE', message: /x\.a/ })
    await assert.rejects(net.fit({ a, b }, y1, { ...quiet, copy: false }), { code: 'ERR_ARGUMENT', message: /copy/ })
  })

  it('a checkpoint of a graph whose layers are connected in another way', async () => {
    await inFolder(async (folder) => {
      const x = input({ shape: [4] })
      const connect = (join: (a: SymbolicTensor, b: SymbolicTensor) => SymbolicTensor[]) => {
        const [first, second] = [layers.dense({ units: 4 }), layers.dense({ units: 4 })]
        const h = first.apply(x)
        const outputs = layers.add().apply(join(h, second.apply(h)))
        return compiled(model({ inputs: x, outputs }) as Functional, 'cpu')
      }
      const path = join(folder, 'a.neurode')
      using one = connect((a, b) => [a, b])
      using other = connect((a, b) => [b, b, a])
      await one.save(path)
      const backup = join(folder, 'backup')
      await one.fit(x4, x4, { ...quiet, callbacks: callbacks.backupAndRestore(backup, { deleteCheckpoint: false }) })
      await assert.rejects(
        other.fit(x4, x4, { ...quiet, callbacks: callbacks.backupAndRestore(backup, { deleteCheckpoint: false }) }),
        { code: 'ERR_CHECKPOINT_MISMATCH', message: /connected in another way/ },
      )
    })
  })

  it('nothing that a layer in two models of one name would need', () => {
    const shared: Layer = layers.dense({ units: 2, inputShape: [2] })
    using one = sequential([shared])
    using two = sequential([layers.dense({ units: 2, inputShape: [2] }), shared])
    assert.equal(one.getWeights().length, 2)
    assert.deepEqual(
      two.getWeights().map(({ name }) => name),
      ['dense_1/kernel', 'dense_1/bias', 'dense/kernel', 'dense/bias'],
    )
  })
})
