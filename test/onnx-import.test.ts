/** ONNX models: which layers are made of the forms that exporters write, and what is refused, with the node that it is about. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { activations, type Functional, load } from 'neurode'
import { inFolder, rejects } from './data/files.js'
import {
  chain,
  floats,
  integers,
  kindsOf,
  loaded,
  node,
  type OnnxModel,
  type OnnxNode,
  onnxBytes,
  x,
} from './support/onnxModels.js'
import { assertClose } from './support/tolerances.js'
import { codesOf } from './support/warnings.js'

const tolerance = { rtol: 1e-5, atol: 1e-6 }
const matrix = floats([3, 2], [1, 2, 3, 4, 5, 6])
const row = [[0.5, -1, 2]]

describe('ONNX models', () => {
  it('of several nodes for one activation give that activation', async () => {
    const number = (value: number) => floats([], [value])
    const initializers = {
      root: number(Math.SQRT2),
      one: number(1),
      half: number(0.5),
      four: number(4),
      six: number(6),
      three: number(3),
      zero: number(0),
      twenty: number(20),
      cube: number(0.044715),
      pi: number(Math.sqrt(2 / Math.PI)),
    }
    const forms: Readonly<Record<string, readonly OnnxNode[]>> = {
      silu: [node('Sigmoid', ['x'], ['s']), node('Mul', ['s', 'x'], ['y'])],
      mish: [node('Softplus', ['x'], ['s']), node('Tanh', ['s'], ['t']), node('Mul', ['x', 't'], ['y'])],
      gelu: [
        node('Div', ['x', 'root'], ['d']),
        node('Erf', ['d'], ['e']),
        node('Add', ['one', 'e'], ['a']),
        node('Mul', ['half', 'x'], ['h']),
        node('Mul', ['a', 'h'], ['y']),
      ],
      'gelu by tanh': [
        node('Mul', ['x', 'x'], ['x2']),
        node('Mul', ['x2', 'cube'], ['c']),
        node('Add', ['c', 'one'], ['c1']),
        node('Mul', ['x', 'pi'], ['p']),
        node('Mul', ['p', 'c1'], ['i']),
        node('Tanh', ['i'], ['t']),
        node('Add', ['t', 'one'], ['t1']),
        node('Mul', ['t1', 'half'], ['th']),
        node('Mul', ['x', 'th'], ['y']),
      ],
      hardSilu: [
        node('Add', ['x', 'three'], ['a']),
        node('Clip', ['a', 'zero', 'six'], ['c']),
        node('Div', ['c', 'six'], ['d']),
        node('Mul', ['x', 'd'], ['y']),
      ],
      softsign: [node('Abs', ['x'], ['a']), node('Add', ['a', 'one'], ['b']), node('Div', ['x', 'b'], ['y'])],
      softplus: [
        node('Softplus', ['x'], ['s']),
        node('Greater', ['x', 'twenty'], ['g']),
        node('Where', ['g', 'x', 's'], ['y']),
      ],
      squareplus: [
        node('Mul', ['x', 'x'], ['x2']),
        node('Add', ['x2', 'four'], ['a']),
        node('Sqrt', ['a'], ['r']),
        node('Add', ['r', 'x'], ['s']),
        node('Mul', ['s', 'half'], ['y']),
      ],
      logSigmoid: [node('Sigmoid', ['x'], ['s']), node('Log', ['s'], ['y'])],
      logSoftmax: [node('Softmax', ['x'], ['s']), node('Log', ['s'], ['y'])],
      leakyRelu: [node('Mul', ['x', 'half'], ['h']), node('Max', ['x', 'h'], ['y'])],
    }
    for (const [name, nodes] of Object.entries(forms)) {
      await loaded(chain(nodes, { initializers }), (model) => {
        const [layer, ...others] = model.layers as readonly { kind: string; activation?: unknown }[]
        assert.deepEqual(others, [], name)
        const wanted = activations[name.split(' ')[0] as 'gelu'](
          name === 'leakyRelu' ? ({ negativeSlope: 0.5 } as object) : undefined,
        )
        if (name === 'gelu by tanh') assert.deepEqual(layer?.activation, activations.gelu({ approximate: true }))
        else assert.deepEqual(layer?.activation, wanted, name)
      })
    }
  })

  it('use a value that is a part of an activation elsewhere, too', async () => {
    const nodes = [node('Sigmoid', ['x'], ['s']), node('Mul', ['x', 's'], ['m']), node('Add', ['m', 's'], ['y'])]
    await loaded(chain(nodes), async (model) => {
      const wanted = (row[0] as number[]).map((value) => (value + 1) / (1 + Math.exp(-value)))
      assertClose((await model.predict(row)).data, wanted, tolerance, 'y')
    })
  })

  it('with clipped values between any bounds are exact', async () => {
    const values = [[-7.25, -0.3, 0, 0.3, 2.5, 9]]
    const inputs = [{ name: 'x', shape: ['batch', 6] }]
    for (const [low, high] of [
      [-1, 2],
      [0, 2.5],
      [-0.25, 0.75],
      [0.5, 2],
      [-3, -0.5],
      [undefined, 1],
      [undefined, -1],
      [-2, undefined],
      [1, undefined],
    ] as const) {
      const initializers = {
        ...(low === undefined ? {} : { low: floats([], [low]) }),
        ...(high === undefined ? {} : { high: floats([], [high]) }),
      }
      const names = ['x', low === undefined ? '' : 'low', high === undefined ? '' : 'high']
      const model = { inputs, outputs: ['y'], nodes: [node('Clip', names, ['y'])], initializers }
      await loaded(model, async (made) => {
        const wanted = (values[0] as number[]).map((value) =>
          Math.min(high ?? Infinity, Math.max(low ?? -Infinity, Math.fround(value))),
        )
        assertClose((await made.predict(values)).data, wanted, { rtol: 0, atol: 1e-6 }, `${low} … ${high}`)
      })
    }
  })

  it('divide by a norm that has a bound as they say, or are refused', async () => {
    const rows = [[0.3, -0.4, 0], [30, 40, 0]] // biome-ignore format: rows of a matrix
    const unit = [0.6, -0.8, 0, 0.6, 0.8, 0]
    const initializers = {
      axes: integers(-1),
      least: floats([], [1e-12]),
      one: floats([], [1]),
      epsilon: floats([], [1e-3]),
      million: floats([], [1e6]),
      ten: floats([], [10]),
    }
    const squares = [node('Mul', ['x', 'x'], ['x2']), node('ReduceSum', ['x2', 'axes'], ['s'])]
    const mean = [node('Mul', ['x', 'x'], ['x2']), node('ReduceMean', ['x2'], ['s'], { axes: [-1] })]
    const root = (from: string) => node('Sqrt', [from], ['r'])
    const quotient = node('Div', ['x', 'd'], ['y'])
    const product = [node('Reciprocal', ['r'], ['q']), node('Mul', ['x', 'd'], ['y'])]
    const right: readonly (readonly OnnxNode[])[] = [
      [...squares, root('s'), node('Max', ['r', 'least'], ['d']), quotient],
      [...squares, node('Clip', ['s', 'least'], ['c']), node('Sqrt', ['c'], ['d']), quotient],
      [...squares, root('s'), product[0] as OnnxNode, node('Min', ['q', 'million'], ['d']), product[1] as OnnxNode],
      [node('ReduceL2', ['x'], ['r'], { axes: [-1] }), node('Clip', ['r', 'least'], ['d']), quotient],
    ]
    for (const [i, nodes] of right.entries()) {
      await loaded(chain(nodes, { initializers }), async (model) => {
        assertClose((await model.predict(rows)).data, unit, tolerance, `form ${i}`)
      })
    }
    const wrong: readonly (readonly OnnxNode[])[] = [
      [...squares, root('s'), node('Max', ['r', 'one'], ['d']), quotient],
      [...squares, node('Max', ['s', 'one'], ['c']), node('Sqrt', ['c'], ['d']), quotient],
      [...squares, root('s'), node('Clip', ['r', 'least', 'ten'], ['d']), quotient],
      [...squares, root('s'), product[0] as OnnxNode, node('Min', ['q', 'ten'], ['d']), product[1] as OnnxNode],
      [node('ReduceL2', ['x'], ['r'], { axes: [-1] }), node('Max', ['r', 'one'], ['d']), quotient],
      [...mean, node('Add', ['s', 'epsilon'], ['e']), root('e'), node('Max', ['r', 'one'], ['d']), quotient],
      [
        ...mean,
        node('Add', ['s', 'epsilon'], ['e']),
        root('e'),
        node('Clip', ['r', 'one', 'million'], ['d']),
        quotient,
      ],
    ]
    for (const nodes of wrong) {
      await rejects(
        loaded(chain(nodes, { initializers }), () => {}),
        'ERR_FILE_FORMAT',
        /no layer divides/,
      )
    }
  })

  it('keep the digits of data far from 0 that is standardized first', async () => {
    const nodes = [node('Sub', ['x', 'm'], ['a']), node('Div', ['a', 's'], ['b']), node('MatMul', ['b', 'w'], ['y'])]
    const initializers = { m: floats([3], [1e6, 2e6, 4e6]), s: floats([3], [2, 4, 8]), w: matrix }
    await loaded(chain(nodes, { initializers }), async (model) => {
      assert.deepEqual((await model.predict([[1e6 + 2, 2e6 - 4, 4e6 + 8]])).data, Float32Array.of(3, 4))
    })
  })

  it('call layers as the weights are called', async () => {
    const initializers = {
      'net.0.weight': matrix,
      'net.0.bias': floats([2], [0, 0]),
      'onnx::MatMul_7': floats([2, 2], [1, 0, 0, 1]),
      w: floats([2, 2], [1, 0, 0, 1]),
    }
    const nodes = [
      node('Gemm', ['x', 'net.0.weight', 'net.0.bias'], ['a']),
      { ...node('MatMul', ['a', 'onnx::MatMul_7'], ['b']), name: '/net/net.1/MatMul' },
      node('MatMul', ['b', 'w'], ['y']),
    ]
    await loaded(chain(nodes, { initializers }), (model) => {
      assert.deepEqual(
        model.layers.map(({ name }) => name),
        ['net.0', 'net.1', 'dense'],
      )
    })
  })

  it('with several inputs and outputs are graphs, whose parts are called as in the file', async () => {
    const model: OnnxModel = {
      inputs: [...x, { name: 'ids', shape: ['batch'], type: 7 }],
      outputs: ['sum', 'seen'],
      nodes: [node('Gather', ['table', 'ids'], ['seen']), node('Add', ['seen', 'x'], ['sum'])],
      initializers: { table: floats([2, 3], [1, 2, 3, 4, 5, 6]) },
    }
    await loaded(model, async (made) => {
      const graph = made as unknown as Functional
      assert.deepEqual(graph.inputNames, ['x', 'ids'])
      assert.deepEqual(graph.outputNames, ['sum', 'seen'])
      const { sum, seen } = (await graph.predict({ x: row, ids: [[1]] })) as never as Record<
        string,
        { data: Float32Array }
      >
      assert.deepEqual(seen?.data, Float32Array.of(4, 5, 6))
      assert.deepEqual(sum?.data, Float32Array.of(4.5, 4, 8))
    })
    assert.deepEqual(
      await codesOf(() => loaded(model, (made) => assert.deepEqual(kindsOf(made), ['Embedding', 'Flatten']), ['seen'])),
      ['NEURODE_NOT_READ'],
    )
  })

  it('are trained on, also with what was folded', async () => {
    const nodes = [
      node('Sub', ['x', 'm'], ['a']),
      node('MatMul', ['a', 'w'], ['b']),
      node('Relu', ['b'], ['c']),
      node('MatMul', ['c', 'v'], ['y']),
    ]
    const initializers = { m: floats([3], [1, 2, 3]), w: matrix, v: floats([2, 1], [1, -1]) }
    await loaded(chain(nodes, { initializers }), async (model) => {
      const net = model.compile({ loss: 'mse', optimizer: 'adam' })
      const before = net.getWeights().map(({ data }) => [...data])
      await net.fit([[1, 2, 4]], [[2]], { epochs: 3, verbose: 0 })
      const after = net.getWeights()
      const changed = after
        .filter(({ data }, i) => data.some((value, j) => value !== before[i]?.[j]))
        .map(({ name }) => name)
      assert.deepEqual(changed, ['dense/kernel', 'dense_1/kernel'])
    })
  })
})

describe('ONNX models that are refused', () => {
  const initializers = { w: matrix, axes: integers(0), two: floats([], [2]), rows: floats([3, 1], [1, 2, 3]) }
  const cases: Readonly<Record<string, readonly [OnnxNode, RegExp]>> = {
    'an operator that no layer computes': [
      node('Sin', ['x'], ['y']),
      /node 'n_y' \(Sin; opset 17\): no layer computes this operator/,
    ],
    'an operator of another domain': [
      { ...node('FusedGemm', ['x', 'w'], ['y']), domain: 'com.microsoft' },
      /node 'n_y' \(FusedGemm; com\.microsoft, opset 1\): no layer computes this operator/,
    ],
    'an operator that the opset lacks': [node('Gelu', ['x'], ['y']), /\(Gelu; opset 17\): it is read from opset 20 on/],
    'a mean over the batch': [node('ReduceMean', ['x'], ['y'], { axes: [0] }), /axis 0, where rows of the batch/],
    'numbers that differ from row to row': [node('Add', ['x', 'rows'], ['y']), /differs from row to row/],
    'an attribute that is not known': [node('Relu', ['x'], ['y'], { slope: 1 }), /attribute 'slope' is not read/],
    'a quotient of two values': [node('Div', ['x', 'x'], ['y']), /no layer divides/],
    'a logarithm by itself': [node('Log', ['x'], ['y']), /no layer computes log by itself/],
    'a comparison by itself': [node('Greater', ['x', 'two'], ['y']), /no floating-point number/],
    'integers that a type cannot hold': [node('Cast', ['x'], ['y'], { to: 3 }), /values are not converted to int8/],
    'integers that are rounded in between': [node('Cast', ['x'], ['y'], { to: 7 }), /no floating-point number/],
  }
  for (const [title, [wrong, message]] of Object.entries(cases)) {
    it(title, async () => {
      const model = chain([wrong], { initializers, domains: { 'com.microsoft': 1 } })
      await rejects(
        loaded(model, () => {}),
        'ERR_FILE_FORMAT',
        message,
      )
    })
  }

  it('small files that ask for much memory', async () => {
    const size = 2 ** 18
    const many = Array.from({ length: 200 }, (_, i) => i)
    const width = 512
    const cases: Readonly<Record<string, OnnxModel>> = {
      'sums with one constant': {
        inputs: [{ name: 'x', shape: ['batch', size] }],
        outputs: ['v200'],
        nodes: [node('Relu', ['x'], ['v0']), ...many.map((i) => node('Add', [`v${i}`, 'c'], [`v${i + 1}`]))],
        initializers: { c: floats([size], new Array(size).fill(1)) },
      },
      'products with one matrix': {
        inputs: [{ name: 'x', shape: ['batch', width] }],
        outputs: ['v200'],
        nodes: [
          node('Relu', ['x'], ['v0']),
          ...many.map((i) => node('Gemm', [`v${i}`, 'w'], [`v${i + 1}`], { alpha: 1.5 + i / 1024 })),
        ],
        initializers: { w: floats([width, width], new Array(width * width).fill(1)) },
      },
      'a scale for a large row': {
        inputs: [{ name: 'x', shape: ['batch', 2 ** 24, 2] }],
        outputs: ['y'],
        nodes: [node('LayerNormalization', ['x', 'c'], ['y'], { axis: 1 })],
        initializers: { c: floats([1], [1]) },
      },
      'every second place of a large row': {
        inputs: [{ name: 'x', shape: ['batch', 2 ** 25] }],
        outputs: ['y'],
        nodes: [node('Slice', ['x', 'zero', 'end', 'one', 'two'], ['y'])],
        initializers: { zero: integers(0), end: integers(2 ** 25), one: integers(1), two: integers(2) },
      },
    }
    for (const [name, model] of Object.entries(cases)) {
      const before = process.memoryUsage().rss
      await rejects(
        loaded(model, () => {}),
        'ERR_FILE_FORMAT',
        /too much memory|too many|takes more than/,
      )
      assert.ok(process.memoryUsage().rss - before < 200 * 2 ** 20, name)
    }
  })

  it('wrong options', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'm.onnx')
      writeFileSync(path, onnxBytes(chain([node('Relu', ['x'], ['y'])])))
      await rejects(
        load(path, { outputs: ['z'] }),
        'ERR_ARGUMENT',
        /outputs: expected names of outputs, of which there are y/,
      )
      await rejects(load(path, { outputs: [] }), 'ERR_ARGUMENT', /outputs/)
      await rejects(load(path, { outputs: ['y', 'y'] }), 'ERR_ARGUMENT', /different names/)
      using model = await load(path)
      await model.save(join(folder, 'm.neurode'))
      await rejects(
        load(join(folder, 'm.neurode'), { outputs: ['y'] }),
        'ERR_ARGUMENT',
        /for anything but an ONNX model/,
      )
    })
  })
})
