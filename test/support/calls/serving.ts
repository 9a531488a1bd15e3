/** Calls of the functions that serve models. */

import fastify from 'fastify'
import {
  attachPredictor,
  batcher,
  formatInferResponse,
  formatPredictResponse,
  parseInferRequest,
  parsePredictRequest,
  serve,
  servePlugin,
} from 'neurode/serve'
import { call, type Loose, onModel, type PublicCall, small } from './call.js'

const spec = { inputName: 'input', outputName: 'output', inputShape: [2], outputShape: [1], maxRows: 5 }
const inferBody = () => Buffer.from('{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,2]}]}')

/** This name represents an application, which is a plain object itself. */
const plainFastify = 'fastify'
const batched = (model: Loose): Loose => batcher(model.predictor())

export const servingCalls: readonly PublicCall[] = [
  ...['predictor.dispose', 'batcher.drain', 'batcher.dispose'].map((name) =>
    onModel(
      name,
      () => [],
      (model, args) => {
        const [kind, method = ''] = name.split('.')
        return (kind === 'batcher' ? batched(model) : model.predictor())[method](...args)
      },
    ),
  ),
  onModel(
    'predictor.isQuick',
    () => [2],
    (model, args) => model.predictor().isQuick(...args),
  ),
  onModel(
    'predictor.operations',
    () => [2],
    (model, args) => model.predictor().operations(...args),
  ),
  onModel(
    'batcher',
    () => [{ maxBatchSize: 4, maxQueueDelayMicros: 0, maxQueueSize: 8, timeoutMs: 1000 }],
    (model, args) => batcher(model.predictor(), ...args),
  ),
  onModel(
    'batcher.run',
    () => [2, (into: Float32Array) => into.fill(1), { timeoutMs: 1000, signal: new AbortController().signal }],
    (model, args) => batcher(model.predictor()).run(...(args as [Loose, Loose])),
  ),
  onModel(
    'batcher.predict',
    () => [new Float32Array(4), { timeoutMs: 1000 }],
    (model, args) => batcher(model.predictor()).predict(...(args as [Loose])),
  ),
  call(
    'batcher',
    () => [small().predictor()],
    (predictor) => batcher(predictor),
  ),
  call(
    'attachPredictor',
    () => [small().predictor().token],
    (token) => attachPredictor(token),
  ),
  call(
    'serve',
    () => [
      {
        models: { a: small() },
        host: '127.0.0.1',
        port: 0,
        device: 'cpu',
        threads: 1,
        maxBatchSize: 4,
        maxQueueDelayMicros: 0,
        maxQueueSize: 8,
        timeoutMs: 1000,
        watch: false,
        tokens: ['a'],
        bodyLimit: 1000,
        totalBodyLimit: 2000,
        onEvent: () => {},
        requestTimeoutMs: 1000,
        headersTimeoutMs: 1000,
        keepAliveTimeoutMs: 1000,
        maxConnections: 10,
        tls: undefined,
      },
    ],
    async (options) => (await serve(options)).close(),
  ),
  ...['reload', 'close'].map((name) =>
    call(
      `server.${name}`,
      () => [],
      async (...args) => {
        await using server: Loose = await serve({ models: { a: small() }, port: 0, device: 'cpu', threads: 1 })
        await server[name](...args)
      },
    ),
  ),
  call(
    'servePlugin',
    () => [{ models: { a: small() }, device: 'cpu', threads: 1, prefix: '/a' }],
    async (...args) => {
      const app = fastify()
      await (servePlugin as Loose)(app, ...args)
      await app.close()
    },
  ),
  call(
    'servePlugin in an application',
    () => [plainFastify],
    async (given) => {
      const app = given === plainFastify ? fastify() : given
      await servePlugin(app, { models: { a: small() }, device: 'cpu', threads: 1 })
      await app.close()
    },
  ),
  call(
    'parseInferRequest',
    () => [inferBody(), undefined, spec],
    (...args) => (parseInferRequest as Loose)(...args),
  ),
  call(
    'parsePredictRequest',
    () => [Buffer.from('{"instances":[[1,2]]}'), spec],
    (...args) => (parsePredictRequest as Loose)(...args),
  ),
  call(
    'formatInferResponse',
    () => [parseInferRequest(inferBody(), undefined, spec), new Float32Array(1), spec, { name: 'a', version: '1' }],
    (...args) => (formatInferResponse as Loose)(...args),
  ),
  call(
    'formatPredictResponse',
    () => [parsePredictRequest(Buffer.from('{"instances":[[1,2]]}'), spec), new Float32Array(1), spec],
    (...args) => (formatPredictResponse as Loose)(...args),
  ),
]
