/** Paths, from what users give: texts and URL objects. */

import { fileURLToPath } from 'node:url'
import { NeurodeError } from '../base/errors.js'
import { describe, refuse } from '../checks/validate.js'

/** A letter alone is a drive of Windows. */
const address = /^(?:[a-z][a-z\d+.-]+:\/\/|data:[^,]*,)/i

/** The path that is meant; `ERR_ARGUMENT` for addresses, as text or of anything but files. */
export function toPath(value: unknown, argument: string, expected = 'a path'): string {
  if (isUrl(value)) return pathOf(new URL(value.href), argument, expected)
  if (typeof value !== 'string' || value === '') return refuse(argument, expected, value)
  if (value.includes('\0')) return refuse(argument, 'a path without NUL characters', value)
  if (!address.test(value)) return value
  const meant = /^file:/i.test(value) ? `; as a path it is ${describe(pathIn(value))}` : adviceFor(expected)
  throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected a path or a URL object, got ${describe(value)}${meant}`)
}

/** URL objects of other realms, as test runners make them, are no instances of this one's class. */
export function isUrl(value: unknown): value is { readonly href: string } {
  if (value instanceof URL) return true
  const { href, protocol } = (typeof value === 'object' && value !== null ? value : {}) as Partial<URL>
  return typeof href === 'string' && typeof protocol === 'string'
}

/** How what stands at an address is read all the same. */
function adviceFor(expected: string): string {
  const bytes = 'new Uint8Array(await (await fetch(url)).arrayBuffer())'
  if (expected.includes('bytes')) return `: only files are read; give the bytes instead: ${bytes}`
  return `: only files are read and written; write what is to be read into one: await writeFile(path, ${bytes})`
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

/** `file://./model` is no URL, and its author means `./model`. */
function pathIn(text: string): string {
  try {
    return fileURLToPath(text)
  } catch {
    return text.replace(/^file:\/\//i, '')
  }
}
