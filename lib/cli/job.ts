/** A job of `neurode train`: its options, and what runs it. */

import type { Options } from './options.js'
import type { TrainArguments } from './trial.js'

/** What can be trained. */
export interface Job {
  readonly usage: string
  readonly options: Options
  /** Runs the job and returns the exit code: 0, 75 where it goes on when it is started again, or 130 after Ctrl-C. */
  run(parsed: TrainArguments): Promise<number>
}
