/** Requests on their way through a queue, and what may become of them other than an answer. */

import { NeurodeError } from '../../base/errors.js'

/** A request, or one part of it: some rows of one {@link RowBuffer}. */
export interface Ticket {
  readonly first: number
  readonly rows: number
  readonly arrived: number
  /** `performance.now()`, or Infinity. */
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
