/**
 * Files of ONNX: every layer and activation computes the same in ONNX Runtime, and what the format cannot hold is named or refused.
 * NEURODE_ONNX_MODELS is the number of random graphs, and NEURODE_FUZZ_SEED their first seed.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fromBinary } from '@bufbuild/protobuf'
import { type AnyModel, array, Dense, type Functional, input, layers, model, type NdArray, sequential } from 'neurode'
import { coreOf } from '#lib/core/cores.js'
import { ModelProtoSchema } from '#lib/interchange/onnx/onnx-ml_pb.js'
import { encodeOnnx } from '#lib/interchange/onnx/write/encodeOnnx.js'
import { graphOf } from '#lib/interchange/onnx/write/graphOf.js'
import { layerKinds } from '#lib/layers/index.js'
import { inFolder, rejects } from './data/files.js'
import { runCommand, runNode } from './support/children.js'
import { type Block, blocksOf } from './support/markdown.js'
import { chains, drawWeights, groups, joins } from './support/onnxCases.js'
import { assertOnnx, type OrtData, ort, ortPath, portsOf } from './support/onnxRuntime.js'
import { classifier } from './support/problems.js'
import { Random } from './support/random.js'
import { randomGraph } from './support/randomGraphs.js'
import { otherProgram, pointwise, product, rounded } from './support/tolerances.js'

const opsets = [13, 15, 17, 18, 20, 23, 25]
const rowCounts = [1, 7]
const graphCount = Number(process.env.NEURODE_ONNX_MODELS ?? 8)
const firstSeed = Number(process.env.NEURODE_FUZZ_SEED ?? 1)

const bytesOf = (net: AnyModel, opset = 17) => encodeOnnx(graphOf(coreOf(net), opset), 'x.onnx.data').model

/** What a model of several outputs predicts, in their order. */
async function predictAll(net: Functional, data: OrtData): Promise<NdArray[]> {
  const predicted: unknown = await net.predict(data as never)
  return (Array.isArray(predicted) ? predicted : [predicted]) as NdArray[]
}

describe('ONNX files in ONNX Runtime', () => {
  before(function () {
    if (ort === undefined) this.skip()
  })

  for (const opset of opsets) {
    it(`compute what every layer and activation does: opset ${opset}`, async () => {
      for (const [i, { net, draw }] of groups().entries()) {
        const random = new Random(i)
        drawWeights(net, random)
        for (const rows of rowCounts) {
          const data = draw(random, rows)
          await assertOnnx(bytesOf(net, opset), data, await predictAll(net, data), otherProgram, `${rows} rows`)
        }
      }
    })
  }

  it('compute what random graphs do', async () => {
    for (let seed = firstSeed; seed < firstSeed + graphCount; seed++) {
      const { net, data } = randomGraph(seed)
      const random = new Random(seed)
      drawWeights(net, random)
      const rows = data(random.pick(rowCounts), seed)
      const opset = random.pick(opsets)
      const title = `seed ${seed}, opset ${opset}`
      await assertOnnx(bytesOf(net, opset), rows, await predictAll(net, rows), product(20), title)
      net.dispose()
    }
  })

  it('take integers and bytes as they are, and pass inputs and inner tensors on', async () => {
    const [ids, pixels, table] = [
      input({ shape: [3], name: 'ids' }),
      input({ shape: [2, 2], name: 'pixels', dtype: 'uint8' }),
      input({ shape: [4], name: 'table' }),
    ]
    const embedded = layers.embedding({ inputDim: 5, outputDim: 2, name: 'embedded' }).apply(ids)
    const column = layers.slice({ begin: 1, size: 1 }).apply(table)
    const coded = layers.categoryEncoding({ numTokens: 5 }).apply(column)
    const scaled = layers.rescaling({ scale: 1 / 255, name: 'scaled' }).apply(layers.flatten().apply(pixels))
    const outputs = [embedded, scaled, scaled, ids, table, coded, layers.dropout(0.5).apply(table)]
    using net: AnyModel = model({ inputs: [ids, pixels, table], outputs })
    const data = {
      ids: array(Int32Array.of(0, 4, 2, 1, 1, 3), [2, 3]),
      pixels: array(Uint8Array.of(0, 255, 3, 4, 5, 6, 7, 8), [2, 2, 2]),
      table: array(Float32Array.of(1, 4, 3, 2, 0.5, 2, -1, 8), [2, 4]),
    }
    const bytes = bytesOf(net)
    await assertOnnx(bytes, data, await predictAll(net as Functional, data), rounded, 'outputs')
    const { inputs, outputs: ports } = await portsOf(bytes)
    assert.deepEqual(inputs, [
      { name: 'ids', type: 'int32', shape: ['batch', 3] },
      { name: 'pixels', type: 'uint8', shape: ['batch', 2, 2] },
      { name: 'table', type: 'float32', shape: ['batch', 4] },
    ])
    const names = ports.map(({ name }) => name)
    assert.deepEqual(names.slice(0, 3), ['embedded', 'scaled', 'scaled_1'])
    assert.equal(new Set([...names, 'ids', 'pixels', 'table']).size, 10)
  })

  it('are used as the guide says', async () => {
    const blocks = blocksOf(readFileSync('docs/onnx.md', 'utf8'))
    const { code } = blocks.find(({ code }) => code.includes("from 'onnxruntime-node'")) as Block
    using net = sequential([
      layers.dense({ units: 16, activation: 'gelu', inputShape: [4] }),
      layers.dense({ units: 3, activation: 'softmax', name: 'classes' }),
    ])
    await inFolder(async (folder) => {
      await net.save(join(folder, 'flowers.onnx'))
      writeFileSync(
        join(folder, 'guide.mjs'),
        code.replace("'onnxruntime-node'", JSON.stringify(pathToFileURL(ortPath).href)),
      )
      const {
        code: exit,
        stdout,
        stderr,
      } = await runNode([
        '-e',
        `process.chdir(${JSON.stringify(folder)}); import(${JSON.stringify(join(folder, 'guide.mjs'))})`,
      ])
      assert.equal(exit, 0, stderr)
      assert.match(stdout, /^\[ 2, 3 \] Float32Array\(6\)/)
    })
  })

  it('have large weights in a file beside them', async () => {
    using net = classifier({ features: 20 })
    const { model: bytes, external } = encodeOnnx(graphOf(coreOf(net), 17), 'x.onnx.data', 100)
    assert.ok(external !== undefined && bytes.length < 4000)
    await inFolder(async (folder) => {
      const path = join(folder, 'x.onnx')
      writeFileSync(path, bytes)
      writeFileSync(`${path}.data`, Buffer.concat(external))
      const x = array(new Random(3).normals(14 * 20), [14, 20])
      await assertOnnx(path, { input: x }, [await net.predict(x)], pointwise, 'external data')
    })
  })
})

/** The message in a file. */
const parse = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes)

describe('ONNX files', () => {
  it('are tested with every kind of layer', () => {
    const named = Object.values(joins).map(({ shape, join }) => {
      return join(['a', 'b', 'c'].map((name) => input({ shape, name }))).sourceLayer.kind
    })
    const kinds = new Set(['Input', ...named, ...chains.map(({ make }) => make().kind)])
    assert.deepEqual([...kinds].sort(), Object.keys(layerKinds).sort())
  })

  it('have format 8 and operators 17: acceptance case 5 (onnxruntime#20559, onnxruntime#23602)', async () => {
    const formats = [7, 7, 8, 8, 8, 8, 9, 9, 10, 10, 11, 12, 13]
    using net = classifier()
    for (const [i, format] of formats.entries()) {
      const { irVersion, opsetImport } = parse(bytesOf(net, 13 + i))
      assert.equal(irVersion, BigInt(format))
      assert.deepEqual(
        opsetImport.map(({ domain, version }) => [domain, version]),
        [['', BigInt(13 + i)]],
      )
    }
    await inFolder(async (folder) => {
      const paths = ['x.onnx', 'X.ONNX', 'y.onnx'].map((name) => join(folder, name)) as [string, string, string]
      await net.save(paths[0])
      await net.save(paths[1], { opset: undefined })
      await net.save(pathToFileURL(paths[2]), { opset: 13 })
      const [first, second, third] = paths.map((path) => readFileSync(path)) as [Buffer, Buffer, Buffer]
      assert.equal(parse(first).irVersion, 8n)
      assert.equal(parse(first).opsetImport[0]?.version, 17n)
      assert.deepEqual(first, second)
      assert.deepEqual(third, Buffer.from(bytesOf(net, 13)))
      assert.deepEqual(readdirSync(folder).sort(), ['X.ONNX', 'x.onnx', 'y.onnx'])
    })
  })

  it('hold weights once, as they are, and nothing that readers need not know', () => {
    const shared = layers.dense({ units: 4, activation: 'tanh', name: 'shared' })
    const x = input({ shape: [4], name: 'x' })
    const positions = layers.dense({ units: 2, name: 'positions' })
    const matrix = layers.reshape({ targetShape: [2, 2] }).apply(shared.apply(shared.apply(x)))
    using net: AnyModel = model({ inputs: x, outputs: positions.apply(matrix), name: 'net' })
    const { graph, producerName, docString, trainingInfo, functions, metadataProps } = parse(bytesOf(net))
    assert.ok(graph)
    assert.deepEqual([producerName, docString, graph.name, graph.docString], ['neurode', '', 'net', ''])
    assert.deepEqual([trainingInfo, functions, metadataProps, graph.valueInfo], [[], [], [], []])
    const nodes = graph.node.map(({ opType, input, output, attribute, domain }) => {
      return [domain + opType, input, output, attribute.map(({ name }) => name)]
    })
    assert.deepEqual(nodes, [
      ['Gemm', ['x', 'shared/kernel', 'shared/bias'], ['shared/Gemm'], []],
      ['Tanh', ['shared/Gemm'], ['shared/Tanh'], []],
      ['Gemm', ['shared/Tanh', 'shared/kernel', 'shared/bias'], ['shared/Gemm_1'], []],
      ['Tanh', ['shared/Gemm_1'], ['shared/Tanh_1'], []],
      ['Reshape', ['shared/Tanh_1', 'int/0,2,2'], ['reshape/Reshape'], []],
      ['MatMul', ['reshape/Reshape', 'positions/kernel'], ['positions/MatMul'], []],
      ['Add', ['positions/MatMul', 'positions/bias'], ['positions'], []],
    ])
    const weights = net.getWeights()
    const floats = graph.initializer.filter(({ dataType }) => dataType === 1)
    assert.deepEqual(
      floats.map(({ name, dims, rawData }) => [name, dims.map(Number), Buffer.from(rawData)]),
      weights.map(({ name, shape, data }) => [name, [...shape], Buffer.from(data.buffer)]),
    )
  })

  it('are the same bytes every time', () => {
    for (const seed of [1, 2, 3]) {
      const [first, second] = [randomGraph(seed), randomGraph(seed)]
      assert.deepEqual(bytesOf(first.net), bytesOf(second.net))
      assert.deepEqual(bytesOf(first.net), bytesOf(first.net))
    }
  })

  it('give an output another name where an input has it, and say so', async () => {
    const a = input({ shape: [2] })
    using net: AnyModel = model({ inputs: { a }, outputs: { a: layers.dense({ units: 1 }).apply(a), b: a } })
    await inFolder(async (folder) => {
      const { leftOut } = await net.save(join(folder, 'x.onnx'))
      assert.deepEqual(leftOut, ["the name of output 'a', which an input has: it is called 'a_1'"])
    })
  })

  it('say what they lack', async () => {
    const twice = layers.dense({
      units: 3,
      kernelRegularizer: 'l2',
      biasConstraint: 'nonNeg',
      trainable: false,
      name: 'twice',
    })
    const tower = sequential({ layers: [layers.dense({ units: 3, inputShape: [3] })], name: 'tower' })
    const x = input({ shape: [3] })
    const h = layers.dropout({ rate: 0.5, name: 'noisy' }).apply(twice.apply(twice.apply(tower.apply(x))))
    using net = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(h) })
    const told = [
      "the model 'tower': its layers are written where it is called",
      "layer 'twice': kernelRegularizer, biasConstraint, trainable",
      "layer 'noisy': Dropout acts in training alone",
      "that layer 'twice' is shared: it is written for each of its calls, with the same weights",
    ]
    await inFolder(async (folder) => {
      const path = join(folder, 'x.onnx')
      assert.deepEqual((await net.save(path)).leftOut, told)
      net.compile({ loss: 'mse', optimizer: 'adam' })
      const compiled = "loss and metrics, and the optimizer 'adam'"
      assert.deepEqual((await net.save(path)).leftOut, [compiled, ...told])
      await net.fit([[1, 2, 3]], [1], { verbose: 0 })
      assert.deepEqual((await net.save(path)).leftOut, [compiled, 'the state of the training', ...told])
      assert.deepEqual((await net.save(join(folder, 'x.neurode'))).leftOut, [])
    })
  })

  it('are refused for layers that ONNX does not have, by name', async () => {
    class Mine extends Dense {
      override readonly kind = 'Mine' as 'Dense'
    }
    await inFolder(async (folder) => {
      using net = sequential([new Mine({ units: 2, inputShape: [2], name: 'odd' })])
      await rejects(net.save(join(folder, 'x.onnx')), 'ERR_ARGUMENT', /layer 'odd': .* that ONNX can hold, got "Mine"/)
      using empty = sequential([layers.dense(2)])
      await rejects(empty.save(join(folder, 'x.onnx')), 'ERR_NOT_BUILT')
      assert.deepEqual(readdirSync(folder), [])
    })
  })

  it('have an option, which other formats have not', async () => {
    await inFolder(async (folder) => {
      using net = classifier()
      const save = (name: string, options: object) => net.save(join(folder, name), options)
      for (const opset of [12, 26, 17.5, Number.NaN, '17', [17]]) {
        await rejects(save('x.onnx', { opset }), 'ERR_ARGUMENT', /save: opset: expected an integer from 13 to 25/)
      }
      await rejects(
        save('x.onnx', { opsets: 17 }),
        'ERR_UNKNOWN_NAME',
        /no option is called 'opsets'; did you mean 'opset'/,
      )
      await rejects(save('x.onnx', [17]), 'ERR_ARGUMENT', /save: expected an object of options/)
      for (const name of ['x.neurode', 'x', 'x.onnx.bak']) {
        await rejects(save(name, { opset: 17 }), 'ERR_ARGUMENT', /save: opset: expected a path that ends in \.onnx/)
      }
      assert.deepEqual(readdirSync(folder), [])
      await save('x', {})
      await save('x.onnx', { opset: null })
      assert.deepEqual(readdirSync(folder), ['x', 'x.onnx'])
    })
  })

  it("pass ONNX's own checker, where Debian's python3-onnx is installed", async function () {
    const python = '/usr/bin/python3'
    if (spawnSync(python, ['-c', 'import onnx']).status !== 0) this.skip()
    await inFolder(async (folder) => {
      for (const opset of [13, 15, 17]) {
        for (const [i, { net }] of groups().entries()) {
          writeFileSync(join(folder, `${opset}-${i}.onnx`), bytesOf(net, opset))
        }
      }
      const program = 'import sys, onnx\nfor path in sys.argv[1:]: onnx.checker.check_model(path, full_check=True)'
      const paths = readdirSync(folder).map((name) => join(folder, name))
      const { code, stderr } = await runCommand(python, ['-c', program, ...paths])
      assert.equal(code, 0, stderr)
    })
  })
})
