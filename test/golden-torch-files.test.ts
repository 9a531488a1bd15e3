/** Weights of PyTorch and scikit-learn: by the names of modules, in their layouts, both ways; what does not fit is refused. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  input,
  type Layer,
  layers,
  model,
  readSafetensors,
  type Sequential,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { perDevice } from './support/devices.js'
import { flatten, type GoldenValue } from './support/golden.js'
import {
  type AnyLoaded,
  assertPredicts,
  badFiles,
  type FileCase,
  goodFiles,
  predictionsOf,
  refusedOr,
} from './support/kerasFiles.js'
import { leavingNothing } from './support/leavingNothing.js'
import { assertClose } from './support/tolerances.js'

interface Module {
  readonly name: string
  readonly class: string
  readonly [option: string]: unknown
}

/** The layers for PyTorch's modules, with the options that make them compute the same. */
const layerOf: Readonly<Record<string, (module: Module, name: string | undefined) => Layer>> = {
  Linear: ({ out_features, bias }, name) =>
    layers.dense({ units: out_features as number, useBias: bias as boolean, name }),
  BatchNorm1d: ({ eps, affine }, name) =>
    layers.batchNormalization({ epsilon: eps as number, center: affine as boolean, scale: affine as boolean, name }),
  LayerNorm: ({ eps, bias }, name) =>
    layers.layerNormalization({ epsilon: eps as number, center: bias as boolean, name }),
  GroupNorm: ({ eps, num_groups }, name) =>
    layers.groupNormalization({ groups: num_groups as number, epsilon: eps as number, name }),
  RMSNorm: ({ eps }, name) => layers.rmsNormalization({ epsilon: eps as number, name }),
  PReLU: ({ num_parameters: count }, name) => layers.prelu({ name, ...(count === 1 ? { sharedAxes: [1] } : {}) }),
  Embedding: ({ num_embeddings, embedding_dim }, name) =>
    layers.embedding({ inputDim: num_embeddings as number, outputDim: embedding_dim as number, name }),
  ReLU: () => layers.reLU(),
  Tanh: () => layers.activation('tanh'),
  GELU: () => layers.activation('gelu'),
  Dropout: ({ p }) => layers.dropout({ rate: p as number }),
  LeakyReLU: ({ negative_slope }) => layers.leakyReLU({ negativeSlope: negative_slope as number }),
  ELU: ({ alpha }) => layers.elu({ alpha: alpha as number }),
}

const made = (module: Module, name?: string) => (layerOf[module.class] as (typeof layerOf)[string])(module, name)

type To = (module: string, tensor: SymbolicTensor) => SymbolicTensor
type Forward = (to: To, x: SymbolicTensor, ids: SymbolicTensor) => SymbolicTensor
const plain = (layer: Layer, tensor: SymbolicTensor) => layer.apply(tensor) as SymbolicTensor

/** What the cases that are no chains compute. */
const forwards: Readonly<Record<string, Forward>> = {
  'h = fc2(act(norm(fc1(x)))); y = softmax(head(act(h)))': (to, x) => {
    const h = to('encoder.fc2', to('act', to('encoder.norm', to('encoder.fc1', x))))
    return plain(layers.softmax(), to('head', to('act', h)))
  },
  'h = stem(x); for each block: h = h + down(relu(up(norm(h)))); y = head(h)': (to, x) => {
    let h = to('stem', x)
    for (const block of ['blocks.0', 'blocks.1', 'blocks.2']) {
      const up = plain(layers.reLU(), to(`${block}.up`, to(`${block}.norm`, h)))
      h = layers.add().apply([h, to(`${block}.down`, up)]) as SymbolicTensor
    }
    return to('head', h)
  },
  'y = fc(concatenate(flatten(table(ids)), x))': (to, x, ids) => {
    const flat = plain(layers.flatten(), to('table', ids))
    return to('fc', layers.concatenate().apply([flat, x]) as SymbolicTensor)
  },
  'y = flatten(head(tanh(fc(table(ids)))))': (to, ids) =>
    plain(layers.flatten(), to('head', plain(layers.activation('tanh'), to('fc', to('table', ids))))),
}

interface TorchConfig {
  readonly forward: string
  readonly net: readonly Module[]
}

const widthOf = (rows: unknown) => (rows as number[][])[0]?.length ?? 0

function netOf({ config, inputs }: FileCase): AnyLoaded {
  const { forward, net } = config as unknown as TorchConfig
  const compute = forwards[forward]
  if (compute === undefined) {
    const first = layers.input({ shape: [widthOf(inputs.x)] })
    return sequential({ layers: [first, ...net.map((module) => made(module))], seed: 1 }) as AnyLoaded
  }
  const own = new Map(net.map((module) => [module.name, made(module, module.name)]))
  const to: To = (name, tensor) => plain(own.get(name) as Layer, tensor)
  const named = Array.isArray(inputs.x) ? { x: inputs.x } : (inputs.x as Record<string, GoldenValue>)
  const tensors = Object.fromEntries(
    Object.entries(named).map(([name, rows]) => [name, input({ shape: [widthOf(rows)], name })]),
  ) as Record<string, SymbolicTensor>
  const { x, ids } = tensors as { x: SymbolicTensor; ids: SymbolicTensor }
  const outputs = compute(to, x, ids)
  return model({ inputs: ids === undefined ? x : tensors, outputs, seed: 1 } as never) as AnyLoaded
}

const all = goodFiles(['torch state dict', 'torch state dict index'])

perDevice('golden interchange torch weights', (device) => {
  for (const golden of all) {
    it(golden.name, async () => {
      using net = netOf(golden)
      ;(net as Sequential).compile({ loss: 'mse', device: device as never, threads: 1 })
      await net.loadWeights(join(golden.folder, golden.name))
      await assertPredicts(net, golden, golden.inputs.x as GoldenValue, 'y')
    })
  }
})

describe('golden interchange torch weights', () => {
  it('are written as PyTorch has them', () =>
    inFolder(async (folder) => {
      for (const golden of all.filter(({ name }) => /batch_norm|norms|prelu|residual|embedding/.test(name))) {
        const { net } = golden.config as unknown as TorchConfig
        using own = netOf(golden)
        await own.loadWeights(join(golden.folder, golden.name))
        const path = join(folder, 'w.safetensors')
        await own.saveWeights(path, { names: 'torch' })
        const [written, read] = [await readSafetensors(path), await readSafetensors(join(golden.folder, golden.name))]
        assert.equal(written.metadata.get('format'), 'pt')
        const isNamed = forwards[(golden.config as unknown as TorchConfig).forward] !== undefined
        const modules = net.filter(({ name }) => [...read.tensors.keys()].some((each) => each.startsWith(`${name}.`)))
        const names = own.layers.filter((layer) => layer.countParams() > 0).map(({ name }) => name)
        assert.equal(names.length, modules.length)
        for (const [name, tensor] of read.tensors) {
          const module = modules.findIndex((each) => name.startsWith(`${each.name}.`))
          const parameter = name.slice((modules[module] as Module).name.length)
          const found = written.tensors.get((isNamed ? (modules[module] as Module).name : names[module]) + parameter)
          assert.deepEqual(found?.shape, tensor.shape, name)
          if (!name.endsWith('tracked')) assert.deepEqual([...(found?.data ?? [])], [...tensor.data], name)
        }
        assert.equal(written.tensors.size, read.tensors.size)
        using again = netOf(golden)
        await again.loadWeights(path)
        assert.deepEqual(
          again.getWeights().map(({ data }) => data),
          own.getWeights().map(({ data }) => data),
        )
      }
    }))

  const named = all.find(({ name }) => name === 'torch/named.safetensors')
  if (named !== undefined) {
    it('are taken by the modules that layers are said to have: acceptance case 14 (RTNeural#53)', async () => {
      const { net } = named.config as unknown as TorchConfig
      const chain = ['encoder.fc1', 'encoder.norm', 'act', 'encoder.fc2', 'act', 'head']
      const modules = chain.map((name) => net.find((each) => each.name === name) as Module)
      const own = (names: readonly (string | undefined)[]) =>
        sequential({
          layers: [
            layers.input({ shape: [4] }),
            ...modules.map((module, i) => made(module, names[i])),
            layers.softmax(),
          ],
          seed: 1,
        }) as unknown as Sequential
      const path = join(named.folder, named.name)
      using other = own(['a', 'b', undefined, 'c', undefined, 'd'])
      await other.loadWeights(path, { layers: { a: 'encoder.fc1', b: 'encoder.norm', c: 'encoder.fc2', d: 'head' } })
      await assertPredicts(other as AnyLoaded, named, named.inputs.x as GoldenValue, 'y')
      const lists = /layers: 'a', 'b', 'c', 'd'; modules: 'encoder\.fc1', 'encoder\.fc2', 'encoder\.norm', 'head'/
      await rejects(other.loadWeights(path), 'ERR_SHAPE', lists)
      await rejects(
        other.loadWeights(path, { layers: { a: 'encoder.fc1' } }),
        'ERR_SHAPE',
        /layer 'b' is called like no module/,
      )
      await rejects(other.loadWeights(path, { layers: { z: 'head' } }), 'ERR_SHAPE', /no layer 'z'/)
      await rejects(other.loadWeights(path, { layers: { a: 'body' } }), 'ERR_SHAPE', /no module 'body'/)
    })
  }

  for (const golden of badFiles((format) => format.startsWith('torch'))) {
    it(`${golden.must === 'reject' ? 'refuse' : 'survive'} ${golden.name}: ${golden.wrong}`, async () => {
      using net = sequential({
        layers: [
          layers.dense({ units: 5, inputShape: [4] }),
          layers.batchNormalization({ epsilon: 1e-5 }),
          layers.reLU(),
          layers.dense({ units: 5 }),
          layers.dense({ units: 2, useBias: false }),
        ],
        seed: 1,
      })
      const before = net.getWeights().map(({ data }) => data)
      let isLoaded: boolean | undefined
      await leavingNothing(async () => {
        isLoaded = await refusedOr(
          () => net.loadWeights(join(golden.folder, golden.file)).then(() => true),
          ['ERR_FILE_FORMAT', 'ERR_FILE_NOT_FOUND', 'ERR_SHAPE'],
        )
      })
      assert.ok(golden.must === 'safe' || isLoaded === undefined, 'it was loaded')
      if (isLoaded === undefined) {
        assert.deepEqual(
          net.getWeights().map(({ data }) => data),
          before,
        )
      } else if (golden.result !== undefined) {
        const [actual = []] = await predictionsOf(net as unknown as AnyLoaded, golden.input as never)
        assertClose(actual, flatten(golden.result), { rtol: 2e-5, atol: 2e-6 }, golden.name)
      }
    })
  }
})

/** Activations by scikit-learn's names. */
const activations: Readonly<Record<string, 'linear' | 'sigmoid' | 'relu' | 'tanh' | 'softmax'>> = {
  identity: 'linear',
  logistic: 'sigmoid',
  relu: 'relu',
  tanh: 'tanh',
  softmax: 'softmax',
}

describe('golden interchange scikit-learn weights', () => {
  for (const golden of goodFiles(['sklearn mlp npz'])) {
    it(golden.name, async () => {
      const {
        hidden_layer_sizes: hidden,
        activation,
        out_activation: last,
      } = golden.config as unknown as {
        hidden_layer_sizes: number[]
        activation: string
        out_activation: string
      }
      const { predict, predict_proba: probabilities, intercepts } = golden.outputs
      const units = (intercepts as number[][]).at(-1)?.length as number
      using net = sequential([
        layers.input({ shape: [widthOf(golden.inputs.x)] }),
        ...hidden.map((size) => layers.dense({ units: size, activation: activations[activation] })),
        layers.dense({ units, activation: activations[last] }),
      ]) as unknown as Sequential
      await net.loadWeights(join(golden.folder, golden.name))
      const [actual] = (await predictionsOf(net as AnyLoaded, golden.inputs.x as never)) as [Float32Array]
      const both = flatten((probabilities ?? predict) as GoldenValue)
      const isPair = probabilities !== undefined && units === 1
      const expected = isPair ? both.filter((_, i) => i % 2 === 1) : both
      assertClose(actual, expected, { rtol: golden.rtol, atol: golden.atol }, golden.name)
    })
  }
})
