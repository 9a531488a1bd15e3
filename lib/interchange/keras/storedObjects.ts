/** What is written into the HDF5 files of Keras. */

import type { TrainingState } from '../../core/core.js'
import type { JsonObject } from '../../persistence/description.js'
import type { H5Write } from '../hdf5/hdf5.js'
import { optimizerLists } from './optimizerState.js'
import { layerGroups, legacyLayers, trainedVariables } from './places.js'
import type { KerasLayer, KerasOptimizer, KerasVariable } from './types.js'

type Weights = TrainingState['weights']
type WeightsByName = ReadonlyMap<string, Weights[number]>

const byName = (weights: Weights): WeightsByName => new Map(weights.map((weight) => [weight.name, weight]))

/** Lists of names in attributes are cut after so many, as an attribute holds at most 64 KB. */
const mostNames = 4000

/** The groups and weights of `.weights.h5`. */
export function weightObjects(layers: readonly KerasLayer[], given: Weights): H5Write[] {
  const weights = byName(given)
  const groups = layerGroups(layers).flatMap(({ layer, path }): H5Write[] => [
    { path },
    ...(layer.layers === undefined ? [] : [{ path: `${path}/layers` }]),
    { path: `${path}/vars` },
    ...layer.variables.map((variable, i) => dataset(`${path}/vars/${i}`, variable, weights)),
  ])
  return [{ path: 'layers' }, ...groups, { path: 'vars' }]
}

/** A variable; those that Neurode has no weight for are counts, which inference does not need. */
function dataset(path: string, { weight, shape = [] }: KerasVariable, weights: WeightsByName): H5Write {
  const found = weights.get(weight ?? '')
  return found === undefined
    ? { path, data: new BigInt64Array(shape.reduce((product, size) => product * size, 1)), shape }
    : { path, data: found.data, shape: found.shape }
}

/** The variables of the optimizer in `.weights.h5`, in Keras' order. */
export function optimizerObjects(
  optimizer: KerasOptimizer,
  layers: readonly KerasLayer[],
  { weights, slots, step }: TrainingState,
  rate: number | undefined,
): H5Write[] {
  const scalar = (value: number) => ({ data: Float32Array.of(value), shape: [] })
  const { lists, scalars = 0, initial = 0 } = optimizerLists(optimizer)
  const trained = trainedVariables(layers)
  const places = new Map(weights.map(({ name }, i) => [name, i]))
  const own = lists.flatMap((alternating) =>
    trained.flatMap(({ weight }) => {
      const index = places.get(weight as string) as number
      const { shape, data } = weights[index] as Weights[number]
      return alternating.map((slot) => {
        const values = slots[slot]?.[index] ?? new Float32Array(data.length)
        return { data: slot === 0 && initial !== 0 ? values.map((value) => value + initial) : values, shape }
      })
    }),
  )
  const variables = [
    { data: BigInt64Array.of(BigInt(step)), shape: [] },
    ...(rate === undefined ? [] : [scalar(rate)]),
    ...own,
    ...(scalars === 0 ? [] : [scalar(nadamProduct(optimizer.config, step))]),
  ]
  const folder = 'optimizer/vars'
  const datasets = variables.map((variable, i) => ({ path: `${folder}/${i}`, ...variable }))
  return [{ path: 'optimizer' }, { path: folder }, ...datasets]
}

/** The product of the momentums of all steps, which Nadam keeps. */
function nadamProduct(
  { beta_1: beta = 0.9, gradient_accumulation_steps: steps = 1 }: JsonObject,
  step: number,
): number {
  let product = 1
  const updates = Math.floor(step / Number(steps))
  for (let t = 1; t <= updates && product > 0; t++) product *= Number(beta) * (1 - 0.5 * 0.96 ** t)
  return product
}

/** The groups and weights of `.h5`, within the group `root`. */
export function legacyObjects(root: string, layers: readonly KerasLayer[], given: Weights): H5Write[] {
  const weights = byName(given)
  const variables = new Map(legacyLayers(layers).map((each) => [each.layer, each.variables]))
  const objects: H5Write[] = []
  const made = new Set([root])
  const makeGroups = (path: string) => {
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      const group = path.slice(0, end)
      if (!made.has(group)) objects.push({ path: group })
      made.add(group)
    }
  }
  for (const layer of layers) {
    const path = `${root}/${layer.name}`
    const own = variables.get(layer) ?? []
    const names = own.map(({ name }) => name)
    makeGroups(path)
    made.add(path)
    objects.push({ path, attributes: cutNames('weight_names', names) })
    own.forEach(({ variable }, i) => {
      makeGroups(`${path}/${names[i]}`)
      objects.push(dataset(`${path}/${names[i]}`, variable, weights))
    })
  }
  return objects
}

/** A list of names as attributes, cut as Keras does. */
export function cutNames(attribute: string, names: readonly string[]): Record<string, readonly string[]> {
  if (names.length <= mostNames) return { [attribute]: names }
  const parts = Array.from({ length: Math.ceil(names.length / mostNames) }, (_, i) => {
    return [`${attribute}${i}`, names.slice(i * mostNames, (i + 1) * mostNames)] as const
  })
  return Object.fromEntries(parts)
}
