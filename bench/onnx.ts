/**
 * Writes a Dense network of relu layers and a softmax as an ONNX file, for the peers. It implements only the protobuf messages
 * that this needs.
 */

import type { Weight } from 'neurode'

const irVersion = 8
const opset = 13
const float = 1

/** `weights` has the order of a model's weights: kernel and bias, layer by layer. */
export function toOnnx(net: readonly number[], weights: readonly Weight[]): Buffer {
  const layers = net.length - 1
  const graph: Buffer[] = []
  for (let i = 0; i < layers; i++) {
    const output = i === layers - 1 ? 'output' : `y${i}`
    graph.push(node('Gemm', [i === 0 ? 'input' : `y${i - 1}`, `kernel${i}`, `bias${i}`], `z${i}`))
    graph.push(node(i === layers - 1 ? 'Softmax' : 'Relu', [`z${i}`], output))
  }
  graph.push(bytes(2, 'net'))
  weights.forEach(({ shape, data }, i) => {
    const elements = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const name = `${i % 2 === 0 ? 'kernel' : 'bias'}${i >> 1}`
    graph.push(
      message(5, [...shape.map((size) => integer(1, size)), integer(2, float), bytes(8, name), bytes(9, elements)]),
    )
  })
  graph.push(value(11, 'input', net[0] as number), value(12, 'output', net[layers] as number))
  const opsets = message(8, [bytes(1, ''), integer(2, opset)])
  return Buffer.concat([integer(1, irVersion), message(7, graph), opsets])
}

function node(op: string, inputs: readonly string[], output: string): Buffer {
  return message(1, [...inputs.map((name) => bytes(1, name)), bytes(2, output), bytes(4, op)])
}

/** The description of a tensor with any number of rows. */
function value(field: number, name: string, size: number): Buffer {
  const shape = message(2, [message(1, [bytes(2, 'rows')]), message(1, [integer(1, size)])])
  return message(field, [bytes(1, name), message(2, [message(1, [integer(1, float), shape])])])
}

function varint(value: number): Buffer {
  const groups: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) groups.push((rest % 128) | 128)
  return Buffer.from([...groups, rest])
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)])
}

function bytes(field: number, value: string | Buffer): Buffer {
  const content = Buffer.from(value as string)
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content])
}

function message(field: number, fields: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(fields))
}
