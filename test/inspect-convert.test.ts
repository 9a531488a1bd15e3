/** The commands `neurode inspect` and `neurode convert`, and the kind of a model that a file holds. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Functional,
  input,
  layers,
  load,
  model,
  optimizers,
  readSafetensors,
  type Sequential,
  sequential,
} from 'neurode'
import { runNode } from './support/children.js'
import { suiteFolder } from './support/folders.js'
import { goldenFolder } from './support/golden.js'

const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
const neurode = (...args: string[]) => runNode([main, ...args], { NEURODE_DEVICE: 'cpu' })
const golden = (path: string) => join(goldenFolder, 'interchange', path)
const inspect = async (path: string) => {
  const { code, stdout, stderr } = await neurode('inspect', path, '--json')
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

const keys = [
  ...['file', 'format', 'bytes', 'kind', 'producer', 'version', 'opset', 'dtypes', 'details'],
  ...['model', 'table', 'tensors', 'notes'],
]

/** A graph with two inputs, one of indices. */
function twoInputs() {
  const words = input({ shape: [3], name: 'words', dtype: 'int32' })
  const size = input({ shape: [2], name: 'size' })
  const read = layers.flatten().apply(layers.embedding({ inputDim: 7, outputDim: 4 }).apply(words))
  const joined = layers.concatenate().apply([read, size])
  return model({ inputs: [words, size], outputs: layers.dense({ units: 2, name: 'out' }).apply(joined), seed: 3 })
}

/** What files of other programs hold: part of what is printed. */
const files: Readonly<Record<string, object>> = {
  'keras/optimizer_adam_everything.keras': { kind: 'sequential', format: 'a Keras file (.keras)', producer: 'Keras' },
  'old/2_15_0_sequential.h5': { kind: 'sequential', format: 'an HDF5 file (.h5)', version: '2.15.0' },
  'tfjs/optimizer_momentum/model.json': { format: 'a TensorFlow.js model', producer: 'TensorFlow.js tfjs-layers' },
  'tfjs/kernels_uint8': { dtypes: ['uint8', 'float32'], version: '4.22.0', bytes: null },
  'onnx/torch_legacy_mlp_opset13.onnx': {
    format: 'an ONNX model',
    producer: 'pytorch',
    opset: 13,
    dtypes: ['float32'],
  },
  'h5/stored_latest.weights.h5': { kind: 'weights', dtypes: ['float32'] },
  'torch/named.safetensors': { kind: 'weights', format: 'a safetensors file' },
  'sklearn/binary.npz': { kind: 'weights', format: 'an npz file' },
}

describe('neurode inspect', function () {
  this.slow(5_000)
  const folder = suiteFolder()

  for (const [name, expected] of Object.entries(files)) {
    it(`says what ${name} holds`, async () => {
      const report = await inspect(golden(name))
      assert.deepEqual(Object.keys(report).sort(), [...keys].sort())
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(report[key], value, key)
      if (report.kind === 'weights') {
        assert.equal(report.model, null)
        assert.ok(report.tensors.length > 0)
        for (const { name, shape, dtype } of report.tensors) assert.ok(name && Array.isArray(shape) && dtype)
        return
      }
      using loaded = await load<Sequential | Functional>(golden(name))
      assert.equal(report.kind, loaded.kind)
      assert.deepEqual(
        report.model.layers.map(({ name }: { name: string }) => name),
        loaded.summary({ print: false }).layers.map(({ name }) => name),
      )
      assert.equal(report.model.parameters.total, loaded.countParams())
      assert.equal(report.model.training?.optimizer.name, loaded.optimizer?.name)
    })
  }

  it("says of Neurode's own file what was saved, also with functions that files do not hold", async () => {
    const path = join(folder.path, 'own.neurode')
    using net = sequential([layers.dense({ units: 1, inputShape: [2], name: 'line' })], { name: 'lines' })
    net.compile({ optimizer: optimizers.adam({ learningRate: (step) => 1 / (step + 1) }), loss: 'mse' })
    await net.fit([[0, 1]], [1], { epochs: 3, verbose: 0 })
    await net.save(path)
    const { kind, producer, model: held } = await inspect(path)
    assert.deepEqual([kind, producer, held.name], ['sequential', 'Neurode', 'lines'])
    assert.deepEqual(held.layers, [{ name: 'line', kind: 'Dense', outputShape: [1], parameters: 3 }])
    assert.deepEqual(held.parameters, { total: 3, trainable: 3, bytes: 12 })
    assert.equal(held.training.step, 3)
    assert.equal(held.training.optimizer.name, 'adam')
    assert.deepEqual(held.training.outputs, [{ loss: 'meanSquaredError', lossWeight: 1, metrics: [] }])
  })

  it('says the same for people', async () => {
    const { code, stdout } = await neurode('inspect', golden('old/2_15_0_sequential.h5'))
    assert.equal(code, 0)
    assert.match(stdout, /\nformat {2,}an HDF5 file \(\.h5\), [\d,]+ bytes\nholds {2,}a sequential model\n/)
    assert.match(stdout, /\nwritten by {2,}Keras 2\.15\.0\n/)
    assert.match(stdout, /\nParameters: /)
    const weights = await neurode('inspect', golden('torch/named.safetensors'))
    assert.match(weights.stdout, /\nholds {2,}weights alone\n[\s\S]*\n {2}\S+\.weight \[\d+, \d+\] float32\n/)
  })

  it('refuses what cannot be read, with the error of the reader', async () => {
    const text = join(folder.path, 'text.txt')
    await writeFile(text, 'hello')
    for (const [path, message] of [
      [golden('bad/tfjs_graph_cycle/model.json'), /^neurode: .*model\.json: /],
      [text, /^neurode: .*text\.txt: .*text/],
      [join(folder.path, 'nowhere.keras'), /^neurode: .*nowhere\.keras/],
    ] as const) {
      const { code, stdout, stderr } = await neurode('inspect', path, '--json')
      assert.deepEqual([code, stdout], [1, ''], stderr)
      assert.match(stderr, message)
    }
    assert.equal((await neurode('inspect')).code, 2)
  })
})

describe('neurode convert', function () {
  this.slow(8_000)
  const folder = suiteFolder()

  it('passes a graph with indices from format to format, with the same outputs', async () => {
    using net = twoInputs().compile({ optimizer: 'adam', loss: 'mse' })
    const paths = ['a.neurode', 'b.keras', 'c.h5', 'model.json', 'd.onnx', 'e.neurode'].map((name) =>
      join(folder.path, name),
    )
    await net.save(paths[0] as string)
    for (const [i, path] of paths.entries()) {
      if (i === 0) continue
      const { code, stdout, stderr } = await neurode('convert', paths[i - 1] as string, path, '--check')
      assert.equal(code, 0, stderr)
      assert.match(stdout, /^Wrote .*\n(?:(?:Left out|Not read): .*\n)*Checked: largest difference of outputs .*\n$/)
    }
    using again = await load<Sequential | Functional>(paths.at(-1) as string)
    assert.ok(again.kind === 'functional')
    assert.deepEqual(again.inputNames, ['words', 'size'])
    for (const [i, { data }] of again.getWeights().entries()) assert.deepEqual(data, net.getWeights()[i]?.data)
  })

  it('writes ONNX of the version that was asked for, and says what is left out', async () => {
    const path = join(folder.path, 'model.onnx')
    const { code, stdout, stderr } = await neurode(
      'convert',
      golden('old/2_15_0_sequential.h5'),
      path,
      '--opset',
      '13',
      '--check',
    )
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^Wrote .*model\.onnx\n(?:Left out: .*\n)+Checked: .*\n$/)
    assert.equal((await inspect(path)).opset, 13)
    using loaded = await load(golden('old/2_15_0_sequential.h5'))
    await loaded.save(`${path}.onnx`, { opset: 13 })
    assert.deepEqual(await readFile(path), await readFile(`${path}.onnx`))
  })

  it('writes weights alone', async () => {
    for (const name of ['w.safetensors', 'w.weights.h5']) {
      const path = join(folder.path, name)
      const { code, stdout, stderr } = await neurode('convert', golden('keras/deflated.keras'), path, '--check')
      assert.equal(code, 0, stderr)
      assert.match(stdout, /\nLeft out: all but the weights.*\nChecked: /)
    }
  })

  it("writes weights with PyTorch's names", async () => {
    const path = join(folder.path, 't.safetensors')
    const { code, stderr } = await neurode(
      'convert',
      golden('keras/deflated.keras'),
      path,
      '--names',
      'torch',
      '--check',
    )
    assert.equal(code, 0, stderr)
    assert.ok([...(await readSafetensors(path)).tensors.keys()].every((name) => /\.(?:weight|bias)$/.test(name)))
  })

  it('takes the outputs of an ONNX model that are wanted', async () => {
    const [from, path] = [golden('onnx/torch_dynamo_two_inputs.onnx'), join(folder.path, 'kind.neurode')]
    const { code, stderr } = await neurode('convert', from, path, '--outputs', 'kind', '--check')
    assert.equal(code, 0, stderr)
    using net = await load<Functional>(path)
    assert.deepEqual(net.outputNames, ['kind'])
  })

  it('finds outputs that are not finite', async () => {
    const path = join(folder.path, 'nan.neurode')
    using net = sequential([layers.dense({ units: 1, inputShape: [2] })])
    net.setWeights([[[Number.NaN], [1]], [0]])
    await net.save(path)
    const { code, stderr } = await neurode('convert', path, join(folder.path, 'nan.keras'), '--check')
    assert.equal(code, 1)
    assert.match(stderr, /the outputs on random rows are not finite numbers/)
  })

  it('says why its own output cannot be written', function () {
    // A device of Linux that is always full.
    if (!existsSync('/dev/full')) this.skip()
    const full = openSync('/dev/full', 'w')
    const run = spawnSync(process.execPath, [main, 'convert', '--help'], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    assert.equal(run.status, 1)
    assert.match(String(run.stderr), /^neurode: the output cannot be written \(ENOSPC/)
  })

  it('refuses to replace its input, and options that have no effect', async () => {
    const own = join(folder.path, 'own.keras')
    await copyFile(golden('keras/deflated.keras'), own)
    const tfjs = join(folder.path, 'tfjs')
    await mkdir(tfjs)
    for (const name of ['model.json', 'weights.bin'])
      await copyFile(golden(`tfjs/optimizer_momentum/${name}`), join(tfjs, name))
    for (const [args, message] of [
      [[own, join(folder.path, 'tfjs', '..', 'own.keras')], /<out>: expected another path than <in>/],
      [[tfjs, join(tfjs, 'other.json')], /<out>: expected another folder than that of <in>/],
      [[own, join(folder.path, 'own.txt')], /<out>: expected a path that ends in \.neurode, /],
      [[own, join(folder.path, 'x.keras'), '--opset', '17'], /--opset: expected <out> to end in \.onnx/],
      [[own, join(folder.path, 'x.onnx'), '--opset', '12'], /--opset: expected an integer from 13 to 25/],
      [[own, join(folder.path, 'x.npz'), '--names', 'keras'], /--names: expected 'torch', for weights alone/],
      [[own, join(folder.path, 'x.onnx'), '--names', 'torch'], /--names: expected 'torch', for weights alone/],
      [[own, join(folder.path, 'x.onnx'), '--outputs', 'a,,b'], /--outputs: expected names between commas/],
      [[own], /expected 'neurode convert <in> <out> \[options\]'/],
    ] as const) {
      const { code, stdout, stderr } = await neurode('convert', ...args)
      assert.deepEqual([code, stdout], [2, ''], stderr)
      assert.match(stderr, message)
    }
    assert.deepEqual(await readFile(own), await readFile(golden('keras/deflated.keras')))
    const weights = await neurode('convert', golden('torch/named.safetensors'), join(folder.path, 'x.keras'))
    assert.equal(weights.code, 1)
    assert.match(weights.stderr, /^neurode: .*named\.safetensors: .*safetensors/)
  })
})
