/** Rules and time limits that apply on the fast path and in node:http alike. */

import type { Socket } from 'node:net'

/** Rules for every request. */
export interface RequestRules {
  /** Checks the header `Authorization`; if undefined, all requests are accepted. */
  readonly authorize: ((header: string | undefined, socket: Socket) => void) | undefined
  /** The largest body, in bytes. */
  readonly bodyLimit: number
  /** The largest total size of the bodies that are being received, in bytes. */
  readonly totalLimit: number
  /** One element: the bytes of the bodies that are being received now. */
  readonly arriving: Float64Array
}

/** Time limits, in milliseconds. */
export interface Timeouts {
  readonly headersTimeout: number
  readonly requestTimeout: number
  readonly keepAliveTimeout: number
  /** The time between two checks for connections that are past a limit. */
  readonly connectionsCheckingInterval: number
}
