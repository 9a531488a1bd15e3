/** What holds for every request, whichever way it comes in. */

import type { Socket } from 'node:net'

/** What holds for every request, however it is read. */
export interface RequestRules {
  /** None: all are let in. */
  readonly authorize: ((header: string | undefined, socket: Socket) => void) | undefined
  /** Bytes a body may have at most. */
  readonly bodyLimit: number
  /** Bytes that all bodies on their way in may have together. */
  readonly totalLimit: number
  /** Its one element counts them. */
  readonly arriving: Float64Array
}

/** In milliseconds. */
export interface Timeouts {
  readonly headersTimeout: number
  readonly requestTimeout: number
  readonly keepAliveTimeout: number
  /** Between two looks for those that are over. */
  readonly connectionsCheckingInterval: number
}
