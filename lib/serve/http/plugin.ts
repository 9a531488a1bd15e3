/** The Fastify plugin. Its types name none of Fastify's: who only calls `serve` needs no Fastify. */

import type { FastifyInstance } from 'fastify'
import { checkOptions, refuse } from '../../checks/validate.js'
import { addServing } from './application.js'
import { pluginOptionNames, type ServePluginOptions, Serving } from './serving.js'

/** What {@link servePlugin} is registered in: an application of Fastify 5. */
export interface FastifyApplication {
  readonly version: string
  readonly register: object
  readonly route: object
}

type RegisterOptions = ServePluginOptions & { prefix?: unknown; logLevel?: unknown; logSerializers?: unknown }

/**
 * A Fastify plugin that serves models: KServe V2, TensorFlow Serving's `:predict`, `GET /metrics` and a page at `GET /`, all
 * below the prefix it is registered with. Models are loaded before the server is ready, and freed after its last answer.
 *
 * Registering rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, `ERR_ARGUMENT`, `ERR_DEVICE_UNAVAILABLE`.
 *
 * @example
 * ```ts
 * import fastify from 'fastify'
 * import { layers, sequential } from 'neurode'
 * import { servePlugin } from 'neurode/serve'
 *
 * const model = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })])
 * const app = fastify()
 * await app.register(servePlugin, { prefix: '/models', models: { iris: model } })
 * const answer = await app.inject({
 *   method: 'POST',
 *   url: '/models/v1/models/iris:predict',
 *   payload: { instances: [[5.1, 3.5, 1.4, 0.2]] },
 * })
 * console.log(answer.json()) // { predictions: [[…]] }
 * await app.close()
 * ```
 */
export async function servePlugin(application: FastifyApplication, given: ServePluginOptions): Promise<void> {
  const app = application as unknown as FastifyInstance
  if (typeof app !== 'object' || app === null || typeof app.addHook !== 'function') {
    refuse('application', 'a Fastify instance, to which app.register(servePlugin, options) gives it', app)
  }
  const { prefix: _prefix, logLevel: _level, logSerializers: _serializers, ...own } = (given ?? {}) as RegisterOptions
  const options = checkOptions<ServePluginOptions>(own, pluginOptionNames, 'servePlugin')
  const log = options.onEvent ?? (({ level, message }) => app.log[level](message))
  if (typeof log !== 'function') refuse('onEvent', 'a function', log)
  const serving = new Serving(options, log)
  serving.observe(app.server)
  await addServing(app, serving, options)
}

// What fastify-plugin would write: Fastify refuses to register it in another major version. It keeps its own scope.
Object.assign(servePlugin, { [Symbol.for('plugin-meta')]: { name: 'neurode', fastify: '5.x' } })
