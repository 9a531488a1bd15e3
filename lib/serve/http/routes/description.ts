/** The routes that describe a server and its models: metadata, configuration, readiness, statistics. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { native } from '../../../native/native.js'
import { formatMetrics, metricsContentType } from '../../metrics/metrics.js'
import type { ModelSnapshot } from '../../metrics/statistics.js'
import type { Repository } from '../../repository/repository.js'
import type { ServedModel } from '../../repository/servedModel.js'
import type { ServedTable } from '../../repository/servedTable.js'
import type { TensorDescription } from '../../repository/tensorDescription.js'
import { HttpError } from '../httpErrors.js'
import { findModel } from '../inference.js'
import type { Serving } from '../serving.js'
import type { ModelParams } from './inference.js'

type Handler = (request: FastifyRequest<{ Params: ModelParams }>, reply: FastifyReply) => unknown

/** `GET /v2`. */
export function serverMetadata(): Handler {
  const extensions = ['binary_tensor_data', 'statistics', 'model_configuration', 'model_repository']
  const metadata = { name: 'neurode', version: native().version, extensions }
  return () => metadata
}

/** `GET /v2/health/live`: the process answers. */
export const live: Handler = () => ({ live: true })

/** `GET /v2/health/ready`: whether models are loaded and the server is not shutting down. */
export function ready(serving: Serving): Handler {
  return (_request, reply) => {
    if (!serving.ready) reply.code(503)
    return { ready: serving.ready }
  }
}

/** `GET /v2/models/{model}[/versions/{version}]/ready`. */
export function modelReady(serving: Serving): Handler {
  return ({ params }, reply) => {
    const { name } = findModel(serving.repository, params.model, params.version)
    if (serving.draining) reply.code(503)
    return { name, ready: !serving.draining }
  }
}

/** `GET /v2/models/{model}[/versions/{version}]`. */
export function modelMetadata(repository: Repository): Handler {
  return ({ params }) => {
    const { name, inputs, outputs, table } = findModel(repository, params.model, params.version)
    const describe = ({ name, datatype, shape }: TensorDescription) => ({ name, datatype, shape: [-1, ...shape] })
    return {
      name,
      versions: repository.versions(name).map(({ version }) => version),
      platform: 'neurode',
      inputs: inputs.map(describe),
      outputs: outputs.map(describe),
      ...(table === undefined ? {} : { properties: { task: table.task, target: table.spec.target } }),
    }
  }
}

/** `GET /v2/models/{model}[/versions/{version}]/config`: Triton's description of a model, and its layers. */
export function modelConfig(repository: Repository): Handler {
  return ({ params }) => {
    const served = findModel(repository, params.model, params.version)
    const { summary } = served
    const describe = ({ name, datatype, shape }: TensorDescription) => {
      return { name, data_type: `TYPE_${datatype}`, dims: shape }
    }
    return {
      name: served.name,
      platform: 'neurode',
      backend: 'neurode',
      max_batch_size: served.maxBatchSize,
      input: served.inputs.map(describe),
      output: served.outputs.map(describe),
      version: served.version,
      device: served.device,
      timeout_ms: served.timeoutMs,
      max_queue_size: served.queue.maxQueueSize,
      ...(served.table === undefined ? {} : { table: describeTable(served.table) }),
      summary: {
        name: summary.name,
        total_parameters: summary.totalParameters,
        layers: summary.layers.map(({ name, kind, outputShape, parameters }) => {
          return { name, kind, output_shape: outputShape, parameters }
        }),
      },
    }
  }
}

/** The columns of a model of a table, with what a form for them needs. */
function describeTable({ task, spec: { target, classes, columns } }: ServedTable): object {
  return { task, target, classes, columns }
}

/** `POST /v2/repository/index`: all versions of all models. */
export function repositoryIndex(repository: Repository): Handler {
  return () => {
    return repository.all().map(({ name, version }) => ({ name, version, state: 'READY', reason: '' }))
  }
}

/** `GET /v1/models/{model}[/versions/{version}]`: TensorFlow Serving's status of versions. */
export function modelStatus(repository: Repository): Handler {
  return ({ params }) => {
    const asked = findModel(repository, params.model, params.version)
    const versions: readonly ServedModel[] = params.version === undefined ? repository.versions(asked.name) : [asked]
    return {
      model_version_status: versions.map(({ version }) => {
        return { version, state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } }
      }),
    }
  }
}

/** `GET /v2/models[/{model}[/versions/{version}]]/stats`: all workers together. */
export function modelStatistics(serving: Serving): Handler {
  return async ({ params }) => {
    const { model, version } = params
    if (model !== undefined) findModel(serving.repository, model, version)
    const { models } = await serving.collect()
    const asked = models.filter((found) => {
      return (model === undefined || found.model === model) && (version === undefined || found.version === version)
    })
    return { model_stats: asked.map(describeStatistics) }
  }
}

/** `GET /metrics`: all workers together. */
export function metrics(serving: Serving): Handler {
  return async (_request, reply) => {
    const text = formatMetrics(await serving.collect())
    return reply.header('content-type', metricsContentType).send(text)
  }
}

/** Answers addresses that have no route. */
export const notFound: Handler = ({ method, url }) => {
  throw new HttpError(404, `the address: nothing is at ${method} ${JSON.stringify(url.slice(0, 200))}`)
}

function describeStatistics(of: ModelSnapshot): object {
  const failed = Object.values(of.failures).reduce((sum, count) => sum + count, 0)
  const duration = (count: number, micros: number) => ({ count, ns: Math.round(1000 * micros) })
  return {
    name: of.model,
    version: of.version,
    last_inference: of.lastInference,
    inference_count: of.rows,
    execution_count: of.batches,
    inference_stats: {
      success: duration(of.success, of.successMicros),
      fail: duration(failed, of.failureMicros),
      queue: duration(of.success, of.queueMicros),
      compute_infer: duration(of.batches, of.computeMicros),
    },
    // Each entry counts the batches of at most `bound` rows and more rows than the bound before.
    batch_stats: of.batchSizes.bounds.map((bound, i) => {
      return { batch_size: bound, compute_infer: { count: of.batchSizes.counts[i] ?? 0 } }
    }),
  }
}
