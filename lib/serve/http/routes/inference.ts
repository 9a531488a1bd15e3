/** The routes of inference through Fastify. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { withTensor } from '../../protocol/tensors.js'
import type { Repository } from '../../repository/repository.js'
import { HttpError, sendError } from '../httpErrors.js'
import { answerInference, findModel, type Protocol } from '../inference.js'
import { RequestBody } from '../requestBody.js'

/** The names in the address of a request. */
export interface ModelParams {
  readonly model: string
  readonly version?: string | undefined
}

type ModelRequest = FastifyRequest<{ Params: ModelParams }>
type Handler = (request: ModelRequest, reply: FastifyReply) => void

const noBytes = Buffer.alloc(0)
const headerLengthName = 'inference-header-content-length'

/** `POST /v2/models/{model}[/versions/{version}]/infer`. */
export function inferHandler(repository: Repository): Handler {
  return (request, reply) => answer('v2', repository, request.params, request, reply)
}

/** `POST /v1/models/{model}[/versions/{version}]:predict`. */
export function predictHandler(repository: Repository): Handler {
  return (request, reply) => answer('v1', repository, withoutVerb(request.params), request, reply)
}

/** Checks that the model of a request exists, before its body is read. */
export function checkModel(repository: Repository): (request: ModelRequest) => void {
  return ({ params: { model, version } }) => void findModel(repository, model, version)
}

/** The same check as {@link checkModel}, for {@link predictHandler}. */
export function checkPredict(repository: Repository): (request: ModelRequest) => void {
  return ({ params }) => {
    const { model, version } = withoutVerb(params)
    findModel(repository, model, version)
  }
}

function answer(
  protocol: Protocol,
  repository: Repository,
  { model, version }: ModelParams,
  request: ModelRequest,
  reply: FastifyReply,
): void {
  const served = findModel(repository, model, version)
  const { body, headers } = request
  const bytes = () => (body instanceof RequestBody ? body.bytes() : noBytes)
  try {
    answerInference(protocol, served, (parse) => parse(bytes(), headerLength(headers[headerLengthName]), served), {
      send: ({ type, json, tensor }) => {
        reply.header('content-type', type)
        if (tensor === undefined) reply.send(json)
        else reply.header(headerLengthName, Buffer.byteLength(json)).send(withTensor(json, tensor))
      },
      fail: (error, thrown) => {
        if (error.status === 500) request.log.error(thrown)
        sendError(reply, error)
      },
    })
  } finally {
    if (body instanceof RequestBody) body.release()
  }
}

function headerLength(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header)
  throw new HttpError(400, `Inference-Header-Content-Length: expected a number of bytes, got ${JSON.stringify(header)}`)
}

/** Removes the verb that TensorFlow Serving puts behind the last name: `digits:predict`. */
function withoutVerb({ model, version }: ModelParams): ModelParams {
  const last = version ?? model
  const colon = last.lastIndexOf(':')
  const verb = colon < 0 ? '' : last.slice(colon + 1)
  if (verb !== 'predict') throw new HttpError(404, `the address: expected it to end in ':predict', got '${last}'`)
  const name = last.slice(0, colon)
  return version === undefined ? { model: name } : { model, version: name }
}
