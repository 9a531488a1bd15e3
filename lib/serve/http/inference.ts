/** Answers requests for inference, on the fast path and through Fastify: puts the rows into the queue and formats the outputs. */

import {
  formatInferParts,
  formatPredictResponse,
  parseInferRequest,
  parsePredictRequest,
  type TensorRequest,
} from '../protocol/tensors.js'
import type { Repository } from '../repository/repository.js'
import type { ServedModel } from '../repository/servedModel.js'
import { HttpError, jsonType, translateError } from './httpErrors.js'

/** The body of an answer. */
export interface InferenceAnswer {
  /** Its content type. */
  readonly type: string
  readonly json: string
  /** A tensor whose bytes follow the JSON. */
  readonly tensor?: Float32Array | undefined
}

/** Receives the answer. Exactly one of the two methods is called, once, immediately or later. */
export interface InferenceReply {
  send(answer: InferenceAnswer): void
  /** `thrown` is the original error, for the log; `error` is what the client gets. */
  fail(error: HttpError, thrown: unknown): void
}

export interface Protocol {
  /** Parses a body, which is not empty. */
  parse(body: Buffer, tensorHeaderLength: number | undefined, served: ServedModel): TensorRequest
  format(request: TensorRequest, output: Float32Array, served: ServedModel): InferenceAnswer
}

const binaryType = 'application/octet-stream'

const v1: Protocol = {
  parse: (body, _tensorHeaderLength, served) => parsePredictRequest(body, served.spec),
  format: (request, output, served) => {
    return { type: jsonType, json: formatPredictResponse(request, output, served.spec) }
  },
}

const v2: Protocol = {
  parse: (body, tensorHeaderLength, served) => parseInferRequest(body, tensorHeaderLength, served.spec),
  format: (request, output, served) => {
    const { json, tensor } = formatInferParts(request, output, served.spec, served)
    return { type: tensor === undefined ? jsonType : binaryType, json, tensor }
  },
}

/** `v1` is TensorFlow Serving's protocol, `v2` is KServe's. */
export const protocols = { v1, v2 } as const

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
  { parse, format }: Protocol,
  served: ServedModel,
  read: (into: Protocol['parse']) => TensorRequest,
  reply: InferenceReply,
): void {
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
    // `runWhole` writes the rows into the batch before it returns.
    served.queue
      .runWhole(request.rows, request.write)
      .then((output) => {
        statistics.succeed(performance.now() - began)
        reply.send(format(request, output, served))
      })
      .catch(fail)
  } catch (error) {
    fail(error)
  }
}
