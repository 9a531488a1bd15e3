/** What files say of themselves besides the model: which program wrote them, and the types of the numbers in them. */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readBytes, whileOpen } from '../files/files.js'
import { formats } from '../files/formats.js'
import { openZip } from '../formats/zipFile.js'
import type { Json } from '../persistence/description.js'
import type { Hdf5File } from './hdf5/hdf5.js'

/** Facts of a file. */
export interface FileFacts {
  /** The program that wrote the file, as the file says, with its version. */
  readonly producer?: string | undefined
  readonly version?: string | undefined
  /** The version of ONNX's operators. */
  readonly opset?: number | undefined
  /** The types of the stored numbers, each once. */
  readonly dtypes: readonly string[]
  /** What else the file says, such as the backend of Keras. */
  readonly details: Readonly<Record<string, string>>
}

const mostMetadata = 2 ** 16

/** Readers of facts by the names of formats. */
const readers: Readonly<Record<string, (path: string) => Promise<FileFacts>>> = {
  [formats.model]: async () => ({ producer: 'Neurode', dtypes: ['float32'], details: {} }),
  [formats.keras]: ofKerasArchive,
  [formats.kerasFolder]: ofKerasFolder,
  [formats.hdf5]: async (path) => ofHdf5(await readBytes(path), path),
  [formats.tfjs]: ofTfjs,
  [formats.onnx]: ofOnnx,
}

/** The facts of a file of this format, which a reader has already found to be whole. */
export async function factsOf(path: string, format: string | undefined): Promise<FileFacts> {
  const read = format !== undefined && Object.hasOwn(readers, format) ? readers[format] : undefined
  return read === undefined ? { dtypes: [], details: {} } : read(path)
}

async function ofKerasArchive(path: string): Promise<FileFacts> {
  const { weightsOfArchive } = await import('./keras/readFile.js')
  const metadata = await whileOpen(path, async (file, size) => {
    return (await openZip(file, size, path)).read('metadata.json', mostMetadata)
  }).catch(() => undefined)
  return ofKeras(metadata, await weightsOfArchive(path), path)
}

async function ofKerasFolder(path: string): Promise<FileFacts> {
  const metadata = await readBytes(join(path, 'metadata.json')).catch(() => undefined)
  return ofKeras(metadata, await readBytes(join(path, 'model.weights.h5')), path)
}

/** The facts of a `.keras` file; its metadata may be missing. */
async function ofKeras(metadata: Uint8Array | undefined, weights: Uint8Array, path: string): Promise<FileFacts> {
  const { dtypes } = await ofHdf5(weights, path)
  const { parseObject } = await import('./keras/json.js')
  const said = metadata === undefined ? {} : tolerant(() => parseObject(metadata, path, 'metadata.json'))
  return {
    producer: 'Keras',
    version: textOf(said?.keras_version),
    dtypes,
    details: detailsOf({ saved: said?.date_saved }),
  }
}

async function ofHdf5(bytes: Uint8Array, path: string): Promise<FileFacts> {
  const { readHdf5 } = await import('./hdf5/hdf5.js')
  return readHdf5(bytes, path, async (file) => factsOfHdf5(file))
}

/** The facts of an open HDF5 file. */
export function factsOfHdf5(file: Hdf5File): FileFacts {
  const said = (name: string) => (file.texts('', name) ?? file.texts('model_weights', name))?.[0]
  const sets = [...file.nodes.values()].filter((node) => node.kind === 'dataset')
  return {
    producer: 'Keras',
    version: said('keras_version'),
    dtypes: [...new Set(sets.map(({ dtype }) => dtype))],
    details: detailsOf({ backend: said('backend') }),
  }
}

async function ofTfjs(given: string): Promise<FileFacts> {
  const path = (await stat(given)).isDirectory() ? join(given, 'model.json') : given
  const { parseObject } = await import('./keras/json.js')
  const root = parseObject(await readBytes(path), path, 'the file')
  const topology = root.modelTopology as { readonly keras_version?: Json; readonly backend?: Json }
  const groups = root.weightsManifest as unknown as readonly { readonly weights: readonly StoredSpec[] }[]
  const specs = groups.flatMap(({ weights }) => weights)
  // Such as 'TensorFlow.js tfjs-layers v4.22.0'.
  const [, producer, version] = /^(.*?) v?(\d\S*)$/.exec(textOf(root.generatedBy) ?? '') ?? []
  return {
    producer: producer ?? textOf(root.generatedBy),
    version,
    dtypes: [...new Set(specs.map(({ dtype, quantization }) => quantization?.dtype ?? dtype))],
    details: detailsOf({
      convertedBy: root.convertedBy,
      kerasVersion: topology.keras_version,
      backend: topology.backend,
    }),
  }
}

interface StoredSpec {
  readonly dtype: string
  readonly quantization?: { readonly dtype: string }
}

/** ONNX's names of types, where they are not those of NumPy. */
const onnxTypes: Readonly<Record<string, string>> = { float: 'float32', double: 'float64' }

async function ofOnnx(path: string): Promise<FileFacts> {
  const { parseModel } = await import('./onnx/file.js')
  const { TensorProto_DataType } = await import('./onnx/onnx-ml_pb.js')
  const model = parseModel(await readBytes(path))
  const types = (model.graph?.initializer ?? []).map(({ dataType = 0 }) => {
    const name = (TensorProto_DataType[dataType] ?? 'unknown').toLowerCase()
    return onnxTypes[name] ?? name
  })
  const own = model.opsetImport.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx')
  return {
    producer: model.producerName || undefined,
    version: model.producerVersion || undefined,
    opset: own?.version === undefined ? undefined : Number(own.version),
    dtypes: [...new Set(types)],
    details: detailsOf({ irVersion: String(model.irVersion) }),
  }
}

function detailsOf(given: Readonly<Record<string, Json | undefined>>): Record<string, string> {
  const texts = Object.entries(given).map(([name, value]) => [name, textOf(value)] as const)
  return Object.fromEntries(texts.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

const textOf = (value: Json | undefined) => (typeof value === 'string' && value !== '' ? value : undefined)

function tolerant<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
