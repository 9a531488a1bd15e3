/** The door for weights alone: chooses the format of a file, and loads its reader or writer alone. */

import { checkOptions, refuseIdle } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { checkNoModel } from '../files/endings.js'
import { toPath } from '../files/files.js'
import { formats } from '../files/formats.js'
import {
  type LoadWeightsOptions,
  loadWeights,
  type SaveWeightsOptions,
  saveWeights,
} from '../persistence/weightsFile.js'
import { formatAt } from './formatAt.js'

type LoadForeign = (core: ModelCore, path: string) => Promise<void>
type SaveForeign = (core: ModelCore, path: string) => Promise<void>

/** Readers by the names of `formatOf`. */
const readers: Readonly<Record<string, () => Promise<LoadForeign>>> = {
  [formats.hdf5]: async () => (await import('./keras/weightsFile.js')).loadKerasWeights,
  [formats.keras]: async () => (await import('./keras/weightsFile.js')).loadArchiveWeights,
  [formats.kerasIndex]: async () => (await import('./keras/weightsFile.js')).loadShardedWeights,
}

/** Writers by the endings of paths. */
const writers: Readonly<Record<string, () => Promise<SaveForeign>>> = {
  '.weights.h5': async () => (await import('./keras/weightsFile.js')).saveKerasWeights,
}

/** Loads weights from a file of any format that is known. */
export async function loadAnyWeights(core: ModelCore, source: string | URL, given?: LoadWeightsOptions): Promise<void> {
  const path = toPath(source, 'path')
  const options = checkOptions(given, ['layers'], 'loadWeights')
  const name = await formatAt(path)
  const reader = name !== undefined && Object.hasOwn(readers, name) ? readers[name] : undefined
  if (reader === undefined) return loadWeights(core, path, options)
  refuseIdle(options, ['layers'], 'loadWeights', `for ${name}, whose layers are taken in order`)
  await (await reader())(core, path)
}

/** Writes the weights in the format that the ending of the path names; as safetensors where it names none. */
export async function saveAnyWeights(core: ModelCore, target: string | URL, given?: SaveWeightsOptions): Promise<void> {
  const path = toPath(target, 'path')
  const options = checkOptions(given, ['names'], 'saveWeights')
  if (!core.isFirst) return
  const ending = Object.keys(writers).find((each) => path.toLowerCase().endsWith(each))
  if (ending === undefined) return saveWeights(core, path, options)
  refuseIdle(options, ['names'], 'saveWeights', `for ${ending} files, whose names are Keras'`)
  await checkNoModel(path)
  await (await (writers[ending] as () => Promise<SaveForeign>)())(core, path)
}
