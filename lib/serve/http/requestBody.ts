/** Reads request bodies as bytes, with a limit for each body and a limit for all bodies together. */

import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { native } from '../../native/native.js'
import { HttpError, retryAfter } from './httpErrors.js'
import type { RequestRules } from './rules.js'

/** Shared memory in which the pieces of a body are joined. */
let scratch = Buffer.allocUnsafeSlow(0)
const largestScratch = 2 ** 21

/** The bytes of a body, in the pieces in which they arrived. */
export class RequestBody {
  readonly #pieces: readonly Buffer[]
  readonly #size: number
  readonly #alone: boolean

  constructor(pieces: readonly Buffer[], size: number, alone: boolean) {
    this.#pieces = pieces
    this.#size = size
    this.#alone = alone
  }

  /** All bytes of the body. The caller has to read them immediately, since the next body reuses the same memory. */
  bytes(): Buffer {
    const [first] = this.#pieces
    if (this.#pieces.length === 1 && first !== undefined) return first
    if (this.#size > largestScratch) return Buffer.concat(this.#pieces, this.#size)
    if (scratch.length < this.#size) scratch = Buffer.allocUnsafeSlow(2 ** (32 - Math.clz32(this.#size - 1)))
    let at = 0
    for (const piece of this.#pieces) {
      scratch.set(piece, at)
      at += piece.length
    }
    return scratch.subarray(0, at)
  }

  /** Frees the memory of the body. Nothing may read the body afterwards. */
  release(): void {
    if (this.#alone) for (const piece of this.#pieces) native().freeBuffer(piece)
  }
}

type Done = (error: Error | null, body?: RequestBody) => void

/**
 * A parser for Fastify that collects the bytes of a body and does not interpret them. `alone` means that no other code uses the
 * bytes, so that their memory is freed at once and does not wait for a garbage collection.
 */
export function bodyReader({ bodyLimit, totalLimit, arriving }: RequestRules, alone: boolean) {
  const count = (bytes: number) => {
    arriving[0] = (arriving[0] as number) + bytes
  }

  return (request: FastifyRequest, payload: IncomingMessage, done: Done): void => {
    const { headers } = request
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      throw new HttpError(415, `Content-Encoding: expected none, got '${encoding}'`)
    }
    const declared = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
    if (declared !== undefined && declared > bodyLimit) throw tooLarge(bodyLimit)
    if ((arriving[0] as number) > totalLimit) {
      throw new HttpError(503, 'too many bytes of other requests are on their way in', retryAfter)
    }
    const pieces: Buffer[] = []
    let received = 0

    const finish = (error: Error | null) => {
      count(-received)
      payload.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak)
      if (error !== null) done(error)
      else done(null, new RequestBody(pieces, received, alone))
    }
    const onData = (chunk: Buffer) => {
      received += chunk.length
      count(chunk.length)
      if (received > bodyLimit) finish(tooLarge(bodyLimit))
      else pieces.push(chunk)
    }
    const onEnd = () => finish(null)
    const onBreak = () => finish(new HttpError(400, 'the body ended before it was whole'))
    payload.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak)
  }
}

function tooLarge(limit: number): HttpError {
  return new HttpError(413, `the body: expected at most ${limit} bytes`)
}
