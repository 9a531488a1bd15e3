/** Finds and loads the native addon: one that the user named, one that was built here, or a prebuilt one. */

import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { NeurodeError } from '../base/errors.js'
import {
  bundleFolders,
  bundlerAdvice,
  findPackage,
  ownPackage,
  type Package,
  requireFrom,
} from '../base/packageRoot.js'
import { detectLibc, type Libc } from './libc.js'

export interface LoadedAddon {
  readonly exports: unknown
  readonly path: string
}

/** A path where the addon may be, and a function that says why it is missing there. */
interface Place {
  readonly path: string
  readonly whyMissing?: () => string
}

/** The paths to try, and the advice if none of them works. */
interface Search {
  readonly places: Iterable<Place>
  readonly advice: string
}

const target = `${process.platform}-${process.arch}`
const loadModule = requireFrom(process.execPath)

/**
 * Loads the addon. If `NEURODE_NATIVE_PATH` is set, only the file that it names is tried. Otherwise these are tried in order: the file
 * in `build/Release`, then the prebuilt file for this platform in `prebuilds`; from a bundle, files beside it or in node_modules. Throws
 * `ERR_NATIVE_LOAD` with every path tried, the reason why it failed, and advice.
 */
export function loadAddon(): LoadedAddon {
  const { places, advice } = searchOf(process.env.NEURODE_NATIVE_PATH)
  const failures: string[] = []
  let cause: unknown
  for (const { path, whyMissing } of places) {
    try {
      if (!existsSync(path)) throw new Error(whyMissing?.() ?? 'there is no such file')
      return { exports: loadModule(path), path }
    } catch (error) {
      cause = error
      failures.push(`  ${path}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  const message = `no native addon for ${target} could be loaded. Tried:\n${failures.join('\n')}\n${advice}`
  throw new NeurodeError('ERR_NATIVE_LOAD', message, { cause })
}

function searchOf(override: string | undefined): Search {
  if (override) {
    const advice = 'NEURODE_NATIVE_PATH names it: set it to an addon built for this machine, or unset it.'
    return { places: [{ path: resolve(override) }], advice }
  }
  const own = ownPackage()
  if (own === undefined) return ofBundle()
  const advice = 'Run "npx neurode build" to build it here; that takes CMake 3.20 or newer and a C++20 compiler.'
  return { places: inPackage(own), advice }
}

function* inPackage({ root }: Package): Iterable<Place> {
  yield { path: join(root, 'build', 'Release', 'neurode.node') }
  const place = prebuilt(root)
  yield { ...place, path: resolvePrebuilt(root) ?? place.path }
}

interface PrebuildResolver {
  /** Path of the prebuilt addon for this process; throws when there is none. */
  resolve(root: string): string
}

/** Runs node-gyp-build with LIBC and PREBUILDS_ONLY set. It reads both when it is loaded, and detects musl on Alpine only. */
function resolvePrebuilt(root: string): string | undefined {
  const { LIBC, PREBUILDS_ONLY } = process.env
  const libc = detectLibc()
  if (libc !== undefined) process.env.LIBC = LIBC ?? libc.name
  process.env.PREBUILDS_ONLY = '1'
  try {
    return (requireFrom(join(root, 'package.json'))('node-gyp-build') as PrebuildResolver).resolve(root)
  } catch {
    return undefined
  } finally {
    restore('LIBC', LIBC)
    restore('PREBUILDS_ONLY', PREBUILDS_ONLY)
  }
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

/** The paths for a bundle: first a `prebuilds` folder or an addon that was copied beside it, by hand or by a bundler. */
function ofBundle(): Search {
  const beside = bundleFolders().flatMap((folder) => [
    prebuilt(folder),
    ...addonsIn(folder).map((name) => ({ path: join(folder, name) })),
  ])
  const installed = findPackage()
  const places = installed === undefined ? beside : [...beside, ...inPackage(installed)]
  const advice = `This program is a bundle, which holds no native addon. ${bundlerAdvice}
Or copy the folder 'prebuilds' of the package beside the bundle, or name the addon in NEURODE_NATIVE_PATH.`
  return { places, advice }
}

/** The path of the addon in a copied `prebuilds` folder, by prebuildify's naming. */
function prebuilt(folder: string): Place {
  const libc = detectLibc()
  const prebuilds = join(folder, 'prebuilds')
  const own = join(prebuilds, target)
  const path = join(own, libc === undefined ? 'neurode.node' : `neurode.${libc.name}.node`)
  return { path, whyMissing: () => whyNoPrebuilt(prebuilds, own, libc) }
}

function whyNoPrebuilt(prebuilds: string, own: string, libc: Libc | undefined): string {
  const here = addonsIn(own)
  if (here.length > 0) return `it has ${here.join(', ')}, and this process runs on ${libc?.name ?? process.platform}`
  const targets = namesIn(prebuilds)
  return targets.length > 0
    ? `there is none for this platform: ${targets.join(', ')} are there`
    : 'there is no such file'
}

function addonsIn(folder: string): string[] {
  return namesIn(folder).filter((name) => /^neurode.*\.node$/.test(name))
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}
