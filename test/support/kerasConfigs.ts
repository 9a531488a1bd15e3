/** Writes configs for Keras and TensorFlow.js, and reads them again. */

import { coreOf } from '#lib/core/cores.js'
import { kerasConfigOf, kerasModel } from '#lib/interchange/keras/config.js'
import type { Era } from '#lib/interchange/keras/types.js'
import type { JsonObject } from '#lib/persistence/description.js'

/** Who reads what is written. */
export type WrittenEra = Exclude<Era, 'keras2'>

/** Writes a config and reads it again. */
export function there(net: object, era: WrittenEra = 'keras3') {
  const written = kerasConfigOf(coreOf(net), { era })
  const config = JSON.parse(JSON.stringify(written.config)) as JsonObject
  const version = era === 'tfjs' ? 'tfjs-layers 4.22.0' : '3.15.1'
  return { written, read: kerasModel(config, 'config', { version, training: written.compileConfig }) }
}
