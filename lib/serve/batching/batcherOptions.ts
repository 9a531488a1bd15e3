/** Options of batchers and of their calls. */

import { checkNumber, checkOptions, checkSignal, longestMilliseconds } from '../../checks/validate.js'

/** Options of {@link batcher}. */
export interface BatcherOptions {
  /** The largest number of rows in one batch. Default: that of the predictor. */
  readonly maxBatchSize?: number | undefined
  /**
   * Microseconds that the first row of a batch may wait for further rows while the device is idle. Default 0: a batch starts as
   * soon as the device is idle, with the rows that have arrived by then.
   */
  readonly maxQueueDelayMicros?: number | undefined
  /** The largest number of waiting rows; requests beyond it reject with `ERR_QUEUE_FULL`. Default 16 · maxBatchSize. */
  readonly maxQueueSize?: number | undefined
  /** The longest time from request to answer, in milliseconds; later requests reject with `ERR_TIMEOUT`. Default: no limit. */
  readonly timeoutMs?: number | undefined
}

/** Options of {@link Batcher.run}. */
export interface RunOptions {
  /** When the signal is aborted, the request rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
  /** The longest time from request to answer, in milliseconds. Default: that of the batcher. */
  readonly timeoutMs?: number | undefined
}

export function checkRunOptions(given: RunOptions): RunOptions {
  const options = checkOptions(given, ['signal', 'timeoutMs'], 'run')
  checkSignal(options.signal, 'run: signal')
  checkTimeout(options.timeoutMs, 'run: timeoutMs')
  return options
}

export function checkTimeout(value: number | undefined, argument: string): number | undefined {
  return value === undefined ? undefined : checkNumber(value, argument, 0, longestMilliseconds)
}
