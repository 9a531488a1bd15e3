/** What writers of other formats are given, and what they give. */

import type { ModelCore, TrainingState } from '../core/core.js'
import { startPosition } from '../core/position.js'

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

/** What Neurode's own files hold of a training beside the weights and the optimizer. */
export function lackingState({ position, callbacks, trained }: TrainingState): string[] {
  const isBegun = JSON.stringify(position) !== JSON.stringify(startPosition)
  const remembering = Object.keys(callbacks)
  return [
    ...(isBegun ? ['the number of epochs, from which a fit with `resume` goes on'] : []),
    ...(remembering.length > 0 ? [`what the callbacks remember (${remembering.join(', ')})`] : []),
    ...(trained.some((data) => data !== undefined) ? ['the weights before they were replaced by their averages'] : []),
  ]
}
