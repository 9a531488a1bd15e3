/** Errors as clients see them: a status, and JSON that says what is wrong. */

import type { FastifyReply } from 'fastify'
import { type ErrorCode, NeurodeError } from '../../base/errors.js'
import type { FailureReason } from '../metrics/statistics.js'

/** An answer with another status than 200. */
export class HttpError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** Seconds after which a client that was refused may try again. */
export const retryAfter = { 'retry-after': '1' }

interface Translation {
  readonly status: number
  readonly reason: FailureReason
  readonly headers?: Readonly<Record<string, string>> | undefined
}

const translations: Partial<Record<ErrorCode, Translation>> = {
  ERR_REQUEST: { status: 400, reason: 'OTHER' },
  ERR_LABEL_RANGE: { status: 400, reason: 'OTHER' },
  ERR_QUEUE_FULL: { status: 503, reason: 'REJECTED', headers: retryAfter },
  ERR_TIMEOUT: { status: 503, reason: 'REJECTED', headers: retryAfter },
  ERR_OUT_OF_MEMORY: { status: 503, reason: 'BACKEND', headers: retryAfter },
  ERR_DISPOSED: { status: 503, reason: 'BACKEND', headers: retryAfter },
  ERR_ABORTED: { status: 499, reason: 'CANCELED' },
}

/** Translates an error of the queue, the device or a request into the error for the client and the reason for the statistics. */
export function translateError(error: unknown): { readonly error: HttpError; readonly reason: FailureReason } {
  if (error instanceof HttpError) return { error, reason: 'OTHER' }
  const translation = error instanceof NeurodeError ? translations[error.code] : undefined
  if (translation === undefined) {
    // The client does not see the message, which may name files; the log has it.
    return { error: new HttpError(500, 'the server failed to compute the answer'), reason: 'BACKEND' }
  }
  const { status, headers, reason } = translation
  return { error: new HttpError(status, (error as Error).message, headers), reason }
}

/** The content type of all JSON. */
export const jsonType = 'application/json; charset=utf-8'

/** The JSON of an error, `{"error": …}`. */
export function errorBody(message: string): string {
  return JSON.stringify({ error: message })
}

export function sendError(reply: FastifyReply, error: HttpError): void {
  reply.code(error.status).headers(error.headers).header('content-type', jsonType).send(errorBody(error.message))
}

/** Makes an {@link HttpError} of any error. Fastify's own errors have a status. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  const { statusCode = 500, message } = error as { statusCode?: number; message: string }
  return statusCode >= 400 && statusCode < 500
    ? new HttpError(statusCode, message)
    : new HttpError(500, 'the server failed')
}

/** Status line and message by the code of Node's error, for bytes that never become a complete request. */
export const clientErrors = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not come in whole in time'],
  HPE_INVALID_EOF_STATE: ['400 Bad Request', 'the request ended before it was whole'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Content Too Large', 'the chunk extensions are too large'],
} as const

export type ClientErrorCode = keyof typeof clientErrors
