/** Finds model files: files, folders of files, and folders with a numbered folder for each version. */

import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { NeurodeError } from '../../base/errors.js'

const extension = '.neurode'
const versionName = /^(0|[1-9]\d{0,15})$/
/** The names of models are used in addresses, labels and logs. */
const modelName = /^[A-Za-z0-9][\w.-]{0,127}$/

/** One version of one model on disk. */
export interface ModelSource {
  readonly model: string
  /** The name of the version's folder; `1` for a file without one. */
  readonly version: string
  readonly path: string
  /** A text that changes whenever the file changes. */
  readonly signature: string
}

/**
 * Finds all versions of all models under these paths. A file is one version; a folder with numbered folders is one model; any
 * other folder holds model files and such folders. Hidden entries and empty version folders are skipped.
 *
 * Rejects with `ERR_FILE_NOT_FOUND`, or with `ERR_ARGUMENT` if two sources have the same name or a name cannot be used in an
 * address.
 */
export async function scanModels(paths: readonly string[]): Promise<ModelSource[]> {
  const found = (await Promise.all(paths.map((path) => scan(resolve(path))))).flat()
  const sources = new Map<string, ModelSource>()
  for (const source of found) {
    const { model, version, path } = source
    checkModelName(model, path)
    const key = `${model}/${version}`
    const other = sources.get(key)?.path ?? path
    if (other !== path) {
      throw new NeurodeError('ERR_ARGUMENT', `version ${version} of model '${model}' is both ${other} and ${path}`)
    }
    sources.set(key, source)
  }
  return [...sources.values()]
}

/** Throws `ERR_ARGUMENT` for a name that cannot be used in an address. */
export function checkModelName(name: string, where: string): string {
  if (modelName.test(name)) return name
  const expected = "expected letters, digits, '.', '_' and '-' alone, beginning with a letter or digit"
  throw new NeurodeError('ERR_ARGUMENT', `${where}: the name of a model: ${expected}, got ${JSON.stringify(name)}`)
}

/** Orders versions by number, ascending. */
export function compareVersions(a: string, b: string): number {
  return Number(a) - Number(b)
}

async function scan(path: string): Promise<ModelSource[]> {
  const found = await sourceAt(path, basename(path, extension), '1')
  if (found !== undefined) return [found]
  const versions = await scanVersions(path, basename(path))
  if (versions !== undefined) return versions
  const names = await entriesOf(path)
  const inside = await Promise.all(names.map((name) => scanEntry(join(path, name), name)))
  return inside.flat()
}

async function scanEntry(path: string, name: string): Promise<ModelSource[]> {
  if (!name.endsWith(extension)) return (await scanVersions(path, name)) ?? []
  const found = await sourceAt(path, basename(name, extension), '1')
  return found === undefined ? [] : [found]
}

/** The versions in a folder's numbered folders; undefined if it has no such folder. */
async function scanVersions(folder: string, model: string): Promise<ModelSource[] | undefined> {
  const versions = (await entriesOf(folder)).filter((name) => versionName.test(name))
  if (versions.length === 0) return undefined
  const found = await Promise.all(versions.map((version) => scanVersion(join(folder, version), model, version)))
  return found.filter((source) => source !== undefined)
}

/** The model file of a version's folder; undefined if it has none. */
async function scanVersion(folder: string, model: string, version: string): Promise<ModelSource | undefined> {
  const files = (await entriesOf(folder)).filter((name) => name.endsWith(extension))
  if (files.length > 1) {
    throw new NeurodeError('ERR_ARGUMENT', `${folder}: expected one file *${extension}, got ${files.join(', ')}`)
  }
  return files[0] === undefined ? undefined : sourceAt(join(folder, files[0]), model, version)
}

/** The model file at a path; undefined for a folder. */
async function sourceAt(path: string, model: string, version: string): Promise<ModelSource | undefined> {
  const stats = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    const code = error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 'ERR_FILE_NOT_FOUND' : 'ERR_FILE_FORMAT'
    throw new NeurodeError(code, `${path}: cannot be read: ${error.message}`, { cause: error })
  })
  if (stats.isDirectory()) return undefined
  const { dev, ino, size, mtimeNs, ctimeNs } = stats
  return { model, version, path, signature: [dev, ino, size, mtimeNs, ctimeNs].join(':') }
}

/** The names in a folder, sorted; an empty list for a file. */
async function entriesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR' || error.code === 'ENOENT') return []
    throw new NeurodeError('ERR_FILE_NOT_FOUND', `${folder}: cannot be read: ${error.message}`, { cause: error })
  })
  return names.filter((name) => !name.startsWith('.')).sort()
}
