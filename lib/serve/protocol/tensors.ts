/** Tensors in requests and responses: KServe V2 in JSON and with binary tensors, and TensorFlow Serving's V1. */

import { isFloat32Array, isUint8Array } from 'node:util/types'
import { elementCount } from '../../arrays/arrays.js'
import { refuseMore } from '../../checks/arity.js'
import { checkInteger, checkName, checkRowShape, refuse } from '../../checks/validate.js'
import type { Shape } from '../../layers/layer.js'
import type { NativeTensorReader } from '../../native/addon.js'
import { native } from '../../native/native.js'

/** What the tensors of a model's requests look like. */
export interface TensorSpec {
  /** Default `input`. */
  readonly inputName?: string | undefined
  /** Default `output`. */
  readonly outputName?: string | undefined
  /** Shape of one row of input; requests may also have their rows flat. */
  readonly inputShape: Shape
  /** Shape of one row of output. */
  readonly outputShape: Shape
  /** Rows of one request at most, a positive integer. Default 4096. */
  readonly maxRows?: number | undefined
  /** @internal The option that sets maxRows, for messages; default `maxRows`. */
  readonly limitName?: string | undefined
}

/** A request that is as its protocol says. */
export interface TensorRequest {
  /** Rows of input. */
  readonly rows: number
  /** To be given back in the response. */
  readonly id: string | undefined
  /** V2: the output is wanted as bytes after the JSON. */
  readonly binaryOutput: boolean
  /** V1: the member of the response that holds the output. */
  readonly outputKey: 'predictions' | 'outputs'
  /** Puts the input where it is wanted, (rows, inputSize) float32. To be called once. */
  readonly write: (into: Float32Array) => void
}

/** What {@link formatInferResponse} gives. */
export interface InferResponse {
  readonly body: string | Buffer
  /** Bytes of the JSON before the tensor: the header `Inference-Header-Content-Length`. None: all is JSON. */
  readonly headerLength: number | undefined
}

/** Which model answers. */
export interface ModelIdentity {
  readonly name: string
  readonly version?: string | undefined
}

/**
 * Reads a request of the Open Inference Protocol (KServe V2): its one input, as JSON numbers or, when `headerLength` (the
 * header `Inference-Header-Content-Length`) says where the JSON ends, as raw little-endian bytes after it.
 *
 * All of the body is checked before anything is queued: JSON's grammar, each member that has a meaning, the number of elements
 * against the shape. Numbers become the nearest float32. Throws `ERR_REQUEST`, with the member that is wrong, such as
 * `inputs[0].shape`.
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
 * Reads a request of TensorFlow Serving's REST interface, `instances` (rows) or `inputs` (one tensor), each as it is or under
 * the input's name. Checked as {@link parseInferRequest} does. Throws `ERR_REQUEST`, with the member that is wrong, such as
 * `instances[3]`.
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
 * The response of the Open Inference Protocol to a request that {@link parseInferRequest} read. Numbers are the shortest that
 * read back as the same float32; what JSON has no number for (NaN, infinities) is `null`.
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

/** The JSON of a response; binary output follows it. */
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

/** The bytes of a tensor behind its JSON. */
export function withTensor(json: string, tensor: Float32Array): Buffer {
  return Buffer.concat([Buffer.from(json), new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength)])
}

/** The response of TensorFlow Serving to a request that {@link parsePredictRequest} read; numbers as in {@link formatInferResponse}. */
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

/** Numbers in brackets in brackets, as the shape says. */
function nest(values: Float32Array, shape: readonly number[]): string {
  const [count = 1, ...rest] = shape
  if (rest.length === 1) return `[${native().formatNumbers(values, count)}]`
  const size = values.length / count
  return `[${Array.from({ length: count }, (_, i) => nest(values.subarray(i * size, (i + 1) * size), rest))}]`
}

/** A request whose numbers were read into `values`, until they are written. */
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

/** What is worked out once for a spec. */
interface CompiledSpec {
  readonly reader: NativeTensorReader
  /** Flags, place of binary data, datatype: of the request read last. */
  readonly report: Float64Array
  readonly inputSize: number
  readonly mostValues: number
  readonly outputSize: number
  readonly outputText: string
  readonly outputShapeText: string
}

/** Rows of one request at most, unless told otherwise. */
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

/** Rooms for numbers, by powers of two; few are kept, and no large ones. */
const rooms: Float32Array[][] = []
const roomsKept = 4
const largestRoomKept = 2 ** 18

/** Room for as many numbers as a body of that length can hold, or as the spec allows. */
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
