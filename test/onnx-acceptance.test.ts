/** What users of other readers of ONNX ran into, by the names of those reports. */

import assert from 'node:assert/strict'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { load } from 'neurode'
import { TensorProtoSchema } from '#lib/interchange/onnx/onnx-ml_pb.js'
import { inFolder, rejects } from './data/files.js'
import { chain, floats, integers, kindsOf, loaded, node, type OnnxModel, onnxBytes, x } from './support/onnxModels.js'
import { assertClose } from './support/tolerances.js'
import { codesOf, warningsOf } from './support/warnings.js'

const tolerance = { rtol: 1e-5, atol: 1e-6 }
const matrix = floats([3, 2], [1, 2, 3, 4, 5, 6])
const row = [[0.5, -1, 2]]

describe('acceptance cases of ONNX files', () => {
  it('onnxruntime#22505, onnxruntime#15918, sklearn-onnx#343: maps and labels become plain tensors', async () => {
    const model: OnnxModel = {
      inputs: x,
      outputs: [
        { name: 'label', shape: ['batch'], type: 7 },
        { name: 'probabilities', shape: ['batch', 2] },
      ],
      nodes: [
        node('MatMul', ['x', 'w'], ['h']),
        node('Softmax', ['h'], ['p'], { axis: 1 }),
        node('ArgMax', ['p'], ['label'], { axis: 1, keepdims: 0 }),
        { ...node('ZipMap', ['p'], ['probabilities'], { classlabels_int64s: [0, 1] }), domain: 'ai.onnx.ml' },
      ],
      initializers: { w: matrix },
      domains: { 'ai.onnx.ml': 1 },
    }
    const warnings = await warningsOf(() =>
      loaded(model, async (made) => {
        const { shape, data } = await made.predict(row)
        assert.deepEqual(shape, [1, 2])
        assertClose(
          data,
          [Math.exp(7.5 - 9), 1].map((e) => e / (1 + Math.exp(-1.5))),
          tolerance,
          'probabilities',
        )
      }),
    )
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['NEURODE_NOT_READ'],
    )
    assert.match(warnings[0]?.message ?? '', /output 'label'.*ArgMax/)
    await rejects(
      loaded(model, () => {}, ['label']),
      'ERR_FILE_FORMAT',
      /node 'n_label' \(ArgMax; opset 17\)/,
    )
    assert.deepEqual(await codesOf(() => loaded(model, () => {}, ['probabilities'])), [])
  })

  it('hey-buddy#29, onnxruntime#19752: weights in a file beside the model, and nowhere else', async () => {
    await inFolder(async (folder) => {
      const data = Buffer.from(Float32Array.of(0, 0, 1, 2, 3, 4, 5, 6).buffer)
      writeFileSync(join(folder, 'm.onnx.data'), data)
      const external = (location: string) =>
        create(TensorProtoSchema, {
          dataType: 1,
          dims: [3n, 2n],
          dataLocation: 1,
          externalData: [
            { key: 'location', value: location },
            { key: 'offset', value: '8' },
            { key: 'length', value: '24' },
          ],
        })
      const write = (location: string) => {
        const bytes = onnxBytes(chain([node('MatMul', ['x', 'w'], ['y'])], { initializers: { w: external(location) } }))
        writeFileSync(join(folder, 'm.onnx'), bytes)
        return join(folder, 'm.onnx')
      }
      using model = await load(write('m.onnx.data'))
      assert.deepEqual([...(await model.predict([[1, 0, 1]])).data], [6, 8])
      symlinkSync('/etc', join(folder, 'link'))
      for (const location of ['../m.onnx.data', '/etc/hostname', 'link/hostname', 'm.onnx', 'a\\b', './m.onnx.data']) {
        await rejects(load(write(location)), 'ERR_FILE_FORMAT', /file in the model's folder/)
      }
      await rejects(load(write('gone')), 'ERR_FILE_NOT_FOUND', /gone/)
      // Many tensors of the same bytes would fill memory.
      const names = Array.from({ length: 50 }, (_, i) => `w${i}`)
      const whole = create(TensorProtoSchema, {
        dataType: 1,
        dims: [3n, BigInt(2 ** 17)],
        dataLocation: 1,
        externalData: [{ key: 'location', value: 'm.onnx.data' }],
      })
      writeFileSync(join(folder, 'm.onnx.data'), Buffer.alloc(12 * 2 ** 17))
      const outputs = names.map((name) => `y${name}`)
      const nodes = names.map((name) => node('MatMul', ['x', name], [`y${name}`]))
      const initializers = Object.fromEntries(names.map((name) => [name, whole]))
      writeFileSync(join(folder, 'm.onnx'), onnxBytes(chain(nodes, { initializers, outputs })))
      await rejects(
        load(join(folder, 'm.onnx')),
        'ERR_FILE_FORMAT',
        /tensors need \d+ bytes of a file of 1572864 bytes/,
      )
    })
  })

  it('onnx2torch#103: a weight behind Identity, Transpose and Reshape is a weight; one of the inputs is none', async () => {
    const behind = [
      node('Identity', ['w'], ['a']),
      node('Reshape', ['a', 'shape'], ['b']),
      node('Transpose', ['b'], ['c'], { perm: [1, 0] }),
      node('Gemm', ['x', 'c', 'bias'], ['y'], { transB: 1 }),
    ]
    const initializers = { w: floats([6], [1, 2, 3, 4, 5, 6]), shape: integers(3, 2), bias: floats([2], [1, 1]) }
    await loaded(chain(behind, { initializers }), async (model) => {
      assert.deepEqual(kindsOf(model), ['Dense'])
      assertClose((await model.predict(row)).data, [8.5, 10], tolerance, 'y')
    })
    const inputs = [...x, { name: 'v', shape: [3, 2] }]
    const both = { inputs, outputs: ['y'], nodes: [node('Gemm', ['x', 'v'], ['y'])] }
    await rejects(
      loaded(both, () => {}),
      'ERR_FILE_FORMAT',
      /node 'n_y' \(Gemm; opset 17\): its matrix B is no constant/,
    )
  })

  it('onnx2keras#140: MatMul and Add are one Dense layer', async () => {
    const nodes = [node('MatMul', ['x', 'w'], ['h']), node('Add', ['b', 'h'], ['s']), node('Relu', ['s'], ['y'])]
    for (const b of [floats([2], [-10, 1]), floats([1, 2], [-10, 1])]) {
      await loaded(chain(nodes, { initializers: { w: matrix, b } }), async (model) => {
        assert.deepEqual(kindsOf(model), ['Dense'])
        assert.deepEqual((await model.predict(row)).data, Float32Array.of(0, 10))
      })
    }
  })

  it('hls4ml#269, nnvm#194: transB, and outputs whose size nothing declares', async () => {
    const transposed = floats([2, 3], [1, 3, 5, 2, 4, 6])
    const model = chain([node('Gemm', ['x', 'w'], ['y'], { transB: 1 })], { initializers: { w: transposed } })
    await loaded(model, async (made) => {
      assert.deepEqual(made.outputShape, [2])
      assert.deepEqual((await made.predict(row)).data, Float32Array.of(7.5, 9))
    })
  })

  it('openvino#37823: the axis of Softmax means what it means in the opset', async () => {
    const inputs = [{ name: 'x', shape: ['batch', 2, 2] }]
    const values = [[[0, 1], [2, 3]]] // biome-ignore format: rows of a matrix
    const exps = [1, Math.E, Math.E ** 2, Math.E ** 3]
    const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0)
    const wanted = {
      11: exps.map((e) => e / sum(exps)),
      13: exps.map((e, i) => e / sum([exps[i % 2] as number, exps[(i % 2) + 2] as number])),
    }
    for (const opset of [11, 13] as const) {
      await loaded(
        { inputs, outputs: ['y'], nodes: [node('Softmax', ['x'], ['y'], { axis: 1 })], opset },
        async (model) => {
          assertClose((await model.predict(values)).data, wanted[opset], tolerance, `opset ${opset}`)
        },
      )
    }
  })
})
