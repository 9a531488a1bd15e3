/** A job of `neurode train`: its options, and what runs it. */

import type { Options, ParsedArguments } from './options.js'

/** What can be trained. */
export interface Job {
  readonly usage: string
  readonly options: Options
  /** Runs the job and returns the exit code: 0, or 130 after Ctrl-C. */
  run(parsed: ParsedArguments): Promise<number>
}
