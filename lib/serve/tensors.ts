/** Tensors in requests and responses: KServe V2 in JSON and with binary tensors, and TensorFlow Serving's V1. */

import { elementCount } from '../data/arrays.js'
import { NeurodeError } from '../errors.js'
import type { Shape } from '../layers/layer.js'
import { describe } from '../validate.js'

/** What the tensors of a model's requests look like. */
export interface TensorSpec {
  /** Default `input`. */
  readonly inputName?: string | undefined
  /** Default `output`. */
  readonly outputName?: string | undefined
  /** Shape of one row of input. */
  readonly inputShape: Shape
  /** Shape of one row of output. */
  readonly outputShape: Shape
  /** Rows of one request at most. Default 4096. */
  readonly maxRows?: number | undefined
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
  write(into: Float32Array): void
}

/** A response to {@link parseInferRequest}'s request. */
export interface InferResponse {
  readonly body: string | Buffer
  /** Length of the JSON before the tensors: the header `Inference-Header-Content-Length`. */
  readonly headerLength: number | undefined
}

/** Which model answers. */
export interface ModelIdentity {
  readonly name: string
  readonly version?: string | undefined
}

const defaultMaxRows = 4096

/**
 * Reads a request of the Open Inference Protocol (KServe V2): its one input, as JSON numbers or, when `headerLength` (the
 * header `Inference-Header-Content-Length`) says where the JSON ends, as raw little-endian bytes after it.
 *
 * Throws `ERR_REQUEST`, with the member that is wrong, such as `inputs[0].shape`.
 */
export function parseInferRequest(body: Buffer, headerLength: number | undefined, spec: TensorSpec): TensorRequest {
  const header = headerLength === undefined ? body : body.subarray(0, headerLength)
  if (headerLength !== undefined && headerLength > body.length) {
    fail('Inference-Header-Content-Length', `at most the body's ${body.length} bytes`, headerLength)
  }
  const request = object(parseJson(header), 'request')
  const inputs = array(request.inputs, 'inputs')
  const name = spec.inputName ?? 'input'
  if (inputs.length !== 1) fail('inputs', `one tensor, '${name}'`, `${inputs.length}`)
  const input = object(inputs[0], 'inputs[0]')
  if (input.name !== name) fail('inputs[0].name', `'${name}'`, input.name)
  const shape = array(input.shape, 'inputs[0].shape')
  const rows = rowsOf(shape, spec)
  const count = rows * elementCount(spec.inputShape)
  const datatype = String(input.datatype)
  const size = input.parameters === undefined ? undefined : object(input.parameters, 'p').binary_data_size
  const outputs = request.outputs === undefined ? [] : array(request.outputs, 'outputs')
  let binaryOutput = Boolean((request.parameters as Record<string, unknown> | undefined)?.binary_data_output)
  outputs.forEach((value, i) => {
    const output = object(value, `outputs[${i}]`)
    const outputName = spec.outputName ?? 'output'
    if (output.name !== outputName) fail(`outputs[${i}].name`, `'${outputName}'`, output.name)
    const wanted = (output.parameters as Record<string, unknown> | undefined)?.binary_data
    if (wanted !== undefined) binaryOutput = wanted === true
  })
  const id = request.id === undefined ? undefined : String(request.id)
  const parsed = { rows, id, binaryOutput, outputKey: 'outputs' } as const
  if (size !== undefined) {
    const Reader = binaryTypes[datatype]
    if (Reader === undefined)
      return fail('inputs[0].datatype', `one of ${Object.keys(binaryTypes).join(', ')}`, datatype)
    const bytes = body.subarray(headerLength ?? body.length)
    if (size !== count * Reader.BYTES_PER_ELEMENT || size !== bytes.length) {
      fail('inputs[0].parameters.binary_data_size', `${count * Reader.BYTES_PER_ELEMENT} bytes`, size)
    }
    return { ...parsed, write: (into) => into.set(new Reader(Uint8Array.from(bytes).buffer)) }
  }
  const data = flatten(input.data, 'inputs[0].data', count)
  return { ...parsed, write: (into) => into.set(data) }
}

/**
 * Reads a request of TensorFlow Serving's REST interface, `instances` (rows) or `inputs` (one tensor), each as it is or under
 * the input's name. Throws `ERR_REQUEST`, with the member that is wrong, such as `instances[3]`.
 */
export function parsePredictRequest(body: Buffer, spec: TensorSpec): TensorRequest {
  const request = object(parseJson(body), 'request')
  const name = spec.inputName ?? 'input'
  const size = elementCount(spec.inputShape)
  const isRows = request.instances !== undefined
  const given = isRows ? request.instances : request.inputs
  if (given === undefined) fail('request', "'instances' or 'inputs'", 'neither')
  const key = isRows ? 'instances' : 'inputs'
  const named = !isRows && !Array.isArray(given) ? object(given, key)[name] : given
  const instances = array(named, key)
  const rows = rowsOf([instances.length, size], spec, key)
  const data = instances.map((value, i) => {
    const at = `${key}[${i}]`
    return flatten(Array.isArray(value) ? value : object(value, at)[name], at, size)
  })
  return {
    rows,
    id: undefined,
    binaryOutput: false,
    outputKey: isRows ? 'predictions' : 'outputs',
    write: (into) => {
      data.forEach((row, i) => {
        into.set(row, i * size)
      })
    },
  }
}

/** The response of the Open Inference Protocol to a request that {@link parseInferRequest} read. */
export function formatInferResponse(
  request: TensorRequest,
  output: Float32Array,
  spec: TensorSpec,
  model: ModelIdentity,
): InferResponse {
  const name = spec.outputName ?? 'output'
  const tensor = { name, shape: [request.rows, ...spec.outputShape], datatype: 'FP32' }
  const response = { model_name: model.name, model_version: model.version, id: request.id }
  if (!request.binaryOutput) {
    return {
      body: JSON.stringify({ ...response, outputs: [{ ...tensor, data: Array.from(output) }] }),
      headerLength: undefined,
    }
  }
  const parameters = { binary_data_size: output.byteLength }
  const header = Buffer.from(JSON.stringify({ ...response, outputs: [{ ...tensor, parameters }] }))
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength)
  return { body: Buffer.concat([header, bytes]), headerLength: header.length }
}

/** The response of TensorFlow Serving to a request that {@link parsePredictRequest} read. */
export function formatPredictResponse(request: TensorRequest, output: Float32Array, spec: TensorSpec): string {
  const size = elementCount(spec.outputShape)
  const rows = Array.from({ length: request.rows }, (_, i) => Array.from(output.subarray(i * size, (i + 1) * size)))
  return JSON.stringify({ [request.outputKey]: rows })
}

interface ArrayType {
  new (buffer: ArrayBuffer): Uint8Array | Float32Array | Float64Array
  readonly BYTES_PER_ELEMENT: number
}

const binaryTypes: Readonly<Record<string, ArrayType>> = { FP32: Float32Array, FP64: Float64Array, UINT8: Uint8Array }

function fail(at: string, expected: string, got: unknown): never {
  throw new NeurodeError('ERR_REQUEST', `${at}: expected ${expected}, got ${describe(got)}`)
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch (error) {
    throw new NeurodeError('ERR_REQUEST', `request: not JSON: ${(error as Error).message}`)
  }
}

function object(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return fail(at, 'an object', value)
}

function array(value: unknown, at: string): unknown[] {
  return Array.isArray(value) ? value : fail(at, 'an array', value)
}

function rowsOf(shape: readonly unknown[], spec: TensorSpec, at = 'inputs[0].shape'): number {
  const [rows, ...rest] = shape
  const size = elementCount(spec.inputShape)
  const { maxRows = defaultMaxRows } = spec
  const fits = rest.join() === spec.inputShape.join() || rest.join() === `${size}`
  if (fits && Number.isInteger(rows) && (rows as number) >= 1 && (rows as number) <= maxRows) return rows as number
  return fail(at, `[${['n', ...spec.inputShape].join(', ')}] with n from 1 to ${maxRows}`, shape.join(', '))
}

function flatten(value: unknown, at: string, count: number): readonly number[] {
  const flat = array(value, at).flat(Infinity)
  if (flat.length !== count) fail(at, `${count} numbers`, `${flat.length}`)
  const wrong = flat.findIndex((number) => typeof number !== 'number')
  return wrong < 0 ? (flat as number[]) : fail(`${at}[${wrong}]`, 'a number', flat[wrong])
}
