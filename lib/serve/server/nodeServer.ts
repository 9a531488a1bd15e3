/** Creates the Fastify application of a standalone server: node:http with time limits, which answers refused requests with JSON. */

import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { NeurodeError } from '../../base/errors.js'
import { checkOptions, longestMilliseconds } from '../../checks/validate.js'
import { toPath } from '../../files/paths.js'
import { errorBody, HttpError, jsonType, sendError } from '../http/httpErrors.js'
import type { Timeouts } from '../http/rules.js'
import type { RefuseClient } from './refusals.js'
import { answerHalfClosed } from './undocumented.js'

/** Paths of a key and its certificate (PEM). */
export interface TlsFiles {
  readonly key: string | URL
  readonly cert: string | URL
}

export async function makeApp(
  times: Timeouts,
  tls: TlsFiles | undefined,
  refuseClient: RefuseClient,
): Promise<FastifyInstance> {
  const { headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval } = times
  const { default: fastify } = await import('fastify')
  const app = fastify({
    http: { headersTimeout, requestTimeout, connectionsCheckingInterval },
    https: await readTls(tls),
    requestTimeout,
    // Node waits one second longer than this option says.
    keepAliveTimeout: Math.min(keepAliveTimeout, longestMilliseconds - 1000),
    // While the server closes, connections that are already open still get answers.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: ({ code = '' }: NodeJS.ErrnoException, socket: Socket) => refuseClient(socket, code),
    frameworkErrors: (error: Error & { statusCode?: number }, _request: FastifyRequest, reply: FastifyReply) => {
      const status = error.statusCode ?? 400
      sendError(reply, new HttpError(status, `the address: ${error.message.replace(/'.{100,}'/s, 'it')}`))
    },
    onProtoPoisoning: 'ignore',
  } as object) as FastifyInstance
  app.server.headersTimeout = headersTimeout
  answerHalfClosed(app.server)
  // No limit on the number of headers: beyond a limit Node would drop headers, and a second `Host` among them would go
  // unnoticed.
  app.server.maxHeadersCount = 0
  app.server.on('checkExpectation', refuseExpectation)
  return app
}

async function readTls(tls: TlsFiles | undefined): Promise<object | null> {
  if (tls === undefined) return null
  checkOptions(tls, ['key', 'cert'], 'tls')
  const read = (path: string) =>
    readFile(path).catch((error: NodeJS.ErrnoException) => {
      throw new NeurodeError('ERR_FILE_NOT_FOUND', `${path}: cannot be read: ${error.message}`, { cause: error })
    })
  const [key, cert] = await Promise.all([read(toPath(tls.key, 'tls.key')), read(toPath(tls.cert, 'tls.cert'))])
  return { key, cert }
}

/** Answers a header `Expect` other than `100-continue` with 417. */
function refuseExpectation({ headers }: IncomingMessage, response: ServerResponse): void {
  const error = `Expect: expected 100-continue, got ${JSON.stringify(headers.expect)}`
  const body = Buffer.from(errorBody(error))
  response.writeHead(417, { 'content-type': jsonType, 'content-length': body.length, connection: 'close' }).end(body)
}
