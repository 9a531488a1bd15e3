/** Compares what two models compute from the same random rows. */

import { array, type NdArray } from '../arrays/arrays.js'
import { deriveSeed } from '../base/seeds.js'
import { coreOf } from '../core/cores.js'
import type { ModelShapes } from '../core/shapes.js'
import type { Functional } from '../models/functional.js'
import type { Sequential } from '../models/sequential.js'

// biome-ignore lint/suspicious/noExplicitAny: models of files have any inputs and outputs.
export type AnyLoaded = Sequential<any, any> | Functional<any, any, string, any, any>

const rows = 16
const seed = 1

/** The largest difference between the outputs of two models, and the largest size of an output of the first one. */
export interface Difference {
  readonly largest: number
  readonly size: number
}

/** Compares the outputs of two models on the same random rows. */
export async function compareOutputs(model: AnyLoaded, other: AnyLoaded): Promise<Difference> {
  const x = randomInputs(model)
  const [own, others] = [await outputsOf(model, x), await outputsOf(other, x)]
  if (own.length !== others.length) return { largest: Number.POSITIVE_INFINITY, size: 0 }
  let largest = 0
  let size = 0
  for (const [i, values] of own.entries()) {
    for (let at = 0; at < values.length; at++) {
      const value = values[at] as number
      const difference = Math.abs(value - (others[i]?.[at] ?? Number.NaN))
      // Unlike Math.max, this keeps the first value that is not finite.
      if (!(difference <= largest)) largest = difference
      if (!Number.isFinite(largest)) return { largest, size }
      size = Math.max(size, Math.abs(value))
    }
  }
  return { largest, size }
}

/** Rows for each input of a model: numbers from -1 to 1, or integers that its layers take. */
function randomInputs(model: AnyLoaded): NdArray[] {
  const shapes = coreOf(model).built()
  const limits = integerLimits(shapes)
  return model.inputs.map(({ shape, dtype }, input) => {
    const limit = Math.min(limits[input] as number, dtype === 'uint8' ? 256 : Number.POSITIVE_INFINITY)
    const count = [rows, ...shape].reduce((product, length) => product * length, 1)
    const values = Float32Array.from({ length: count }, (_, i) => {
      const random = deriveSeed(seed, i, `input ${input}`) / 2 ** 52
      if (limit < Number.POSITIVE_INFINITY) return Math.floor(random * limit)
      return dtype === 'float32' ? 2 * random - 1 : Math.floor(random * 10)
    })
    return array(values, [rows, ...shape])
  })
}

/** For each input, the number below which its integers must be: infinity where no layer takes integers. */
function integerLimits({ inputs, layers, calls }: ModelShapes): number[] {
  const limits = new Array<number>(inputs.length + calls.length).fill(Number.POSITIVE_INFINITY)
  for (const [i, { at, from }] of [...calls.entries()].reverse()) {
    const layer = layers[at]?.layer
    let limit = layer?.integersBelow ?? Number.POSITIVE_INFINITY
    if (layer?.rearranges) limit = limits[inputs.length + i] as number
    for (const source of from) limits[source] = Math.min(limits[source] as number, limit)
  }
  return limits
}

async function outputsOf(model: AnyLoaded, x: readonly NdArray[]): Promise<Float32Array[]> {
  const given = x.length === 1 ? x[0] : x
  const result = (await model.predict(given as never)) as unknown
  const arrays = result instanceof Object && 'data' in result ? [result] : Object.values(result as object)
  return (arrays as { readonly data: Float32Array }[]).map(({ data }) => data)
}
