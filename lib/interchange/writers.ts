/** The door for models to files: chooses the format by the ending of the path, and loads the writer of that format alone. */

import type { ModelCore } from '../core/core.js'
import { toPath } from '../files/files.js'
import { saveModel } from '../persistence/modelFile.js'

/** What became of a model in a file. */
export interface SaveResult {
  /** What the format cannot hold and the file therefore lacks, each in words; empty for Neurode's own format. */
  readonly leftOut: readonly string[]
}

/** Writes a model to a file of one format. Throws a typed error where the file would compute something else. */
export type WriteForeign<Options = Record<string, never>> = (
  core: ModelCore,
  path: string,
  options: Options,
) => Promise<SaveResult>

/** Writers by the endings of paths. */
const writers: Readonly<Record<string, () => Promise<WriteForeign>>> = {}

/** Writes a model in the format that the ending of the path names; Neurode's own where it names none. */
export async function saveAnyModel(core: ModelCore, target: string | URL): Promise<SaveResult> {
  const path = toPath(target, 'path')
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''
  const writer = Object.hasOwn(writers, ending) ? writers[ending] : undefined
  if (writer !== undefined) return (await writer())(core, path, {})
  await saveModel(core, path)
  return { leftOut: [] }
}
