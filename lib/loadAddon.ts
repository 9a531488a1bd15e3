/** Finds the native addon and loads it: the one that was named, the one that was built, or a prebuilt one. */

import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { NeurodeError } from './errors.js'
import { detectLibc, type Libc } from './libc.js'
import { findPackage } from './packageRoot.js'

export interface LoadedAddon {
  readonly exports: unknown
  readonly path: string
}

/** A place where the addon was looked for in vain. */
interface Attempt {
  readonly path: string
  readonly error: Error
}

const require = createRequire(import.meta.url)

/**
 * Loads the addon that `NEURODE_NATIVE_PATH` names and no other; without it the one in `build/Release`, else the one in
 * `prebuilds` for this platform. Throws `ERR_NATIVE_LOAD` with every path tried, why it failed, and what to do.
 */
export function loadAddon(): LoadedAddon {
  const override = process.env.NEURODE_NATIVE_PATH
  const { root } = findPackage()
  const attempts: Attempt[] = []
  for (const place of override ? [resolve(override)] : [join(root, 'build', 'Release', 'neurode.node'), root]) {
    try {
      const path = place === root ? findPrebuilt(root) : place
      if (!existsSync(path)) throw new Failure(path, new Error('there is no such file'))
      return load(path)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      attempts.push({ path: error.path, error: error.cause })
    }
  }
  const tried = attempts.map(({ path, error }) => `  ${path}: ${firstLine(error)}`).join('\n')
  const next = override
    ? 'NEURODE_NATIVE_PATH names it: set it to an addon built for this machine, or unset it.'
    : 'Run "npx neurode build" to build it here; that takes CMake 3.20 or newer and a C++20 compiler.'
  const target = `${process.platform}-${process.arch}`
  const message = `no native addon for ${target} could be loaded. Tried:\n${tried}\n${next}`
  throw new NeurodeError('ERR_NATIVE_LOAD', message, { cause: attempts.at(-1)?.error })
}

class Failure extends Error {
  declare readonly cause: Error
  readonly path: string

  constructor(path: string, cause: Error) {
    super(cause.message, { cause })
    this.path = path
  }
}

function load(path: string): LoadedAddon {
  try {
    return { exports: require(path), path }
  } catch (error) {
    throw new Failure(path, error as Error)
  }
}

function findPrebuilt(root: string): string {
  const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)
  const libc = detectLibc()
  try {
    return resolvePrebuilt(root, libc)
  } catch {
    throw new Failure(folder, new Error(whyNoPrebuilt(root, folder, libc)))
  }
}

/** node-gyp-build reads both variables when it is loaded, and knows musl by Alpine's files alone. */
function resolvePrebuilt(root: string, libc: Libc | undefined): string {
  const { LIBC, PREBUILDS_ONLY } = process.env
  if (libc) process.env.LIBC = LIBC ?? libc.name
  process.env.PREBUILDS_ONLY = '1'
  try {
    return (require('node-gyp-build') as PrebuildResolver).resolve(root)
  } finally {
    restore('LIBC', LIBC)
    restore('PREBUILDS_ONLY', PREBUILDS_ONLY)
  }
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

function whyNoPrebuilt(root: string, folder: string, libc: Libc | undefined): string {
  const here = addonsIn(folder)
  if (here.length > 0) return `it has ${here.join(', ')}, and this process runs on ${libc?.name ?? process.platform}`
  const targets = foldersIn(join(root, 'prebuilds'))
  return `there is none; ${targets.length > 0 ? `this package has ${targets.join(', ')}` : 'this package has none at all'}`
}

function addonsIn(folder: string): string[] {
  return foldersIn(folder).filter((name) => name.endsWith('.node'))
}

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

function firstLine(error: Error): string {
  return error.message.split('\n')[0] ?? ''
}

interface PrebuildResolver {
  /** Path of the prebuilt addon for this process; throws when there is none. */
  resolve(root: string): string
}
