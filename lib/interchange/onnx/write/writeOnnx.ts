/** Writes models as ONNX files. */

import { basename } from 'node:path'
import { checkInteger } from '../../../checks/validate.js'
import type { ModelCore } from '../../../core/core.js'
import { writeAtomically } from '../../../files/files.js'
import type { OnnxOptions, SaveResult } from '../../saving.js'
import { encodeOnnx } from './encodeOnnx.js'
import { graphOf } from './graphOf.js'
import { leftOutOf } from './leftOut.js'

/** The version of the operators that files have if none was asked for: the first with LayerNormalization. */
const defaultOpset = 17

/** Writes a model to an ONNX file, and constants of 2 GB or more to a second one beside it, whose name has `.data` at its end. */
export async function writeOnnx(core: ModelCore, path: string, { opset }: OnnxOptions): Promise<SaveResult> {
  const version = checkInteger(opset ?? defaultOpset, 'save: opset', 13, 25)
  core.checkNotRunning('its state cannot be read')
  const graph = graphOf(core, version)
  const beside = `${path}.data`
  const { model, external } = encodeOnnx(graph, basename(beside))
  // The model comes last: without it nobody reads the other file.
  if (external !== undefined) await writeAtomically(beside, external)
  await writeAtomically(path, [model])
  return { leftOut: leftOutOf(core, graph) }
}
