/** Where this package lies; and where the program lies that a bundler has put its text into. */

import { existsSync, readFileSync } from 'node:fs'
import nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NeurodeError } from './errors.js'

export interface Package {
  readonly root: string
  readonly version: string
}

/** What a bundle needs so that it finds everything. */
export const bundlerAdvice = `Mark 'neurode' as external, and keep it in node_modules where the program runs:
  esbuild: --external:neurode
  webpack: externals: [/^neurode($|\\/)/], with externalsType 'module' or 'commonjs' as the output is
  Rollup, Vite: external: [/^neurode($|\\/)/], in Vite under build.rollupOptions`

/** Set to the version by whoever bundles the package itself. */
declare const NEURODE_VERSION: string | undefined

/** The package that this text is part of; undefined in a bundle. */
export function ownPackage(): Package | undefined {
  return packageAbove(ownFiles()[0])
}

/** The same, or in a bundle the `neurode` of its version that lies in node_modules there. */
export function findPackage(): Package | undefined {
  return ownPackage() ?? ownFiles().map(installedFor).find(Boolean)
}

/** The package, for what runs as a command and so never is part of a bundle. */
export function thisPackage(): Package {
  const found = findPackage()
  if (found === undefined) throw missing('package.json')
  return found
}

/** A file or folder of the package, by its path in it; in a bundle without the package, beside the bundle. */
export function findFile(path: string): string | undefined {
  const root = findPackage()?.root
  return (root === undefined ? bundleFolders() : [root]).map((folder) => join(folder, path)).find(existsSync)
}

/** A `require` as of that file, which no bundler looks into: webpack does where `createRequire` is imported by its name. */
export function requireFrom(file: string): NodeJS.Require {
  return nodeModule.createRequire(file)
}

/** A `require` as of this text, or of the bundle that it is part of. */
export function requireHere(): NodeJS.Require {
  return requireFrom(join(bundleFolders()[0] ?? process.cwd(), 'index.js'))
}

/** What to throw where {@link findFile} finds nothing. */
export function missing(path: string): NeurodeError {
  const places = bundleFolders().map((folder) => join(folder, path))
  const message = `${path} of Neurode is not there: a bundler has left it behind. ${bundlerAdvice}`
  return new NeurodeError('ERR_FILE_NOT_FOUND', `${message}\nOr copy it to ${places.join(' or ')}.`)
}

/** Where a bundle that this text is part of may lie. */
export function bundleFolders(): string[] {
  return [...new Set(ownFiles().map((file) => dirname(file)))].filter(existsSync)
}

/** Files that this text may be in. Some bundlers leave `import.meta` empty, and some fill in the file they read at build time. */
function ownFiles(): string[] {
  return [pathOf(import.meta.url), commonjsFile(), process.argv[1]].filter((file) => file !== undefined)
}

function pathOf(url: string | undefined): string | undefined {
  try {
    return url === undefined ? undefined : fileURLToPath(url)
  } catch {
    return undefined // Not a file; or one of the machine, of another system, that the bundle was made on.
  }
}

/** Of a bundle in CommonJS. Some bundlers take `typeof __filename` for a string elsewhere, too. */
function commonjsFile(): string | undefined {
  try {
    return __filename
  } catch {
    return undefined
  }
}

function packageAbove(file: string | undefined): Package | undefined {
  for (let folder = dirname(file ?? '.'); ; folder = dirname(folder)) {
    const { name, version } = readPackageFile(folder)
    if (name === 'neurode' && version !== undefined) return { root: folder, version }
    if (folder === dirname(folder)) return undefined
  }
}

function installedFor(file: string): Package | undefined {
  try {
    const found = packageAbove(requireFrom(file).resolve('neurode/package.json'))
    return typeof NEURODE_VERSION === 'string' && found?.version !== NEURODE_VERSION ? undefined : found
  } catch {
    return undefined
  }
}

function readPackageFile(folder: string): { readonly name?: string; readonly version?: string } {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  } catch {
    return {}
  }
}
