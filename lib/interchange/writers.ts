/** The door for models to files: chooses the format by the ending of the path, and loads the writer of that format alone. */

import { checkOptions, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { toPath } from '../files/files.js'
import { saveModel } from '../persistence/modelFile.js'
import type { OnnxOptions, SaveResult, WriteForeign } from './saving.js'

/** Writers by the endings of paths. */
const writers: Readonly<Record<string, () => Promise<WriteForeign>>> = {
  keras: async () => (await import('./keras/writeFile.js')).writeKerasArchive,
  h5: async () => (await import('./keras/writeFile.js')).writeLegacyFile,
  onnx: async () => (await import('./onnx/write/writeOnnx.js')).writeOnnx,
  json: async () => (await import('./tfjs/writeFile.js')).writeTfjsModel,
}

/** The endings of paths whose format has an option. */
const endingsOf: Readonly<Record<keyof OnnxOptions, readonly string[]>> = { opset: ['onnx'] }

const columnsOfTable =
  'the columns of the table, with their words and statistics, and what the target is: the file takes numbers'

/** Writes a model in the format that the ending of the path names; Neurode's own where it names none. */
export async function saveAnyModel(
  core: ModelCore,
  target: string | URL,
  given: OnnxOptions | undefined,
): Promise<SaveResult> {
  const path = toPath(target, 'path')
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''
  const options = checkOptions(given, Object.keys(endingsOf), 'save')
  for (const name of Object.keys(options) as (keyof OnnxOptions)[]) {
    const endings = endingsOf[name]
    if (endings.includes(ending)) continue
    refuse(`save: ${name}`, `a path that ends in ${endings.map((each) => `.${each}`).join(' or ')}`, path)
  }
  if (!core.isFirst) return { leftOut: [] }
  const writer = Object.hasOwn(writers, ending) ? writers[ending] : undefined
  if (writer !== undefined) {
    const { leftOut } = await (await writer())(core, path, options)
    return { leftOut: core.beside.tabular === undefined ? leftOut : [...leftOut, columnsOfTable] }
  }
  await saveModel(core, path)
  return { leftOut: [] }
}
