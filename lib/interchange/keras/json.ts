/** Reads the JSON in Keras' files. */

import { damaged } from '../../files/files.js'
import { parseStrictJson } from '../../formats/strictJson.js'
import type { JsonObject } from '../../persistence/description.js'

/** Parses JSON that must be an object, from UTF-8 or a text; `what` names it in messages. */
export function parseObject(source: Uint8Array | string, path: string, what: string): JsonObject {
  let value: unknown
  try {
    value = parseStrictJson(
      typeof source === 'string' ? source : new TextDecoder('utf-8', { fatal: true }).decode(source),
    )
  } catch (error) {
    throw damaged(path, `${what} is not JSON: ${(error as Error).message}`, error)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw damaged(path, `${what}: expected an object`)
}
