/** Requests in a queue, and the errors that they may end with. */

import { NeurodeError } from '../../base/errors.js'

/** A request, or a part of one: some rows of a {@link RowBuffer}. */
export interface Ticket {
  readonly first: number
  readonly rows: number
  readonly arrived: number
  /** On the clock of `performance.now()`; Infinity if there is none. */
  readonly deadline: number
  resolve: (output: Float32Array) => void
  reject: (error: unknown) => void
  settled: boolean
  readonly forget: (() => void) | undefined
}

export function abortError(signal: AbortSignal): NeurodeError {
  return new NeurodeError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason })
}

export function disposedError(): NeurodeError {
  return new NeurodeError('ERR_DISPOSED', 'the batcher was disposed')
}

export function timeoutError({ arrived, deadline }: Ticket): NeurodeError {
  return new NeurodeError('ERR_TIMEOUT', `no answer within ${Math.round(deadline - arrived)} ms`)
}
