/** Loads the addon, and makes native errors instances of NeurodeError. */

import { type ErrorCode, NeurodeError } from '../base/errors.js'
import type { NativeAddon } from './addon.js'
import { loadAddon } from './loadAddon.js'

let addon: NativeAddon | undefined

/** The loaded addon; loads it on first use. Throws `ERR_NATIVE_LOAD` with every path tried. */
export function native(): NativeAddon {
  addon ??= load()
  return addon
}

/** The path that the addon was loaded from; undefined before {@link native} was called. */
export let addonPath: string | undefined

function load(): NativeAddon {
  const { exports, path } = loadAddon()
  const loaded = exports as NativeAddon & { setErrorClass(errorClass: typeof nativeError): void }
  loaded.setErrorClass(nativeError)
  addonPath = path
  return loaded
}

/** Errors that native code made, to tell them from those that a user's function throws. */
const nativeErrors = new WeakSet<NeurodeError>()

/** The constructor that native code calls to make an error. */
function nativeError(code: ErrorCode, message: string): NeurodeError {
  const error = new NeurodeError(code, message)
  nativeErrors.add(error)
  return error
}

const ofData: ReadonlySet<string> = new Set([
  'ERR_ARGUMENT',
  'ERR_LABEL_RANGE',
  'ERR_DATA_DETACHED',
  'ERR_OUT_OF_MEMORY',
])

/** Whether an error means that native code refused the user's data. */
export function isRefusal(error: unknown): boolean {
  return error instanceof NeurodeError && nativeErrors.has(error) && ofData.has(error.code)
}
