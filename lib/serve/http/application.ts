/** Turns a Fastify application into an inference server: adds routes, limits and authentication. */

import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { checkBoolean, checkInteger, refuse } from '../../checks/validate.js'
import { pageHandler } from '../page/page.js'
import { bearerTokens } from './auth.js'
import { type CheckHost, checkOneHost } from './hosts.js'
import { HttpError, sendError, toHttpError } from './httpErrors.js'
import { bodyReader } from './requestBody.js'
import {
  live,
  metrics,
  modelConfig,
  modelMetadata,
  modelReady,
  modelStatistics,
  modelStatus,
  notFound,
  ready,
  repositoryIndex,
  serverMetadata,
} from './routes/description.js'
import { checkModel, checkPredict, inferHandler, type ModelParams, predictHandler } from './routes/inference.js'
import type { RequestRules } from './rules.js'
import type { ServePluginOptions, Serving } from './serving.js'

interface Route {
  readonly method: 'GET' | 'POST'
  readonly url: string
  /** Asks for no token. */
  readonly open?: boolean | undefined
  /** Throws an error for requests that can be refused before their body is read. */
  // biome-ignore lint/suspicious/noExplicitAny: as the handler
  readonly check?: ((request: FastifyRequest<any>) => void) | undefined
  // biome-ignore lint/suspicious/noExplicitAny: Fastify's handlers are as many types as there are routes
  readonly handler: (request: FastifyRequest<any>, reply: FastifyReply) => unknown
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asks for no token. */
    open?: boolean | undefined
  }
}

const mebibyte = 2 ** 20
const otherMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Further rules of a standalone server. */
export interface ServerRules {
  readonly checkHost: CheckHost | undefined
  /** Called with each connection that has shown a token. */
  readonly welcome: (socket: Socket) => void
}

/**
 * Loads the models and adds the routes. The models are freed when the app closes. `own` is given for a standalone server, where
 * no other plugin handles the requests.
 */
export async function addServing(
  app: FastifyInstance,
  serving: Serving,
  options: ServePluginOptions,
  own?: ServerRules,
): Promise<RequestRules> {
  const { tokens } = options
  const watch = checkBoolean(options.watch ?? false, 'watch')
  if (watch && !serving.repository.hasFiles) refuse('watch', 'none with models in memory alone', watch)
  if (tokens !== undefined && !Array.isArray(tokens)) refuse('tokens', 'a list of tokens', tokens)
  const bodyLimit = checkInteger(options.bodyLimit ?? 16 * mebibyte, 'bodyLimit')
  const totalLimit = checkInteger(options.totalBodyLimit ?? 256 * mebibyte, 'totalBodyLimit')
  const checkToken = tokens === undefined ? undefined : bearerTokens(tokens)
  const authorize =
    checkToken &&
    ((header: string | undefined, socket: Socket) => {
      checkToken(header)
      own?.welcome(socket)
    })
  const rules = { authorize, bodyLimit, totalLimit, arriving: new Float64Array(1) }

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', bodyReader(rules, own !== undefined))
  app.setErrorHandler(handleError)
  app.addHook('onRequest', ({ raw, headers, routeOptions }, _reply, done) => {
    checkOneHost(raw.rawHeaders)
    own?.checkHost?.(headers.host)
    if (routeOptions.config.open !== true) authorize?.(headers.authorization, raw.socket)
    done()
  })
  // Fastify adds this header only to requests that arrive after closing has begun.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (serving.draining) reply.header('connection', 'close')
    done(null, payload)
  })
  addRoutes(app, routesOf(serving))
  app.addHook('onClose', () => serving.repository.close())
  try {
    await serving.repository.open()
  } catch (error) {
    await serving.repository.close()
    throw error
  }
  if (watch) serving.repository.watch()
  return rules
}

function routesOf(serving: Serving): readonly Route[] {
  const { repository } = serving
  const model = '/v2/models/:model'
  const version = `${model}/versions/:version`
  const ofModel = [model, version].flatMap((base): Route[] => [
    { method: 'GET', url: base, handler: modelMetadata(repository) },
    { method: 'GET', url: `${base}/ready`, handler: modelReady(serving) },
    { method: 'GET', url: `${base}/config`, handler: modelConfig(repository) },
    { method: 'GET', url: `${base}/stats`, handler: modelStatistics(serving) },
    { method: 'POST', url: `${base}/infer`, check: checkModel(repository), handler: inferHandler(repository) },
  ])
  const ofV1 = ['/v1/models/:model', '/v1/models/:model/versions/:version'].flatMap((url): Route[] => [
    { method: 'GET', url, handler: modelStatus(repository) },
    { method: 'POST', url, check: checkPredict(repository), handler: predictHandler(repository) },
  ])
  return [
    { method: 'GET', url: '/', open: true, handler: pageHandler() },
    { method: 'GET', url: '/v2', handler: serverMetadata() },
    { method: 'GET', url: '/v2/', handler: serverMetadata() },
    { method: 'GET', url: '/v2/health/live', open: true, handler: live },
    { method: 'GET', url: '/v2/health/ready', open: true, handler: ready(serving) },
    { method: 'GET', url: '/v2/models/stats', handler: modelStatistics(serving) },
    { method: 'POST', url: '/v2/repository/index', handler: repositoryIndex(repository) },
    { method: 'GET', url: '/metrics', handler: metrics(serving) },
    ...ofModel,
    ...ofV1,
  ]
}

function addRoutes(app: FastifyInstance, routes: readonly Route[]): void {
  const allowed = new Map<string, string[]>()
  for (const { method, url, open = false, check, handler } of routes) {
    const onRequest = (request: FastifyRequest, _reply: FastifyReply, done: () => void) => {
      check?.(request)
      done()
    }
    app.route<{ Params: ModelParams }>({ method, url, onRequest, handler, config: { open } })
    allowed.set(url, [...(allowed.get(url) ?? []), method])
  }
  for (const [url, methods] of allowed) {
    const allow = methods.includes('GET') ? [...methods, 'HEAD'].join(', ') : methods.join(', ')
    const method = otherMethods.filter((other) => !methods.includes(other))
    const refuseMethod = (request: FastifyRequest) => {
      throw new HttpError(405, `the method: expected ${allow}, got ${request.method}`, { allow })
    }
    // `onRequest` refuses the method before the body is read.
    app.route({ method, url, onRequest: refuseMethod, handler: refuseMethod })
  }
}

/** For standalone servers: an unknown address gets a JSON error, too. */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  app.setNotFoundHandler(notFound as () => void)
}

function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const translated = toHttpError(error)
  if (translated.status >= 500) request.log.error(error)
  sendError(reply, translated)
}
