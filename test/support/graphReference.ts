/** What the layers of random graphs compute, in float64. */

import type { Layer, SymbolicTensor } from 'neurode'

/** The rows of a tensor. */
export type Rows = readonly (readonly number[])[]

/** Computes a tensor from the rows of those that it reads. */
export type Compute = (inputs: readonly Rows[], context: Context) => Rows

export interface Context {
  readonly training: boolean
  /** The penalties of weights and activities so far. */
  penalty: number
  /** Layers whose weights were penalized. */
  readonly penalized: Set<object>
}

/** A tensor, and the float64 reference of the call that computes it. */
export interface Node {
  readonly tensor: SymbolicTensor
  readonly from: readonly Node[]
  readonly compute: Compute
}

// biome-ignore lint/suspicious/noExplicitAny: layers of any shapes.
export type AnyLayer = any

export const pointwise: Readonly<Record<string, (x: number) => number>> = {
  linear: (x) => x,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  softplus: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  relu: (x) => Math.max(x, 0),
}
export const merges: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  average: (a, b) => a + b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
}

export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
export const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)
export const numbersOf = (layer: AnyLayer): number[][] =>
  (layer as Layer).getWeights().map(({ data }) => [...(data as Float32Array)])

/** Applies a function to each piece of `width` numbers of each row. */
export const eachPiece = (rows: Rows, width: number, map: (piece: number[]) => number[]): Rows =>
  rows.map((row) =>
    Array.from({ length: row.length / width }, (_, i) => map(row.slice(i * width, (i + 1) * width))).flat(),
  )

const softmax = (piece: number[]) => {
  const largest = Math.max(...piece)
  const powers = piece.map((x) => Math.exp(x - largest))
  return powers.map((power) => power / sum(powers))
}
export const activate = (name: string, piece: number[]) =>
  name === 'softmax' ? softmax(piece) : piece.map(pointwise[name] as (x: number) => number)

interface DenseReference {
  readonly units: number
  readonly activation: string
  /** Factors of the penalties of kernel and activity. */
  readonly l2: number
  readonly activity: number
}

/** A dense layer, with its penalties. */
export function denseOf(layer: AnyLayer, { units, activation, l2, activity }: DenseReference): Compute {
  return ([rows], context) => {
    const [kernel, bias] = numbersOf(layer) as [number[], number[]]
    const output = eachPiece(rows as Rows, kernel.length / units, (piece) =>
      activate(
        activation,
        bias.map((b, unit) => b + sum(piece.map((x, i) => x * (kernel[i * units + unit] as number)))),
      ),
    )
    context.penalty += (activity * sum(output.flat().map((y) => y * y))) / output.length
    if (layer.trainable && !context.penalized.has(layer)) context.penalty += l2 * sum(kernel.map((w) => w * w))
    context.penalized.add(layer)
    return output
  }
}

/** Normalization by the statistics of the batch, or by the moving ones. */
export function batchNormalizationOf(layer: AnyLayer): Compute {
  return ([rows], { training }) => {
    const [gamma, beta, mean, variance] = numbersOf(layer) as [number[], number[], number[], number[]]
    const width = gamma.length
    const pieces: number[][] = []
    if (training && layer.trainable) {
      eachPiece(rows as Rows, width, (piece) => {
        pieces.push(piece)
        return piece
      })
      for (let c = 0; c < width; c++) {
        mean[c] = sum(pieces.map((piece) => piece[c] as number)) / pieces.length
        variance[c] = sum(pieces.map((piece) => ((piece[c] as number) - (mean[c] as number)) ** 2)) / pieces.length
      }
    }
    const one = (x: number, c: number) =>
      ((x - (mean[c] as number)) / Math.sqrt((variance[c] as number) + 1e-3)) * (gamma[c] as number) +
      (beta[c] as number)
    return eachPiece(rows as Rows, width, (piece) => piece.map(one))
  }
}

/** Normalization of each piece by its own statistics, with an epsilon of 0.1. */
export function layerNormalizationOf(layer: AnyLayer): Compute {
  return ([rows]) => {
    const [gamma, beta] = numbersOf(layer) as [number[], number[]]
    return eachPiece(rows as Rows, gamma.length, (piece) => {
      const mean = sum(piece) / piece.length
      const variance = sum(piece.map((x) => (x - mean) ** 2)) / piece.length
      return piece.map((x, i) => ((x - mean) / Math.sqrt(variance + 0.1)) * (gamma[i] as number) + (beta[i] as number))
    })
  }
}

/** The rows of a tensor. */
export function evaluate(node: Node, known: Map<Node, Rows>, context: Context): Rows {
  const found = known.get(node)
  if (found !== undefined) return found
  const inputs = node.from.map((from) => evaluate(from, known, context))
  const rows = node.compute(inputs, context)
  known.set(node, rows)
  return rows
}
