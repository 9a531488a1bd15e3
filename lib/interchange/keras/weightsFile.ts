/** Weights alone in the HDF5 files of Keras: `.weights.h5`, its index of several files, and legacy `.h5`. */

import { dirname, join } from 'node:path'
import { NeurodeError } from '../../base/errors.js'
import { describe } from '../../checks/validate.js'
import type { ModelCore } from '../../core/core.js'
import { damaged, readBytes, writeAtomically } from '../../files/files.js'
import type { FileArray } from '../../formats/npy.js'
import { encodeHdf5, type Hdf5File, readHdf5 } from '../hdf5/hdf5.js'
import { kerasConfigOf } from './config.js'
import { parseObject } from './json.js'
import { hasLegacyWeights, isWeightsFile, layerGroups, legacyPlaces, type Place, storedPlaces } from './places.js'
import { weightsOfArchive } from './readFile.js'
import { weightObjects } from './storedObjects.js'
import type { KerasLayer } from './types.js'
import { readWeights } from './weights.js'

/** Writes `.weights.h5`. */
export async function saveKerasWeights(core: ModelCore, path: string): Promise<void> {
  const { layers } = kerasConfigOf(core)
  await writeAtomically(path, [await encodeHdf5(weightObjects(layers, core.readWeights()))])
}

/** Loads the weights of an HDF5 file: one of weights alone, or a whole model. */
export async function loadKerasWeights(core: ModelCore, path: string): Promise<void> {
  await loadFrom(core, await readBytes(path), path)
}

/** Loads the weights of a `.keras` archive. */
export async function loadArchiveWeights(core: ModelCore, path: string): Promise<void> {
  await loadFrom(core, await weightsOfArchive(path), path)
}

async function loadFrom(core: ModelCore, bytes: Uint8Array, path: string): Promise<void> {
  const { layers } = kerasConfigOf(core)
  take(core, await readHdf5(bytes, path, (file) => readWeights(file, placesIn(file, layers))))
}

function placesIn(file: Hdf5File, layers: readonly KerasLayer[]): Place[] {
  if (isWeightsFile(file)) return storedPlaces(file, layers)
  const root = ['', 'model_weights'].find((each) => hasLegacyWeights(file, each))
  if (root === undefined) throw damaged(file.path, 'the HDF5 file is none that Keras wrote')
  return legacyPlaces(file, root, layers)
}

/** Weights that no variable of Keras holds stay as they are. */
function take(core: ModelCore, weights: ReadonlyMap<string, FileArray>): void {
  core.writeWeights(
    undefined,
    core.readWeights().map((weight) => weights.get(weight.name) ?? weight),
  )
}

/** Loads weights from several files, which an index in the same folder lists by the groups of layers. */
export async function loadShardedWeights(core: ModelCore, path: string): Promise<void> {
  const { layers } = kerasConfigOf(core)
  const shards = shardsOf(parseObject(await readBytes(path), path, 'the index'), path)
  const weights = new Map<string, FileArray>()
  for (const [name, groups] of shards) {
    const file = join(dirname(path), name)
    const bytes = await readBytes(file)
    const found = await readHdf5(bytes, file, (shard) => readWeights(shard, placesInShard(shard, groups, layers)))
    for (const [weight, array] of found) weights.set(weight, array)
  }
  const missing = layerGroups(layers)
    .flatMap(({ layer }) => layer.variables)
    .find(({ weight }) => weight !== undefined && !weights.has(weight))
  if (missing !== undefined)
    throw new NeurodeError('ERR_SHAPE', `${path}: none of its files has the weight '${missing.weight}'`)
  take(core, weights)
}

/** The groups in each file of an index. */
function shardsOf({ weight_map: map }: ReturnType<typeof parseObject>, path: string): Map<string, Set<string>> {
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw damaged(path, 'expected an index with a weight_map')
  const shards = new Map<string, Set<string>>()
  for (const [group, names] of Object.entries(map)) {
    for (const name of Array.isArray(names) ? names : [names]) {
      // A name with a folder in it could point to any file of the system.
      if (typeof name !== 'string' || !/^[^/\\:]+\.weights\.h5$/.test(name)) {
        throw damaged(
          path,
          `'${group.slice(0, 60)}': expected a .weights.h5 file beside the index, got ${describe(name)}`,
        )
      }
      shards.set(name, (shards.get(name) ?? new Set()).add(group.replace(/^\//, '')))
    }
  }
  return shards
}

/** The variables that a file of several has: those of a layer may be in different ones. */
function placesInShard(file: Hdf5File, groups: ReadonlySet<string>, layers: readonly KerasLayer[]): Place[] {
  return layerGroups(layers).flatMap(({ layer, path }) => {
    const vars = `${path}/vars`
    const there = groups.has(vars) ? (file.group(vars)?.children ?? []) : []
    return layer.variables.flatMap((variable, i) =>
      there.includes(`${i}`) ? [{ layer, variable, path: `${vars}/${i}` }] : [],
    )
  })
}
