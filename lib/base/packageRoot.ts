/** Finds the folder of this package, also from within a bundle that includes its code. */

import { existsSync, readFileSync } from 'node:fs'
import nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NeurodeError } from './errors.js'

export interface Package {
  readonly root: string
  readonly version: string
}

/** How to configure bundlers so that the package still finds its files. */
export const bundlerAdvice = `Mark 'neurode' as external, and keep it in node_modules where the program runs:
  esbuild: --external:neurode
  webpack: externals: [/^neurode($|\\/)/], with externalsType 'module' or 'commonjs' as the output is
  Rollup, Vite: external: [/^neurode($|\\/)/], in Vite under build.rollupOptions`

/** The version, which the build of the package itself defines; undefined otherwise. */
declare const NEURODE_VERSION: string | undefined

/** The package that this file is part of; undefined in a bundle. */
export function ownPackage(): Package | undefined {
  return packageAbove(ownFiles()[0])
}

/** Like {@link ownPackage}; in a bundle, the `neurode` of the same version in a node_modules above the bundle. */
export function findPackage(): Package | undefined {
  return ownPackage() ?? ownFiles().map(installedFor).find(Boolean)
}

/** The package, for commands, which are never part of a bundle. */
export function thisPackage(): Package {
  const found = findPackage()
  if (found === undefined) throw missing('package.json')
  return found
}

/** A file or folder of the package, by its path in the package; for a bundle without the package, one beside the bundle. */
export function findFile(path: string): string | undefined {
  const root = findPackage()?.root
  return (root === undefined ? bundleFolders() : [root]).map((folder) => join(folder, path)).find(existsSync)
}

/** A `require` relative to a file. `createRequire` is not imported by name, as webpack would then bundle what it loads. */
export function requireFrom(file: string): NodeJS.Require {
  return nodeModule.createRequire(file)
}

/** A `require` relative to this file, or to the bundle that includes it. */
export function requireHere(): NodeJS.Require {
  return requireFrom(join(bundleFolders()[0] ?? process.cwd(), 'index.js'))
}

/** The error to throw when {@link findFile} finds nothing. */
export function missing(path: string): NeurodeError {
  const places = bundleFolders().map((folder) => join(folder, path))
  const message = `${path} of Neurode is not there: a bundler did not copy it. ${bundlerAdvice}`
  return new NeurodeError('ERR_FILE_NOT_FOUND', `${message}\nOr copy it to ${places.join(' or ')}.`)
}

/** Folders in which the bundle that includes this file may lie. */
export function bundleFolders(): string[] {
  return [...new Set(ownFiles().map((file) => dirname(file)))].filter(existsSync)
}

/** Candidates for the file that this code runs from. Bundlers may leave `import.meta` empty or fill in the path at build time. */
function ownFiles(): string[] {
  return [pathOf(import.meta.url), commonjsFile(), process.argv[1]].filter((file) => file !== undefined)
}

function pathOf(url: string | undefined): string | undefined {
  try {
    return url === undefined ? undefined : fileURLToPath(url)
  } catch {
    return undefined // The URL is no file, or is a path of the system that the bundle was built on.
  }
}

/** The file of a CommonJS bundle. `typeof __filename` is no safe check, as some bundlers replace it by 'string' in ES modules too. */
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
