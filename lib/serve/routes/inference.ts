/** Inference: the bytes of a request in, rows through the queue, the bytes of the answer out. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { HttpError, sendError, translateError } from '../httpErrors.js'
import type { Repository } from '../repository.js'
import { RequestBody } from '../requestBody.js'
import type { ServedModel } from '../servedModel.js'
import {
  formatInferResponse,
  formatPredictResponse,
  parseInferRequest,
  parsePredictRequest,
  type TensorRequest,
} from '../tensors.js'

/** Names in an address. */
export interface ModelParams {
  readonly model: string
  readonly version?: string
}

type ModelRequest = FastifyRequest<{ Params: ModelParams }>
type Handler = (request: ModelRequest, reply: FastifyReply) => void

interface Protocol {
  parse(request: ModelRequest, body: Buffer, served: ServedModel): TensorRequest
  send(reply: FastifyReply, request: TensorRequest, output: Float32Array, served: ServedModel): void
}

const headerLengthName = 'inference-header-content-length'
const json = 'application/json; charset=utf-8'

const infer: Protocol = {
  parse: ({ headers }, body, served) => {
    return parseInferRequest(body, headerLength(headers[headerLengthName]), served.spec)
  },
  send: (reply, request, output, served) => {
    const { body, headerLength } = formatInferResponse(request, output, served.spec, served)
    if (headerLength === undefined) reply.header('content-type', json).send(body)
    else reply.header('content-type', 'application/octet-stream').header(headerLengthName, headerLength).send(body)
  },
}

const predict: Protocol = {
  parse: (_request, body, served) => parsePredictRequest(body, served.spec),
  send: (reply, request, output, served) => {
    reply.header('content-type', json).send(formatPredictResponse(request, output, served.spec))
  },
}

/** `POST /v2/models/{model}[/versions/{version}]/infer`. */
export function inferHandler(repository: Repository): Handler {
  return (request, reply) => {
    const { model, version } = request.params
    answer(infer, findModel(repository, model, version), request, reply)
  }
}

/** `POST /v1/models/{model}[/versions/{version}]:predict`. */
export function predictHandler(repository: Repository): Handler {
  return (request, reply) => {
    const { model, version } = withoutVerb(request.params)
    answer(predict, findModel(repository, model, version), request, reply)
  }
}

/** The version asked for, or 404. */
export function findModel(repository: Repository, model: string, version: string | undefined): ServedModel {
  const served = repository.find(model, version)
  if (served !== undefined) return served
  const known = repository.find(model)
  if (known === undefined) throw new HttpError(404, `model: there is none called ${JSON.stringify(model)}`)
  throw new HttpError(404, `version: model '${model}' has no version ${JSON.stringify(version)}`)
}

function answer(protocol: Protocol, served: ServedModel, request: ModelRequest, reply: FastifyReply): void {
  const began = performance.now()
  const { statistics } = served
  const fail = (thrown: unknown) => {
    const { error, reason } = translateError(thrown)
    statistics.fail(reason, performance.now() - began)
    if (error.status === 500) request.log.error(thrown)
    sendError(reply, error)
  }
  const { body } = request
  if (!(body instanceof RequestBody)) {
    fail(new HttpError(400, 'the body: expected a request, got none'))
    return
  }
  try {
    const parsed = protocol.parse(request, body.bytes(), served)
    // Writes the rows where they are wanted before it returns.
    served.queue
      .run(parsed.rows, parsed.write)
      .then((values) => {
        statistics.succeed(performance.now() - began)
        protocol.send(reply, parsed, values, served)
      })
      .catch(fail)
  } catch (error) {
    fail(error)
  } finally {
    body.release()
  }
}

function headerLength(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header)
  throw new HttpError(400, `Inference-Header-Content-Length: expected a number of bytes, got ${JSON.stringify(header)}`)
}

/** TensorFlow Serving writes what to do behind the last name: `digits:predict`. */
function withoutVerb({ model, version }: ModelParams): ModelParams {
  const last = version ?? model
  const colon = last.lastIndexOf(':')
  const verb = colon < 0 ? '' : last.slice(colon + 1)
  if (verb !== 'predict') throw new HttpError(404, `the address: expected it to end in ':predict', got '${last}'`)
  const name = last.slice(0, colon)
  return version === undefined ? { model: name } : { model, version: name }
}
