/** Answers requests for inference, on the fast path and through Fastify: puts the rows into the queue and formats the outputs. */

import { parseNamedColumns } from '../protocol/namedColumns.js'
import { formatNamedColumns } from '../protocol/recordAnswers.js'
import type { RecordRequest } from '../protocol/recordSpec.js'
import { formatRecords, parseRecords } from '../protocol/records.js'
import {
  formatInferParts,
  formatPredictResponse,
  parseInferRequest,
  parsePredictRequest,
  type TensorRequest,
} from '../protocol/tensors.js'
import type { Repository } from '../repository/repository.js'
import type { ServedModel } from '../repository/servedModel.js'
import type { ServedTable } from '../repository/servedTable.js'
import { HttpError, jsonType, translateError } from './httpErrors.js'

/** The body of an answer. */
export interface InferenceAnswer {
  /** Its content type. */
  readonly type: string
  readonly json: string
  /** A tensor whose bytes follow the JSON. */
  readonly tensor?: Float32Array | Uint8Array | undefined
}

/** Receives the answer. Exactly one of the two methods is called, once, immediately or later. */
export interface InferenceReply {
  send(answer: InferenceAnswer): void
  /** `thrown` is the original error, for the log; `error` is what the client gets. */
  fail(error: HttpError, thrown: unknown): void
}

/** The protocols: `v1` is TensorFlow Serving's, `v2` is KServe's. */
export type Protocol = 'v1' | 'v2'

/** Parses a body. */
type Parse<Request> = (body: Buffer, tensorHeaderLength: number | undefined, served: ServedModel) => Request

/** What a protocol's requests are for one kind of model. */
interface Form<Request> {
  /** Parses a body, which is not empty. */
  readonly parse: Parse<Request>
  /** Computes outputs. The memory of the body is not used after this function has returned. */
  readonly run: (request: Request, served: ServedModel) => Promise<Float32Array>
  readonly format: (request: Request, output: Float32Array, served: ServedModel) => InferenceAnswer
}

const binaryType = 'application/octet-stream'
const typeFor = (tensor: object | undefined) => (tensor === undefined ? jsonType : binaryType)

// `runWhole` writes the rows into the batch before it returns.
const runTensors = ({ rows, write }: TensorRequest, { queue }: ServedModel) => queue.runWhole(rows, write)

/** Requests with the tensors of a model. */
const tensors: Readonly<Record<Protocol, Form<TensorRequest>>> = {
  v1: {
    parse: (body, _tensorHeaderLength, { spec }) => parsePredictRequest(body, spec),
    run: runTensors,
    format: (request, output, { spec }) => ({ type: jsonType, json: formatPredictResponse(request, output, spec) }),
  },
  v2: {
    parse: (body, tensorHeaderLength, { spec }) => parseInferRequest(body, tensorHeaderLength, spec),
    run: runTensors,
    format: (request, output, served) => {
      const { json, tensor } = formatInferParts(request, output, served.spec, served)
      return { type: typeFor(tensor), json, tensor }
    },
  },
}

const tableOf = ({ table }: ServedModel) => table as ServedTable

async function runRows(request: RecordRequest, served: ServedModel): Promise<Float32Array> {
  const table = tableOf(served)
  if (table.isQuick(request)) return served.queue.runWhole(request.rows, (into) => table.encode(request, into))
  const rows = await table.encodeInTurns(request)
  return served.queue.runWhole(request.rows, (into) => into.set(rows))
}

/** Requests with the columns of a model of a table. */
const records: Readonly<Record<Protocol, Form<RecordRequest>>> = {
  v1: {
    parse: (body, _tensorHeaderLength, served) => {
      const table = tableOf(served)
      return parseRecords(body, table.spec, table.limit(served.spec))
    },
    run: runRows,
    format: (request, output, served) => {
      const table = tableOf(served)
      return { type: jsonType, json: formatRecords(request, table.answers(output), table.spec) }
    },
  },
  v2: {
    parse: (body, tensorHeaderLength, served) => {
      const table = tableOf(served)
      return parseNamedColumns(body, tensorHeaderLength, table.spec, table.limit(served.spec))
    },
    run: runRows,
    format: (request, output, served) => {
      const table = tableOf(served)
      const { json, tensor } = formatNamedColumns(request, table.answers(output), table.spec, served)
      return { type: typeFor(tensor), json, tensor }
    },
  },
}

/** Finds the model and version of a request; throws an {@link HttpError} with status 404 if there is none. */
export function findModel(repository: Repository, model: string, version: string | undefined): ServedModel {
  const served = repository.find(model, version)
  if (served !== undefined) return served
  const known = repository.find(model)
  if (known === undefined) throw new HttpError(404, `model: there is none called ${JSON.stringify(model)}`)
  throw new HttpError(404, `version: model '${model}' has no version ${JSON.stringify(version)}`)
}

/**
 * Computes the output of the request that `read` gives, and calls `reply`. The request's memory is not used after this function
 * has returned.
 */
export function answerInference(
  protocol: Protocol,
  served: ServedModel,
  read: (into: Parse<unknown>) => unknown,
  reply: InferenceReply,
): void {
  const { parse, run, format } = (served.table === undefined ? tensors : records)[protocol] as Form<unknown>
  const began = performance.now()
  const { statistics } = served
  const fail = (thrown: unknown) => {
    const { error, reason } = translateError(thrown)
    statistics.fail(reason, performance.now() - began)
    reply.fail(error, thrown)
  }
  try {
    const request = read((body, ...rest) => {
      if (body.length === 0) throw new HttpError(400, 'the body: expected a request, got none')
      return parse(body, ...rest)
    })
    run(request, served)
      .then((output) => {
        statistics.succeed(performance.now() - began)
        reply.send(format(request, output, served))
      })
      .catch(fail)
  } catch (error) {
    fail(error)
  }
}
