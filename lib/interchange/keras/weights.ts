/** Reads weights from the HDF5 files of Keras. */

import { formatShape } from '../../arrays/arrays.js'
import { shapedArray } from '../../arrays/shapedArray.js'
import { toFloats } from '../../arrays/typedArrays.js'
import { damaged } from '../../files/files.js'
import type { FileArray } from '../../formats/npy.js'
import type { Hdf5File } from '../hdf5/hdf5.js'
import { otherModel, type Place } from './places.js'
import type { KerasLayer } from './types.js'

const floats = ['float32', 'float16', 'bfloat16', 'float64']

/** The weights at these places, by their names, as float32. Shapes and types are checked before anything is read. */
export async function readWeights(file: Hdf5File, places: readonly Place[]): Promise<Map<string, FileArray>> {
  const scales = new Map(places.flatMap((place) => (isScale(place) ? [[place.layer, place] as const] : [])))
  for (const place of places) check(file, place)
  const wanted = places.filter(({ variable }) => variable.weight !== undefined)
  const arrays = await file.read(wanted.map(({ path }) => path))
  const weights = new Map<string, FileArray>()
  for (const [i, { layer, variable }] of wanted.entries()) {
    const stored = arrays[i] as FileArray
    const scale = variable === layer.variables[0] ? scales.get(layer) : undefined
    const [divisors] = scale === undefined ? [] : await file.read([scale.path])
    const data = divisors === undefined ? toFloat32(stored) : divided(stored, divisors)
    weights.set(variable.weight as string, shapedArray(data, stored.shape, { dtype: 'float32' as const }))
  }
  return weights
}

/** The weights that a model's config gives. */
export function constantWeights(layers: readonly KerasLayer[]): Map<string, FileArray> {
  const constants = layers.flatMap(({ constants = [] }) => constants)
  const own = constants.map(({ weight, shape, values }): [string, FileArray] => {
    return [weight, shapedArray(Float32Array.from(values), shape, { dtype: 'float32' as const })]
  })
  return new Map([...own, ...layers.flatMap(({ layers: inner = [] }) => [...constantWeights(inner)])])
}

const isScale = ({ layer, variable }: Place) => layer.quantized !== undefined && variable === layer.variables.at(-1)
const isQuantized = ({ layer, variable }: Place) => layer.quantized !== undefined && variable === layer.variables[0]

function check(file: Hdf5File, place: Place): void {
  const { layer, variable, path } = place
  const fail = (problem: string) =>
    damaged(file.path, `layer '${layer.name}': ${variable.name} ('${path}'): ${problem}`)
  const found = file.dataset(path)
  if (found === undefined) throw fail('it is missing')
  if (found.problem !== undefined) throw fail(found.problem)
  if (variable.weight === undefined && !isScale(place)) return
  const expected = isScale(place) ? scaleShape(layer) : variable.shape
  if (expected === undefined || formatShape(found.shape) !== formatShape(expected)) {
    const shapes = `expected shape ${formatShape(expected ?? [])}, got ${formatShape(found.shape)}`
    throw otherModel(file.path, `layer '${layer.name}': ${variable.name} ('${path}'): ${shapes}`)
  }
  const types = isQuantized(place) ? ['int8'] : floats
  if (!types.includes(found.dtype)) throw fail(`expected ${types.join(' or ')}, got ${found.dtype}`)
}

/** One scale for each column of a kernel, and for each row of a table. */
function scaleShape({ className, variables }: KerasLayer): readonly number[] {
  const shape = variables[0]?.shape ?? []
  return className === 'Embedding' ? shape.slice(0, 1) : shape.slice(-1)
}

function toFloat32({ data }: FileArray): Float32Array {
  return data instanceof Float32Array ? data : toFloats(data)
}

/** Integers over their scales, which are those of the columns, or of the rows where there are as many. */
function divided({ data, shape }: FileArray, scales: FileArray): Float32Array {
  const [rows = 1, columns = 1] = shape
  const byRow = scales.data.length === rows && scales.data.length !== columns
  return Float32Array.from(data as ArrayLike<number>, (value, i) => {
    return value / (scales.data[byRow ? Math.floor(i / columns) : i % columns] as number)
  })
}
