/** Converts the paths that users pass, strings and URL objects. */

import { fileURLToPath } from 'node:url'
import { NeurodeError } from '../base/errors.js'
import { describe, refuse } from '../checks/validate.js'

/** Matches addresses such as `https://…`. A single letter before the colon is a drive of Windows, not a scheme. */
const address = /^(?:[a-z][a-z\d+.-]+:\/\/|data:[^,]*,)/i

/** The path of a string or a `file:` URL object. Throws `ERR_ARGUMENT` for other URLs and for addresses written as strings. */
export function toPath(value: unknown, argument: string, expected = 'a path'): string {
  if (isUrl(value)) return pathOf(new URL(value.href), argument, expected)
  if (typeof value !== 'string' || value === '') return refuse(argument, expected, value)
  if (value.includes('\0')) return refuse(argument, 'a path without NUL characters', value)
  if (!address.test(value)) return value
  const meant = /^file:/i.test(value) ? `; as a path it is ${describe(pathIn(value))}` : adviceFor(expected)
  throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected a path or a URL object, got ${describe(value)}${meant}`)
}

/** Whether a value is a URL object. `instanceof` alone would miss those of other realms, which test runners create. */
export function isUrl(value: unknown): value is { readonly href: string } {
  if (value instanceof URL) return true
  const { href, protocol } = (typeof value === 'object' && value !== null ? value : {}) as Partial<URL>
  return typeof href === 'string' && typeof protocol === 'string'
}

/** Advice on how to read the content of an address. */
function adviceFor(expected: string): string {
  const bytes = 'new Uint8Array(await (await fetch(url)).arrayBuffer())'
  if (expected.includes('bytes')) return `: only files are read; give the bytes instead: ${bytes}`
  return `: only files are read and written; to read from an address, first save it: await writeFile(path, ${bytes})`
}

function pathOf(url: URL, argument: string, expected: string): string {
  const fail = (why: string, options?: ErrorOptions) =>
    new NeurodeError('ERR_ARGUMENT', `${argument}: expected a URL of a file, got ${describe(url.href)}${why}`, options)
  if (url.protocol !== 'file:') throw fail(adviceFor(expected))
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw fail(`: ${(cause as Error).message}`, { cause })
  }
}

/** The path that a string with `file:` probably means: `./model` for `file://./model`, which is no valid URL. */
function pathIn(text: string): string {
  try {
    return fileURLToPath(text)
  } catch {
    return text.replace(/^file:\/\//i, '')
  }
}
