/** Lists the tensors in files of weights alone. */

import { readBytes } from '../files/files.js'
import { formats } from '../files/formats.js'
import { readNpy } from '../formats/npy.js'
import { readNpz } from '../formats/npz.js'
import { readSafetensors } from '../formats/safetensors.js'
import { type FileFacts, factsOfHdf5 } from './facts.js'

/** A tensor in a file. */
export interface StoredTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
}

/** A file of weights alone. */
export interface WeightsContent {
  readonly tensors: readonly StoredTensor[]
  readonly facts: FileFacts
}

/** Readers by the names of formats. They give undefined for a file that holds a whole model. */
const readers: Readonly<Record<string, (path: string) => Promise<WeightsContent | undefined>>> = {
  [formats.safetensors]: async (path) => {
    const { tensors, metadata } = await readSafetensors(path)
    return content(tensors, Object.fromEntries(metadata))
  },
  'the index of a safetensors file in parts': async (path) => content((await readSafetensors(path)).tensors),
  [formats.npz]: async (path) => {
    const arrays = await readNpz(path)
    const [unreadable] = arrays.unreadable.values()
    if (unreadable !== undefined) throw unreadable
    return content(arrays)
  },
  [formats.npy]: async (path) => content(new Map([['', await readNpy(path)]])),
  [formats.hdf5]: hdf5Content,
}

/** The tensors of a file of weights alone; undefined for any other file. */
export async function weightsContent(path: string, format: string | undefined): Promise<WeightsContent | undefined> {
  const read = format !== undefined && Object.hasOwn(readers, format) ? readers[format] : undefined
  return read?.(path)
}

function content(
  arrays: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype: string }>,
  details: Readonly<Record<string, string>> = {},
): WeightsContent {
  const tensors = [...arrays].map(([name, { shape, dtype }]) => ({ name, shape, dtype }))
  return { tensors, facts: { dtypes: [...new Set(tensors.map(({ dtype }) => dtype))], details } }
}

async function hdf5Content(path: string): Promise<WeightsContent | undefined> {
  const { readHdf5 } = await import('./hdf5/hdf5.js')
  const { hasLegacyWeights, isWeightsFile } = await import('./keras/places.js')
  return readHdf5(await readBytes(path), path, async (file) => {
    const isModel = file.texts('', 'model_config') !== undefined
    if (isModel || !(isWeightsFile(file) || hasLegacyWeights(file, ''))) return undefined
    const tensors = [...file.nodes].flatMap(([name, node]) => {
      return node.kind === 'dataset' ? [{ name, shape: node.shape, dtype: node.dtype }] : []
    })
    return { tensors, facts: factsOfHdf5(file) }
  })
}
