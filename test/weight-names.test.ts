/** Weights from files of other libraries: which tensor belongs to which weight, and the error if that is unclear. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type ArrayInput, array, layers, type Sequential, sequential, writeNpz, writeSafetensors } from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { bitsOf } from './support/resumable.js'

const square = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
]
const rows = (...sizes: readonly [number, number]) =>
  array(
    Float32Array.from({ length: sizes[0] * sizes[1] }, (_, i) => i),
    [...sizes],
  )

const plain = (names: readonly string[] = ['dense']) =>
  sequential(
    names.map((name, i) => layers.dense({ units: 3, useBias: false, name, ...(i === 0 ? { inputShape: [3] } : {}) })),
  ) as unknown as Sequential

type Tensors = Readonly<Record<string, ArrayInput>>

/** The model's weights after it has read these tensors in the given order, from both formats. */
async function afterLoading(model: Sequential, tensors: Tensors, files = ['w.safetensors', 'w.npz']) {
  const results: number[][] = []
  await inFolder(async (folder) => {
    for (const name of files) {
      const path = join(folder, name)
      if (name.endsWith('.npz')) await writeNpz(path, new Map(Object.entries(tensors)))
      else await writeSafetensors(path, new Map(Object.entries(tensors)))
      await model.loadWeights(path)
      const { data } = await model.predict([[1, 0, 0]])
      results.push([...data])
    }
  })
  for (const result of results) assert.deepEqual(result, results[0])
  return results[0] as number[]
}

async function refused(model: Sequential, tensors: Tensors, message: RegExp, files?: readonly string[]) {
  const before = bitsOf(model)
  await rejects(afterLoading(model, tensors, files as string[]), 'ERR_SHAPE', message)
  assert.equal(bitsOf(model), before)
}

const identity = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
]

describe('weights under the names of other libraries', () => {
  it('are (out, in) under the names of PyTorch', async () => {
    for (const name of ['weight', '0.weight', 'fc.weight', 'module.net.2.weight']) {
      assert.deepEqual(await afterLoading(plain(), { [name]: square }), [1, 4, 7], name)
    }
    const model = sequential([layers.dense({ units: 2, inputShape: [3] }), layers.dense({ units: 1 })])
    const tensors = { '0.weight': rows(2, 3), '0.bias': [10, 20], '2.weight': [[1, 1]], '2.bias': [0.5] }
    assert.deepEqual(await afterLoading(model as never, tensors), [0 + 10 + 3 + 20 + 0.5])
  })

  it('are (in, out) under the names of Keras and Neurode, and without names', async () => {
    const names = ['kernel', 'dense_7/kernel', 'sequential/dense/kernel', 'dense_0_kernel', 'dense/kernel:0', 'arr_0']
    for (const name of names) assert.deepEqual(await afterLoading(plain(), { [name]: square }), [1, 2, 3], name)
    const numbered = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`arr_${11 - i}`, i === 0 ? square : identity]),
    )
    const deep = plain(Array.from({ length: 12 }, (_, i) => `d${i}`))
    assert.deepEqual(await afterLoading(deep, numbered), [1, 2, 3])
    assert.deepEqual([...(deep.getWeights().at(-1)?.data ?? [])], square.flat())
  })

  it('come by the numbers of their layers where the file sorts names as texts', async () => {
    for (const of of [(i: number) => `${i}.weight`, (i: number) => `dense_${i}/kernel`]) {
      const names = Array.from({ length: 11 }, (_, i) => of(i)).sort()
      assert.ok(names.indexOf(of(10)) < names.indexOf(of(2)))
      const tensors = Object.fromEntries(names.map((name) => [name, name === of(10) ? square : identity]))
      const model = plain(Array.from({ length: 11 }, (_, i) => `d${i}`))
      await afterLoading(model, tensors, ['w.safetensors'])
      assert.notDeepEqual([...(model.getWeights().at(-1)?.data ?? [])], identity.flat(), of(10))
    }
    const first = { 'dense/kernel': square, 'dense_1/kernel': identity }
    const model = plain(['a', 'b'])
    await afterLoading(model, first, ['w.safetensors'])
    assert.deepEqual([...(model.getWeights()[0]?.data ?? [])], square.flat())
  })

  it('come by the names of their layers, in whatever order', async () => {
    const model = plain(['first', 'second'])
    const tensors = { 'second.weight': identity, 'first.weight': square }
    assert.deepEqual(await afterLoading(model, tensors), [1, 4, 7])
    assert.deepEqual([...(model.getWeights()[1]?.data ?? [])], identity.flat())
  })

  it('come by their shapes where no two are alike', async () => {
    const model = sequential([layers.dense({ units: 2, inputShape: [3] }), layers.dense({ units: 1 })])
    const stem = [
      [0, 1],
      [2, 3],
      [4, 5],
    ]
    const tensors = { 'head/bias': [0.5], 'head/kernel': [[1], [1]], 'stem/bias': [10, 20], 'stem/kernel': stem }
    assert.equal((await afterLoading(model as never, tensors, ['w.safetensors'])).length, 1)
    assert.deepEqual([...(model.getWeights()[0]?.data ?? [])], stem.flat())
  })

  it('are refused where sorted names do not say which comes first', async () => {
    const tensors = { 'hidden/kernel': square, 'output/kernel': identity }
    await refused(plain(['a', 'b']), tensors, /'hidden' or 'output' comes first.*layers by those names/, [
      'w.safetensors',
    ])
    await afterLoading(plain(['a', 'b']), tensors, ['w.npz'])
  })

  it('are refused under names that nobody knows', async () => {
    await refused(plain(), { W: square }, /dense\/kernel, got W: names of neither Neurode, Keras.*model\.setWeights/)
    await refused(plain(), { arr_1: square }, /names of neither/)
    await refused(plain(['a', 'b']), { arr_0: square }, /taken in the order of getWeights/)
    await refused(
      plain(['a', 'b']),
      { '0.weight': square },
      /PyTorch's, but there are 1 modules with weights, and 2 layers/,
    )
    await refused(
      plain(),
      { '0.weight': square, '0.bias': [1, 2, 3] },
      /module '0' does not fit layer 'dense' \(Dense\): it has bias as well/,
    )
    await refused(plain(), { '0.weight': rows(3, 2) }, /expected weight of shape \[3, 3\], got \[3, 2\]/)
  })

  it('are refused where modules of PyTorch are others than the layers', async () => {
    const norm = sequential([
      layers.dense({ units: 3, useBias: false, inputShape: [3] }),
      layers.batchNormalization(),
    ]) as unknown as Sequential
    const tensors = { '0.weight': square, '1.weight': [1, 1, 1], '1.bias': [0, 0, 0], '1.running_mean': [0, 0, 0] }
    await refused(norm, tensors, /layer 'batch_normalization' \(BatchNormalization\): it has no running_var/)
    const convolution = { '0.weight': array(new Float32Array(27), [3, 3, 1, 3]) }
    await refused(plain(), convolution, /expected weight of shape \[3, 3\], got \[3, 3, 1, 3\]/)
    await refused(plain(), { '0.weight': square, '0.running_mean': [1, 2, 3] }, /it has running_mean as well/)
    const numbered = { 'fc1.weight': square, 'fc2.weight': identity }
    await refused(plain(['a', 'b']), numbered, /layers: 'a', 'b'; modules: 'fc1', 'fc2'/)
  })
})
