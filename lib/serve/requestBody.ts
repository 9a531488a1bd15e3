/** Bodies as the bytes that came, within limits for each and for all together. */

import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { HttpError, retryAfter } from './httpErrors.js'

/** Bytes a body may have at most, and bytes that all bodies on their way in may have together. */
export interface BodyLimits {
  readonly bodyLimit: number
  readonly totalLimit: number
}

type Done = (error: Error | null, body?: Buffer) => void

const nothing = Buffer.alloc(0)

/** A parser for Fastify that reads a body and looks at nothing in it. */
export function bodyReader({ bodyLimit, totalLimit }: BodyLimits) {
  let arriving = 0

  return (request: FastifyRequest, payload: IncomingMessage, done: Done): void => {
    const { headers } = request
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      throw new HttpError(415, `Content-Encoding: expected none, got '${encoding}'`)
    }
    const declared = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
    if (declared !== undefined && declared > bodyLimit) throw tooLarge(bodyLimit)
    if (arriving > totalLimit) {
      throw new HttpError(503, 'too many bytes of other requests are on their way in', retryAfter)
    }
    let first: Buffer = nothing
    let rest: Buffer[] | undefined
    let received = 0

    const finish = (error: Error | null) => {
      arriving -= received
      payload.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak)
      if (error !== null) done(error)
      else done(null, rest === undefined ? first : Buffer.concat(rest, received))
    }
    const onData = (chunk: Buffer) => {
      received += chunk.length
      arriving += chunk.length
      if (received > bodyLimit) {
        finish(tooLarge(bodyLimit))
      } else if (first === nothing) {
        first = chunk
      } else {
        rest ??= [first]
        rest.push(chunk)
      }
    }
    const onEnd = () => finish(null)
    const onBreak = () => finish(new HttpError(400, 'the body ended before it was whole'))
    payload.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak)
  }
}

function tooLarge(limit: number): HttpError {
  return new HttpError(413, `the body: expected at most ${limit} bytes`)
}
