/** Recognizes file formats by their bytes, so that messages can name the format of a file that was given to the wrong reader. */

/** The name of a format, and advice that continues the sentence after the name. */
export interface Format {
  readonly name: string
  readonly advice: string
}

interface Row extends Format {
  readonly matches: (file: Sample) => boolean
}

/** The first and last bytes of a file, as one character for each byte, and the file's length in bytes. */
export interface Sample {
  readonly head: string
  readonly tail: string
  readonly length: number
}

/** How many of the first and last bytes of a file are looked at. */
export const sampleBytes = 65_536

const notRead = ', which Neurode does not read'
const fromTensorFlow = `${notRead}; in Keras, model.save('model.keras') writes what load() reads`
const fromTorch = `${notRead}, as it may run code; safetensors.torch.save_file(model.state_dict(), 'weights.safetensors') writes what loadWeights() reads`
const readBy = (...readers: readonly string[]) => `, for ${readers.map((name) => `${name}()`).join(' and ')}`

const begins = (...starts: readonly string[]) => {
  return ({ head }: Sample) => starts.some((start) => head.startsWith(start))
}
const zipWith = (...members: readonly string[]) => {
  return ({ head, tail }: Sample) => head.startsWith('PK\x03\x04') && members.some((member) => tail.includes(member))
}
const json = ({ head }: Sample) => /^(?:\xef\xbb\xbf)?\s*[{[]\s*["{[\]}\d-]/.test(head)
const jsonWith = (key: RegExp) => (file: Sample) => json(file) && key.test(file.head)
const text = ({ head }: Sample) =>
  [...head.slice(0, 512)].every((letter) => (letter >= ' ' && letter !== '\x7f') || '\t\n\r'.includes(letter))

/** Matches the first bytes: each is a given byte, one of several characters, or within a range. */
const bytes = (...wanted: readonly (number | string | readonly [low: number, high: number])[]) => {
  return ({ head }: Sample) =>
    wanted.every((allowed, i) => {
      const code = head.charCodeAt(i)
      if (typeof allowed === 'number') return code === allowed
      if (typeof allowed === 'string') return i < head.length && allowed.includes(head[i] as string)
      return code >= allowed[0] && code <= allowed[1]
    })
}

/** Whether a file begins with the length of a header, 8 bytes, that fits into the file, followed by a JSON object. */
function isSafetensors({ head, length }: Sample): boolean {
  if (head.slice(4, 8) !== '\0\0\0\0' || !head.slice(8).trimStart().startsWith('{')) return false
  const header = [3, 2, 1, 0].reduce((sum, i) => sum * 256 + head.charCodeAt(i), 0)
  return 8 + header <= length
}

/** The text after the first eight bytes of a file that save() wrote. */
export const modelStart = '{"__metadata__":{"sha256":"'

/** The names of the formats that Neurode reads. */
export const formats = {
  model: 'a file that save() wrote',
  safetensors: 'a safetensors file',
  npz: 'an npz file',
  npy: 'an npy file',
  keras: 'a Keras file (.keras)',
  kerasFolder: 'an unpacked Keras file',
  kerasIndex: 'the index of Keras weights in parts',
  hdf5: 'an HDF5 file (.h5)',
  tfjs: 'a TensorFlow.js model',
  onnx: 'an ONNX model',
  events: 'a TensorBoard event file',
} as const

/** The formats that are recognized; the first row that matches counts. */
const rows: readonly Row[] = [
  { name: 'an empty file', advice: '', matches: ({ length }) => length === 0 },
  {
    name: formats.model,
    advice: readBy('load', 'loadWeights'),
    matches: (file) => isSafetensors(file) && file.head.startsWith(modelStart, 8),
  },
  { name: formats.safetensors, advice: readBy('loadWeights', 'readSafetensors'), matches: isSafetensors },
  { name: formats.keras, advice: readBy('load', 'loadWeights'), matches: zipWith('model.weights.h5', 'metadata.json') },
  { name: 'a PyTorch file (.pt)', advice: fromTorch, matches: zipWith('data.pkl', 'constants.pkl') },
  { name: formats.events, advice: readBy('readEvents'), matches: ({ head }) => head.startsWith('brain.Event:', 23) },
  { name: formats.npz, advice: readBy('loadWeights', 'readNpz'), matches: zipWith('.npy') },
  { name: 'a zip archive', advice: notRead, matches: begins('PK\x03\x04', 'PK\x05\x06') },
  {
    name: formats.hdf5,
    advice: readBy('load', 'loadWeights'),
    matches: ({ head }) => [0, 512, 1024, 2048].some((at) => head.startsWith('\x89HDF\r\n\x1a\n', at)),
  },
  { name: formats.npy, advice: readBy('readNpy', 'openNpy'), matches: begins('\x93NUMPY') },
  { name: 'a PyTorch file (.pt)', advice: fromTorch, matches: begins('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19') },
  {
    name: 'a Python pickle',
    advice: `${notRead}, as it may run code; numpy.savez writes what readNpz() reads`,
    matches: bytes(0x80, [2, 5], [1, 255]),
  },
  { name: 'a TensorFlow Lite model', advice: notRead, matches: ({ head }) => head.startsWith('TFL3', 4) },
  { name: 'a TensorFlow SavedModel', advice: fromTensorFlow, matches: begins('\x08\x01\x12') },
  // The first fields of a ModelProto: ir_version, then producer, graph or opset_import.
  { name: formats.onnx, advice: readBy('load'), matches: bytes(8, [1, 31], '\x12\x1a"*:B') },
  { name: 'a GGUF file', advice: notRead, matches: begins('GGUF') },
  {
    name: 'an IDX file',
    advice: readBy('readIdx', 'openIdx'),
    matches: bytes(0, 0, [8, 14], [1, 8]),
  },
  { name: 'a MATLAB file (.mat)', advice: notRead, matches: begins('MATLAB ') },
  { name: 'a Parquet file', advice: readBy('readTable'), matches: begins('PAR1') },
  { name: 'an Arrow file', advice: readBy('readTable'), matches: begins('ARROW1') },
  { name: 'gzip data', advice: ': unpack it first', matches: begins('\x1f\x8b') },
  { name: 'bzip2 data', advice: ': unpack it first', matches: begins('BZh') },
  { name: 'xz data', advice: ': unpack it first', matches: begins('\xfd7zXZ\0') },
  { name: 'Zstandard data', advice: ': unpack it first', matches: begins('(\xb5/\xfd') },
  { name: 'a tar archive', advice: ': unpack it first', matches: ({ head }) => head.startsWith('ustar', 257) },
  { name: 'a PNG image', advice: notRead, matches: begins('\x89PNG\r\n\x1a\n') },
  { name: 'a JPEG image', advice: notRead, matches: begins('\xff\xd8\xff') },
  { name: 'a GIF image', advice: notRead, matches: begins('GIF8') },
  { name: 'a PDF document', advice: notRead, matches: begins('%PDF-') },
  { name: 'an SQLite database', advice: notRead, matches: begins('SQLite format 3\0') },
  {
    name: 'a pointer of Git LFS',
    advice: ' in place of the file: git lfs pull fetches it',
    matches: begins('version https://git-lfs.'),
  },
  {
    name: 'an HTML page',
    advice: ', perhaps an answer of a server instead of the file',
    matches: ({ head }) => /^\s*<(?:!doctype html|html)/i.test(head),
  },
  {
    name: formats.tfjs,
    advice: readBy('load'),
    matches: jsonWith(/"(?:modelTopology|weightsManifest)"\s*:/),
  },
  {
    name: formats.kerasIndex,
    advice: readBy('loadWeights'),
    matches: jsonWith(/"weight_map"\s*:[\s\S]*\.weights\.h5"/),
  },
  {
    name: 'the index of a safetensors file in parts',
    advice: readBy('readSafetensors'),
    matches: jsonWith(/"weight_map"/),
  },
  {
    name: 'the layers of a Keras model as JSON',
    advice: `${notRead}: it holds no weights`,
    matches: jsonWith(/"class_name"\s*:/),
  },
  { name: 'JSON', advice: '', matches: json },
  { name: 'text', advice: '', matches: text },
]

/** The format of a file; undefined if no row matches. */
export function formatOf(content: Uint8Array): Format | undefined {
  const { length } = content
  const buffer = Buffer.from(content.buffer, content.byteOffset, length)
  const head = buffer.toString('latin1', 0, Math.min(length, sampleBytes))
  const tail = buffer.toString('latin1', Math.max(0, length - sampleBytes))
  return formatOfSample({ head, tail, length })
}

/** Like {@link formatOf}, for a part of the file. */
export function formatOfSample(sample: Sample): Format | undefined {
  return rows.find(({ matches }) => matches(sample))
}

/** The formats of folders, by a file in them; the first row that matches counts. */
const folders: readonly (Format & { readonly file: string })[] = [
  { file: 'saved_model.pb', name: 'a TensorFlow SavedModel', advice: fromTensorFlow },
  { file: 'model.weights.h5', name: formats.kerasFolder, advice: readBy('load') },
  { file: 'model.json', name: formats.tfjs, advice: readBy('load') },
]

/** The format of a folder with files of these names; undefined if no row matches. */
export function folderFormatOf(names: readonly string[]): Format | undefined {
  return folders.find(({ file }) => names.includes(file))
}

/** What a folder holds, judged by the names of its files: the end of a message. */
export function foreignFolder(names: readonly string[]): string {
  const found = folderFormatOf(names)
  if (found !== undefined) return `${found.name}${found.advice}`
  const [file] = names.filter((name) => /\.(?:neurode|safetensors|npz)$/.test(name))
  return file === undefined ? 'a folder' : `a folder; a file in it is ${file}`
}
