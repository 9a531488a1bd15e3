/** Finds, downloads and checks the four files of MNIST. */

import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { isUint8Array } from 'node:util/types'
import { formatShape, type NdArray } from '../arrays/arrays.js'
import { ShapedArray, shapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import { checkOptions, checkSignal } from '../checks/validate.js'
import { toPath } from '../files/paths.js'
import { readIdx } from '../formats/idx.js'
import type { Dataset, DatasetPart } from './dataset.js'
import { type DownloadProgress, download, type MirrorFailure, throwIfAborted } from './download.js'

/** Options of `datasets.mnist`. */
export interface MnistOptions {
  /**
   * A folder to search first, and to download to if the files are not found. Default: only the folder that the environment variable
   * `NEURODE_DATA` names and the user's cache are searched, and files are downloaded to the cache.
   */
  readonly dir?: string | URL | undefined
  /** Stops reading and downloading; the promise rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
  /** Called for every piece of a download that arrives; not called if the files were found. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** @internal Where the files come from; tests replace it. */
export interface MnistSource {
  readonly mirrors: readonly string[]
  readonly files: Readonly<Record<'trainImages' | 'trainLabels' | 'testImages' | 'testLabels', MnistFile>>
  readonly environment: NodeJS.ProcessEnv
  readonly connectMilliseconds?: number | undefined
  readonly idleMilliseconds?: number | undefined
}

/** @internal */
export interface MnistFile {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  readonly shape: readonly number[]
}

const mnistSource: MnistSource = {
  mirrors: [
    'https://storage.googleapis.com/cvdf-datasets/mnist/',
    'https://ossci-datasets.s3.amazonaws.com/mnist/',
    'https://raw.githubusercontent.com/fgnt/mnist/master/',
  ],
  files: {
    trainImages: {
      name: 'train-images-idx3-ubyte.gz',
      bytes: 9_912_422,
      sha256: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
      shape: [60_000, 28, 28],
    },
    trainLabels: {
      name: 'train-labels-idx1-ubyte.gz',
      bytes: 28_881,
      sha256: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
      shape: [60_000],
    },
    testImages: {
      name: 't10k-images-idx3-ubyte.gz',
      bytes: 1_648_877,
      sha256: '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
      shape: [10_000, 28, 28],
    },
    testLabels: {
      name: 't10k-labels-idx1-ubyte.gz',
      bytes: 4_542,
      sha256: 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
      shape: [10_000],
    },
  },
  environment: process.env,
}

/** See `datasets.mnist`. `source` is for tests: other files, other mirrors, other folders. */
export async function loadMnist(given?: MnistOptions, source: MnistSource = mnistSource): Promise<Dataset> {
  const { files } = source
  const options = checkOptions(given, ['dir', 'signal', 'onProgress'], 'datasets.mnist')
  const dir = options.dir === undefined || options.dir === '' ? undefined : toPath(options.dir, 'dir')
  throwIfAborted(checkSignal(options.signal, 'signal'))
  const { found } = await locateMnist(dir, source)
  const paths = found ?? (await fetchMissing({ ...options, dir }, source))
  const read = (file: MnistFile) => readChecked(file, paths.get(file.name) as string, options.signal)
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all([
    read(files.trainImages),
    read(files.trainLabels),
    read(files.testImages),
    read(files.testLabels),
  ])
  return { name: 'mnist', train: toPart(trainImages, trainLabels), test: toPart(testImages, testLabels) }
}

/** Finds MNIST: the path of each of its files if one folder holds all four, and all folders that were searched. */
export async function locateMnist(
  dir?: string,
  source: MnistSource = mnistSource,
): Promise<{ readonly found?: ReadonlyMap<string, string> | undefined; readonly searched: readonly string[] }> {
  const searched = searchFolders(dir, source.environment)
  for (const folder of searched) {
    const paths = await locateIn(folder, source)
    if (paths.size === Object.keys(source.files).length) return { found: paths, searched }
  }
  return { searched }
}

/** The folder for Neurode's downloads, in the platform's folder for caches. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  const home = environment.HOME ?? homedir()
  if (platform === 'win32')
    return join(environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'neurode', 'Cache')
  if (environment.XDG_CACHE_HOME) return join(environment.XDG_CACHE_HOME, 'neurode')
  return platform === 'darwin' ? join(home, 'Library', 'Caches', 'neurode') : join(home, '.cache', 'neurode')
}

function searchFolders(dir: string | undefined, environment: NodeJS.ProcessEnv): string[] {
  const folders: string[] = []
  for (const folder of [dir, environment.NEURODE_DATA]) {
    if (folder) folders.push(resolve(folder), resolve(folder, 'mnist'))
  }
  return [...new Set([...folders, join(cacheFolder(environment), 'mnist')])]
}

async function locateIn(folder: string, { files }: MnistSource): Promise<Map<string, string>> {
  const paths = new Map<string, string>()
  for (const { name } of Object.values(files)) {
    for (const spelling of spellings(name)) {
      const path = join(folder, spelling)
      const isFile = await stat(path)
        .then((stats) => stats.isFile())
        .catch(() => false)
      if (!isFile) continue
      paths.set(name, path)
      break
    }
  }
  return paths
}

/** The names that a file may have: `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, gzipped or not. */
function spellings(name: string): string[] {
  const plain = name.replace(/\.gz$/, '')
  return [plain, plain.replace('-idx', '.idx')].flatMap((spelling) => [`${spelling}.gz`, spelling])
}

async function fetchMissing(
  options: MnistOptions & { dir: string | undefined },
  source: MnistSource,
): Promise<Map<string, string>> {
  const { signal, onProgress } = options
  const folder = options.dir ? resolve(options.dir) : join(cacheFolder(source.environment), 'mnist')
  const paths = await locateIn(folder, source)
  let mirrors = source.mirrors
  for (const { name, bytes, sha256 } of Object.values(source.files)) {
    if (paths.has(name)) continue
    throwIfAborted(signal)
    const path = join(folder, name)
    const { connectMilliseconds, idleMilliseconds } = source
    const urls = mirrors.map((mirror) => mirror + name)
    const limits = { connectMilliseconds, idleMilliseconds }
    const { url, failures } = await download({ path, urls, sha256, bytes, signal, onProgress, ...limits })
    if (url === undefined) throw downloadError(name, failures, searchFolders(options.dir, source.environment))
    paths.set(name, path)
    // The mirror that worked comes first for the next files.
    const best = url.slice(0, -name.length)
    mirrors = [best, ...mirrors.filter((mirror) => mirror !== best)]
  }
  return paths
}

function downloadError(name: string, failures: readonly MirrorFailure[], searched: readonly string[]): NeurodeError {
  const reasons = failures.map(({ url, reason }) => `${new URL(url).host}: ${reason}`).join('; ')
  return new NeurodeError(
    'ERR_DOWNLOAD',
    `MNIST is neither on this machine nor could it be downloaded: no mirror delivered ${name} (${reasons}). ` +
      `Set NEURODE_DATA to a folder with its four files, or put them into one of ${searched.join(', ')}`,
  )
}

async function readChecked(
  file: MnistFile,
  path: string,
  signal: AbortSignal | undefined,
): Promise<NdArray<Uint8Array>> {
  const { data, shape } = await readIdx(path, { maxBytes: 2 ** 30, ...(signal ? { signal } : {}) })
  const matches = shape.length === file.shape.length && shape.every((size, i) => size === file.shape[i])
  if (!matches || !isUint8Array(data)) {
    const expected = `unsigned bytes of shape ${formatShape(file.shape)}`
    const got = `${data.constructor.name} of shape ${formatShape(shape)}`
    throw new NeurodeError('ERR_FILE_FORMAT', `${path}: expected ${expected}, got ${got}`)
  }
  const row = file.shape.length === 1 ? data.findIndex((label) => label > 9) : -1
  if (row >= 0) {
    throw new NeurodeError('ERR_FILE_FORMAT', `${path}: expected labels 0 to 9, got ${data[row]} in row ${row}`)
  }
  return new ShapedArray(data, shape)
}

function toPart({ data, shape }: NdArray<Uint8Array>, labels: NdArray<Uint8Array>): DatasetPart {
  const [rows = 0, height = 0, width = 0] = shape
  return { images: shapedArray(data, [rows, height * width], { scale: 1 / 255 }), labels }
}
