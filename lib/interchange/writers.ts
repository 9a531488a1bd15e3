/** The door for models to files: chooses the format by the ending of the path, and loads the writer of that format alone. */

import { checkOptions, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { toPath } from '../files/files.js'
import { saveModel } from '../persistence/modelFile.js'

/** What became of a model in a file. */
export interface SaveResult {
  /** What the format cannot hold and the file therefore lacks, each in words; empty for Neurode's own format. */
  readonly leftOut: readonly string[]
}

/** Options of {@link Model.save} for files of ONNX. */
export interface OnnxOptions {
  /** The version of ONNX's operators, from 13 to 25; default 17, which all readers since 2022 know. */
  readonly opset?: number | undefined
}

/** Options of {@link Model.save}: those of the format that the ending of the path names. */
export type SaveOptions<Path extends string | URL = string> =
  Path extends `${string}.${'neurode' | 'keras' | 'h5' | 'json'}` ? Readonly<Record<string, never>> : OnnxOptions

/** Writes a model to a file of one format. Throws a typed error where the file would compute something else. */
export type WriteForeign = (core: ModelCore, path: string, options: OnnxOptions) => Promise<SaveResult>

/** Writers by the endings of paths. */
const writers: Readonly<Record<string, () => Promise<WriteForeign>>> = {
  onnx: async () => (await import('./onnx/write/writeOnnx.js')).writeOnnx,
}

/** The endings of paths whose format has an option. */
const endingsOf: Readonly<Record<keyof OnnxOptions, readonly string[]>> = { opset: ['onnx'] }

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
  const writer = Object.hasOwn(writers, ending) ? writers[ending] : undefined
  if (writer !== undefined) return (await writer())(core, path, options)
  await saveModel(core, path)
  return { leftOut: [] }
}
