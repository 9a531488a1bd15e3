/** Inference, however a request came: its rows through the queue, and what is answered. */

import {
  formatInferJson,
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
  /** Its bytes follow the JSON. */
  readonly tensor?: Float32Array | undefined
}

/** Where an answer goes. One of the two is called once, now or later. */
export interface InferenceReply {
  send(answer: InferenceAnswer): void
  /** `thrown` is what the error for the client was made of. */
  fail(error: HttpError, thrown: unknown): void
}

export interface Protocol {
  /** Of a body that is not empty. */
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
    const json = formatInferJson(request, output, served.spec, served)
    return request.binaryOutput ? { type: binaryType, json, tensor: output } : { type: jsonType, json }
  },
}

/** TensorFlow Serving's, and KServe's. */
export const protocols = { v1, v2 } as const

/** The version asked for, or 404. */
export function findModel(repository: Repository, model: string, version: string | undefined): ServedModel {
  const served = repository.find(model, version)
  if (served !== undefined) return served
  const known = repository.find(model)
  if (known === undefined) throw new HttpError(404, `model: there is none called ${JSON.stringify(model)}`)
  throw new HttpError(404, `version: model '${model}' has no version ${JSON.stringify(version)}`)
}

/** Has what `read` gives computed. Everything that is read of the request is read before this returns. */
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
    // Writes the rows where they are wanted before it returns.
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
