/** The Fastify plugin. Its types refer to none of Fastify's types, so that users who only call `serve` do not need Fastify. */

import type { FastifyInstance } from 'fastify'
import { checkOptions, refuse } from '../../checks/validate.js'
import { addServing } from './application.js'
import { pluginOptionNames, type ServePluginOptions, Serving } from './serving.js'

/** The application in which {@link servePlugin} is registered: one of Fastify 5. */
export interface FastifyApplication {
  readonly version: string
  readonly register: object
  readonly route: object
}

type RegisterOptions = ServePluginOptions & { prefix?: unknown; logLevel?: unknown; logSerializers?: unknown }

/**
 * A Fastify plugin that serves models. It offers KServe V2, TensorFlow Serving's `:predict`, `GET /metrics` and a page at `GET
 * /`, all below the prefix with which it is registered. Models are loaded before the server is ready, and freed after the last
 * answer.
 *
 * Registration rejects with `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`, `ERR_ARGUMENT` or `ERR_DEVICE_UNAVAILABLE`.
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

// The same as the package fastify-plugin sets: Fastify refuses to register the plugin in another major version. The plugin
// keeps a scope of its own.
Object.assign(servePlugin, { [Symbol.for('plugin-meta')]: { name: 'neurode', fastify: '5.x' } })
