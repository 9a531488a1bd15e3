/** What readers of other formats are given. */

import type { ModelFile } from '../persistence/modelFile.js'

/** What `load` passes on to the reader of a format. */
export interface ReadOptions {
  /** Names of the outputs that are wanted, of formats that hold several; default all. */
  readonly outputs?: readonly string[] | undefined
}

/** Reads a file, or a folder, of one format. */
export type ReadForeign = (path: string, options: ReadOptions) => Promise<ModelFile>
