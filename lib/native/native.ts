/** Loads the addon, and makes its errors those of the package. */

import { type ErrorCode, NeurodeError } from '../base/errors.js'
import type { NativeAddon } from './addon.js'
import { loadAddon } from './loadAddon.js'

let addon: NativeAddon | undefined

/** The loaded addon; loads it on first use. Throws `ERR_NATIVE_LOAD` with every path tried. */
export function native(): NativeAddon {
  addon ??= load()
  return addon
}

/** Where the addon was loaded from, once {@link native} has run. */
export let addonPath: string | undefined

function load(): NativeAddon {
  const { exports, path } = loadAddon()
  const loaded = exports as NativeAddon & { setErrorClass(errorClass: typeof nativeError): void }
  loaded.setErrorClass(nativeError)
  addonPath = path
  return loaded
}

/** Errors that native code has made, and no function of a user's. */
const nativeErrors = new WeakSet<NeurodeError>()

/** What native code calls with `new`. */
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

/** Whether native code refused the data that it was given. */
export function isRefusal(error: unknown): boolean {
  return error instanceof NeurodeError && nativeErrors.has(error) && ofData.has(error.code)
}
