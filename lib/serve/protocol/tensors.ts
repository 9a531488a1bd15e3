/**
 * Reads tensors from requests and writes them into responses: KServe V2, in JSON and with binary tensors, and TensorFlow
 * Serving's V1.
 */

import { isFloat32Array, isUint8Array } from 'node:util/types'
import { refuseMore } from '../../checks/arity.js'
import { checkInteger, checkName, refuse } from '../../checks/validate.js'
import { native } from '../../native/native.js'
import { type CompiledSpec, compileSpec, type OutputTensor, type TensorSpec } from './tensorSpec.js'

/** A request that has been read and checked. */
export interface TensorRequest {
  /** Number of rows of input. */
  readonly rows: number
  /** The identifier of the request, which the response repeats. */
  readonly id: string | undefined
  /** V2: whether the client wants the output, or one of several, as bytes after the JSON. */
  readonly binaryOutput: boolean
  /** V2, for several outputs: those that the client wants, in the order of the answer. Default: all. */
  readonly outputs?: readonly RequestedOutput[] | undefined
  /** V1: the name of the response's member that holds the output. */
  readonly outputKey: 'predictions' | 'outputs'
  /** Writes the input as float32 into `into`, (rows, inputSize), several inputs side by side. It can be called once. */
  readonly write: (into: Float32Array) => void
}

/** One of several outputs that a client wants. */
export interface RequestedOutput {
  readonly name: string
  /** Whether it follows the JSON as bytes. */
  readonly binary: boolean
}

/** A response, made by {@link formatInferResponse}. */
export interface InferResponse {
  readonly body: string | Buffer
  /** Bytes of JSON before the tensors, for the header `Inference-Header-Content-Length`; undefined if all of the body is JSON. */
  readonly headerLength: number | undefined
}

/** The name and version of the model that answers. */
export interface ModelIdentity {
  readonly name: string
  readonly version?: string | undefined
}

/**
 * Reads a request of the Open Inference Protocol (KServe V2), with a tensor for each input, in any order. `headerLength` is the value of
 * the header `Inference-Header-Content-Length`, the length of the JSON in bytes: if it is given, tensors may be raw little-endian bytes
 * after the JSON, one behind the other; otherwise they are lists of JSON numbers.
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
  const compiled = compileSpec(spec)
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
  const id = (report[0] as number) & 1 ? reader.id : undefined
  const { binaryOutput, outputs } = requestedOutputs(compiled)
  return { rows, id, binaryOutput, outputs, outputKey: 'outputs', write: writerOf(compiled, rows, values, body) }
}

/**
 * Reads a request of TensorFlow Serving's REST interface: `instances` (a list of rows) or `inputs` (one tensor), each as
 * numbers or under the name of the input. For several inputs, each row, or `inputs` itself, is an object with a member for each of them.
 * The body is checked as by {@link parseInferRequest}. Throws `ERR_REQUEST`, whose message names the member that is wrong, such as
 * `instances[3]`.
 */
export function parsePredictRequest(body: Buffer, spec: TensorSpec): TensorRequest
export function parsePredictRequest(body: Buffer, spec: TensorSpec, ...more: unknown[]): TensorRequest {
  refuseMore(more, 2, 'parsePredictRequest')
  const compiled = compileSpec(spec)
  checkBody(body)
  const values = takeRoom(body.length, compiled)
  try {
    const rows = compiled.reader.readPredict(body, -1, values)
    const outputKey = (compiled.report[0] as number) & 2 ? 'predictions' : 'outputs'
    return { rows, id: undefined, binaryOutput: false, outputKey, write: writerOf(compiled, rows, values, body) }
  } catch (error) {
    giveBack(values)
    throw error
  }
}

/**
 * Formats the response of the Open Inference Protocol to a request that {@link parseInferRequest} read. `output` has all outputs side by
 * side. Each number is written
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
  const { json, tensor } = formatInferParts(request, output, spec, model)
  if (tensor === undefined) return { body: json, headerLength: undefined }
  const body = withTensor(json, tensor)
  return { body, headerLength: body.length - tensor.byteLength }
}

/** The JSON of a response, and the values of its binary outputs, one behind the other. */
export function formatInferParts(
  request: TensorRequest,
  output: Float32Array,
  spec: TensorSpec,
  model: ModelIdentity,
): { readonly json: string; readonly tensor: Float32Array | undefined } {
  const compiled = compileSpec(spec)
  checkAnswer(request, output, compiled)
  const { rows } = request
  const id = request.id === undefined ? '' : `,"id":${JSON.stringify(request.id)}`
  const head = `${identityText(model)}${id},"outputs":[`
  const { outputs } = compiled
  if (isOne(outputs)) {
    const { binaryOutput } = request
    const json = `${head}${outputText(outputs[0], output, rows, binaryOutput)}]}`
    return { json, tensor: binaryOutput ? output : undefined }
  }
  const binary: Float32Array[] = []
  const texts = answeredOutputs(request, outputs).map(([tensor, isBinary]) => {
    const values = columnsOf(output, tensor, compiled)
    if (isBinary) binary.push(values)
    return outputText(tensor, values, rows, isBinary)
  })
  return { json: `${head}${texts}]}`, tensor: binary.length === 0 ? undefined : concatenate(binary) }
}

function outputText(tensor: OutputTensor, values: Float32Array, rows: number, isBinary: boolean): string {
  const text = `${tensor.headText}"shape":[${rows}${tensor.shapeText}]`
  return isBinary
    ? `${text},"parameters":{"binary_data_size":${values.byteLength}}}`
    : `${text},"data":[${native().formatNumbers(values, 0)}]}`
}

/** Joins the JSON of a response and the bytes of a tensor. */
export function withTensor(json: string, tensor: Float32Array | Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(json), new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength)])
}

/**
 * Formats the response of TensorFlow Serving to a request that {@link parsePredictRequest} read. Several outputs are an object for each
 * row, or an object of columns, as the request was. Numbers are written as by {@link formatInferResponse}.
 */
export function formatPredictResponse(request: TensorRequest, output: Float32Array, spec: TensorSpec): string
export function formatPredictResponse(
  request: TensorRequest,
  output: Float32Array,
  spec: TensorSpec,
  ...more: unknown[]
): string {
  refuseMore(more, 3, 'formatPredictResponse')
  const compiled = compileSpec(spec)
  checkAnswer(request, output, compiled)
  const { rows, outputKey } = request
  return `{"${outputKey}":${outputsText(output, rows, outputKey === 'predictions', compiled)}}`
}

/** One output as nested lists; several as an object for each row, or an object of all rows. */
function outputsText(output: Float32Array, rows: number, byRow: boolean, compiled: CompiledSpec): string {
  const { outputs, outputSize } = compiled
  if (isOne(outputs)) return nest(output, [rows, ...outputs[0].shape])
  const members = (textOf: (tensor: OutputTensor) => string) =>
    `{${outputs.map((tensor) => `${tensor.nameText}:${textOf(tensor)}`)}}`
  if (!byRow) return members((tensor) => nest(columnsOf(output, tensor, compiled), [rows, ...tensor.shape]))
  const ofRow = (row: number) =>
    members(({ begin, size, shape }) => nest(output.subarray(row + begin, row + begin + size), shape))
  return `[${Array.from({ length: rows }, (_, row) => ofRow(row * outputSize))}]`
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

/** The outputs of an answer, and whether each of them is binary. */
function answeredOutputs(
  { outputs: asked, binaryOutput }: TensorRequest,
  outputs: readonly OutputTensor[],
): (readonly [tensor: OutputTensor, isBinary: boolean])[] {
  if (asked === undefined) return outputs.map((tensor) => [tensor, binaryOutput] as const)
  if (!Array.isArray(asked)) refuse('request: outputs', 'a list of { name, binary }', asked)
  return (asked as readonly (RequestedOutput | undefined)[]).map((output) => {
    const tensor = outputs.find(({ name }) => name === output?.name)
    return tensor === undefined ? refuse('request: outputs', 'outputs of the spec', output) : [tensor, !!output?.binary]
  })
}

const isOne = (outputs: readonly OutputTensor[]): outputs is readonly [OutputTensor] => outputs.length === 1

/** The values of one output, all rows. */
function columnsOf(rows: Float32Array, { begin, size }: OutputTensor, { outputSize }: CompiledSpec) {
  const columns = new Float32Array((rows.length / outputSize) * size)
  for (let from = begin, to = 0; to < columns.length; from += outputSize, to += size) {
    for (let i = 0; i < size; i++) columns[to + i] = rows[from + i] as number
  }
  return columns
}

function concatenate(tensors: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(tensors.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const tensor of tensors) {
    all.set(tensor, at)
    at += tensor.length
  }
  return all
}

/** Formats numbers as nested JSON lists of the given shape. */
function nest(values: Float32Array, shape: readonly number[]): string {
  const [count = 1, ...rest] = shape
  if (rest.length === 0) return `[${native().formatNumbers(values, 0)}]`
  if (rest.length === 1) return `[${native().formatNumbers(values, count)}]`
  const size = values.length / count
  return `[${Array.from({ length: count }, (_, i) => nest(values.subarray(i * size, (i + 1) * size), rest))}]`
}

/** The outputs that the last request asks for: a list only if there are several. */
function requestedOutputs({ report, inputs, outputs }: CompiledSpec): Pick<TensorRequest, 'binaryOutput' | 'outputs'> {
  const at = 1 + 2 * inputs.length
  const listed = report[at] as number
  const isBinary = ((report[0] as number) & 8) !== 0
  if (outputs.length === 1) return { binaryOutput: listed === 0 ? isBinary : report[at + 1] === 1, outputs: undefined }
  if (listed === 0) return { binaryOutput: isBinary, outputs: undefined }
  const asked = Array.from(report.subarray(at + 1, at + 1 + listed), (code): RequestedOutput => {
    return { name: (outputs[code >> 1] as OutputTensor).name, binary: (code & 1) === 1 }
  })
  return { binaryOutput: asked.some(({ binary }) => binary), outputs: asked }
}

const float32 = 0

/**
 * The function that writes the inputs of the last request. Their numbers are in `values`, or bytes of the body. What writes gives the
 * memory of `values` back.
 */
function writerOf(compiled: CompiledSpec, rows: number, values: Float32Array, body: Buffer): TensorRequest['write'] {
  const { report, inputs, inputSize } = compiled
  const first = report[1] as number
  if (inputs.length === 1 && first >= 0) {
    giveBack(values)
    const datatype = report[2] as number
    return (into) => native().convertTensor(datatype, body, first, into)
  }
  const count = rows * inputSize
  const isJoined = inputs.length === 1 || ((report[0] as number) & 4) !== 0
  const places = isJoined ? [] : [...report.subarray(1, 1 + 2 * inputs.length)]
  let read: Float32Array | undefined = values
  return (into) => {
    const room = read ?? refuse('write', 'to be called once', 'a second call')
    if (into.length !== count) refuse('into', `${count} elements`, into.length)
    if (isJoined) into.set(room.subarray(0, count))
    else place(into, places, room, body, compiled)
    read = undefined
    giveBack(room)
  }
}

/** Writes several inputs side by side. `places` are those of the native report. */
function place(
  into: Float32Array,
  places: readonly number[],
  values: Float32Array,
  body: Buffer,
  { inputs, inputSize }: CompiledSpec,
): void {
  const numbers = new Uint8Array(values.buffer)
  for (const [i, { begin, size }] of inputs.entries()) {
    const [at, datatype] = [places[2 * i] as number, places[2 * i + 1] as number]
    if (at >= 0) native().placeTensor(datatype, body, at, into, begin, size, inputSize)
    else native().placeTensor(float32, numbers, 4 * (-1 - at), into, begin, size, inputSize)
  }
}

const identityTexts = new WeakMap<ModelIdentity, string>()

export function identityText(model: ModelIdentity): string {
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
