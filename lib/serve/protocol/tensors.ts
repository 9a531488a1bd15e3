/**
 * Reads tensors from requests and writes them into responses: KServe V2, in JSON and with binary tensors, and TensorFlow
 * Serving's V1.
 */

import { isFloat32Array, isUint8Array } from 'node:util/types'
import { elementCount } from '../../arrays/arrays.js'
import { refuseMore } from '../../checks/arity.js'
import { checkInteger, checkName, checkRowShape, refuse } from '../../checks/validate.js'
import type { Shape } from '../../layers/layer.js'
import type { NativeTensorReader } from '../../native/addon.js'
import { native } from '../../native/native.js'

/** Names and shapes of the tensors in a model's requests and responses. */
export interface TensorSpec {
  /** Name of the input tensor. Default `input`. */
  readonly inputName?: string | undefined
  /** Name of the output tensor. Default `output`. */
  readonly outputName?: string | undefined
  /** Shape of one row of input. Requests may also give each row as a flat list. */
  readonly inputShape: Shape
  /** Shape of one row of output. */
  readonly outputShape: Shape
  /** The largest number of rows in one request, a positive integer. Default 4096. */
  readonly maxRows?: number | undefined
  /** @internal The name of the option that sets maxRows, for messages. Default `maxRows`. */
  readonly limitName?: string | undefined
}

/** A request that has been read and checked. */
export interface TensorRequest {
  /** Number of rows of input. */
  readonly rows: number
  /** The identifier of the request, which the response repeats. */
  readonly id: string | undefined
  /** V2: whether the client wants the output as bytes after the JSON. */
  readonly binaryOutput: boolean
  /** V1: the name of the response's member that holds the output. */
  readonly outputKey: 'predictions' | 'outputs'
  /** Writes the input as float32 into `into`, (rows, inputSize). It can be called once. */
  readonly write: (into: Float32Array) => void
}

/** A response, made by {@link formatInferResponse}. */
export interface InferResponse {
  readonly body: string | Buffer
  /** Bytes of JSON before the tensor, for the header `Inference-Header-Content-Length`; undefined if all of the body is JSON. */
  readonly headerLength: number | undefined
}

/** The name and version of the model that answers. */
export interface ModelIdentity {
  readonly name: string
  readonly version?: string | undefined
}

/**
 * Reads a request of the Open Inference Protocol (KServe V2) with one input. `headerLength` is the value of the header
 * `Inference-Header-Content-Length`, the length of the JSON in bytes: if it is given, the input may be raw little-endian bytes
 * after the JSON; otherwise it is a list of JSON numbers.
 *
 * The whole body is checked before any row is queued: JSON's grammar, each member that has a meaning, and the number of
 * elements against the shape. Numbers become the nearest float32. Throws `ERR_REQUEST`, whose message names the member that is
 * wrong, such as `inputs[0].shape`.
 *
 * @example
 * ```ts
 * import { formatInferResponse, parseInferRequest } from 'neurode/serve'
 *
 * const spec = { inputShape: [2], outputShape: [2] }
 * const body = Buffer.from('{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[0.5,1]}]}')
 * const request = parseInferRequest(body, undefined, spec)
 * const row = new Float32Array(2)
 * request.write(row)
 * console.log(formatInferResponse(request, row, spec, { name: 'echo', version: '1' }).body)
 * ```
 */
export function parseInferRequest(body: Buffer, headerLength: number | undefined, spec: TensorSpec): TensorRequest
export function parseInferRequest(
  body: Buffer,
  headerLength: number | undefined,
  spec: TensorSpec,
  ...more: unknown[]
): TensorRequest {
  refuseMore(more, 3, 'parseInferRequest')
  const compiled = compile(spec)
  checkBody(body)
  const length = headerLength === undefined ? -1 : checkInteger(headerLength, 'headerLength', 0)
  const { report, reader } = compiled
  const values = takeRoom(body.length, compiled)
  let rows: number
  try {
    rows = reader.readInfer(body, length, values)
  } catch (error) {
    giveBack(values)
    throw error
  }
  const flags = report[0] as number
  const begin = report[1] as number
  const id = flags & 1 ? reader.id : undefined
  const binaryOutput = (flags & 2) !== 0
  if (begin < 0) return readRequest(rows, id, binaryOutput, 'outputs', values, rows * compiled.inputSize)
  giveBack(values)
  const datatype = report[2] as number
  const write = (into: Float32Array) => native().convertTensor(datatype, body, begin, into)
  return { rows, id, binaryOutput, outputKey: 'outputs', write }
}

/**
 * Reads a request of TensorFlow Serving's REST interface: `instances` (a list of rows) or `inputs` (one tensor), each as
 * numbers or under the name of the input. The body is checked as by {@link parseInferRequest}. Throws `ERR_REQUEST`, whose
 * message names the member that is wrong, such as `instances[3]`.
 */
export function parsePredictRequest(body: Buffer, spec: TensorSpec): TensorRequest
export function parsePredictRequest(body: Buffer, spec: TensorSpec, ...more: unknown[]): TensorRequest {
  refuseMore(more, 2, 'parsePredictRequest')
  const compiled = compile(spec)
  checkBody(body)
  const values = takeRoom(body.length, compiled)
  try {
    const rows = compiled.reader.readPredict(body, -1, values)
    const key = (compiled.report[0] as number) & 4 ? 'predictions' : 'outputs'
    return readRequest(rows, undefined, false, key, values, rows * compiled.inputSize)
  } catch (error) {
    giveBack(values)
    throw error
  }
}

/**
 * Formats the response of the Open Inference Protocol to a request that {@link parseInferRequest} read. Each number is written
 * with the fewest digits that read back as the same float32. NaN and infinities, which JSON cannot express, become `null`.
 */
export function formatInferResponse(
  request: TensorRequest,
  output: Float32Array,
  spec: TensorSpec,
  model: ModelIdentity,
): InferResponse
export function formatInferResponse(
  request: TensorRequest,
  output: Float32Array,
  spec: TensorSpec,
  model: ModelIdentity,
  ...more: unknown[]
): InferResponse {
  refuseMore(more, 4, 'formatInferResponse')
  const json = formatInferJson(request, output, spec, model)
  if (!request.binaryOutput) return { body: json, headerLength: undefined }
  const body = withTensor(json, output)
  return { body, headerLength: body.length - output.byteLength }
}

/** The JSON of a response, without binary output. */
export function formatInferJson(
  request: TensorRequest,
  output: Float32Array,
  spec: TensorSpec,
  model: ModelIdentity,
): string {
  const compiled = compile(spec)
  checkAnswer(request, output, compiled)
  const { outputText, outputShapeText } = compiled
  const id = request.id === undefined ? '' : `,"id":${JSON.stringify(request.id)}`
  const tensor = `${identityText(model)}${id},"outputs":[{${outputText}"shape":[${request.rows}${outputShapeText}]`
  return request.binaryOutput
    ? `${tensor},"parameters":{"binary_data_size":${output.byteLength}}}]}`
    : `${tensor},"data":[${native().formatNumbers(output, 0)}]}]}`
}

/** Joins the JSON of a response and the bytes of a tensor. */
export function withTensor(json: string, tensor: Float32Array): Buffer {
  return Buffer.concat([Buffer.from(json), new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength)])
}

/**
 * Formats the response of TensorFlow Serving to a request that {@link parsePredictRequest} read. Numbers are written as by
 * {@link formatInferResponse}.
 */
export function formatPredictResponse(request: TensorRequest, output: Float32Array, spec: TensorSpec): string
export function formatPredictResponse(
  request: TensorRequest,
  output: Float32Array,
  spec: TensorSpec,
  ...more: unknown[]
): string {
  refuseMore(more, 3, 'formatPredictResponse')
  checkAnswer(request, output, compile(spec))
  return `{"${request.outputKey}":${nest(output, [request.rows, ...spec.outputShape])}}`
}

function checkBody(body: unknown): void {
  if (!isUint8Array(body)) refuse('body', 'a Buffer', body)
}

function checkAnswer(request: TensorRequest, output: unknown, { outputSize }: CompiledSpec): void {
  const { rows, id, outputKey } =
    typeof request === 'object' && request !== null ? request : refuse('request', 'what was parsed', request)
  checkInteger(rows, 'request: rows')
  if (id !== undefined && typeof id !== 'string') refuse('request: id', 'a text', id)
  if (outputKey !== 'outputs' && outputKey !== 'predictions')
    refuse('request: outputKey', "'outputs' or 'predictions'", outputKey)
  if (!isFloat32Array(output)) refuse('output', 'a Float32Array', output)
  if (output.length !== rows * outputSize)
    refuse('output', `${rows * outputSize} values, a row for each of the request`, output.length)
}

/** Formats numbers as nested JSON lists of the given shape. */
function nest(values: Float32Array, shape: readonly number[]): string {
  const [count = 1, ...rest] = shape
  if (rest.length === 1) return `[${native().formatNumbers(values, count)}]`
  const size = values.length / count
  return `[${Array.from({ length: count }, (_, i) => nest(values.subarray(i * size, (i + 1) * size), rest))}]`
}

/** A request whose numbers are in `values`. Writing them gives that memory back. */
function readRequest(
  rows: number,
  id: string | undefined,
  binaryOutput: boolean,
  outputKey: 'predictions' | 'outputs',
  values: Float32Array,
  count: number,
): TensorRequest {
  let read: Float32Array | undefined = values
  const write = (into: Float32Array) => {
    const room = read ?? refuse('write', 'to be called once', 'a second call')
    if (into.length !== count) refuse('into', `${count} elements`, into.length)
    into.set(room.subarray(0, count))
    read = undefined
    giveBack(room)
  }
  return { rows, id, binaryOutput, outputKey, write }
}

/** Values that are computed once for each spec. */
interface CompiledSpec {
  readonly reader: NativeTensorReader
  /** Results of the last request that was read: flags, start of the binary data, datatype. */
  readonly report: Float64Array
  readonly inputSize: number
  readonly mostValues: number
  readonly outputSize: number
  readonly outputText: string
  readonly outputShapeText: string
}

/** The default of maxRows. */
export const defaultMaxRows = 4096
const compiledSpecs = new WeakMap<TensorSpec, CompiledSpec>()

function compile(spec: TensorSpec): CompiledSpec {
  const known = compiledSpecs.get(spec)
  if (known !== undefined) return known
  if (typeof spec !== 'object' || spec === null) refuse('spec', '{ inputShape, outputShape }', spec)
  const inputShape = checkRowShape(spec.inputShape, 'inputShape')
  const outputShape = checkRowShape(spec.outputShape, 'outputShape')
  if (outputShape.length === 0) refuse('outputShape', 'one dimension at least', outputShape)
  const inputName = checkName(spec.inputName ?? 'input', 'inputName')
  const outputName = checkName(spec.outputName ?? 'output', 'outputName')
  const maxRows = checkInteger(spec.maxRows ?? defaultMaxRows, 'maxRows')
  const inputSize = elementCount(inputShape)
  const report = new Float64Array(3)
  const { TensorReader } = native()
  const compiled: CompiledSpec = {
    reader: new TensorReader(
      { inputName, outputName, inputShape, inputSize, maxRows, limitName: spec.limitName ?? 'maxRows' },
      report,
    ),
    report,
    inputSize,
    mostValues: maxRows * inputSize,
    outputSize: elementCount(outputShape),
    outputText: `"name":${JSON.stringify(outputName)},"datatype":"FP32",`,
    outputShapeText: outputShape.map((size) => `,${size}`).join(''),
  }
  compiledSpecs.set(spec, compiled)
  return compiled
}

const identityTexts = new WeakMap<ModelIdentity, string>()

function identityText(model: ModelIdentity): string {
  const known = identityTexts.get(model)
  if (known !== undefined) return known
  if (typeof model !== 'object' || model === null) refuse('model', '{ name, version }', model)
  checkName(model.name, 'model: name')
  if (model.version !== undefined) checkName(model.version, 'model: version')
  const version = model.version === undefined ? '' : `,"model_version":${JSON.stringify(model.version)}`
  const text = `{"model_name":${JSON.stringify(model.name)}${version}`
  identityTexts.set(model, text)
  return text
}

/** Spare arrays for numbers, by the exponent of their length, a power of two. Few arrays are kept, and no large ones. */
const rooms: Float32Array[][] = []
const roomsKept = 4
const largestRoomKept = 2 ** 18

/** Takes an array that is large enough for all numbers of a body of this length, or for as many as the spec allows. */
function takeRoom(bodyLength: number, { mostValues }: CompiledSpec): Float32Array {
  const size = Math.min((bodyLength >> 1) + 1, mostValues)
  const power = 32 - Math.clz32(size - 1)
  return rooms[power]?.pop() ?? new Float32Array(2 ** power)
}

function giveBack(room: Float32Array): void {
  if (room.length > largestRoomKept) return
  const power = 31 - Math.clz32(room.length)
  rooms[power] ??= []
  const kept = rooms[power]
  if (kept.length < roomsKept) kept.push(room)
}
