/** What the addon gives and takes: the types of the seam to C++, beside the Plan. */

import type { Plan, Precision } from './plan.js'

/** The typed arrays Neurode reads. 64-bit integers are not among them: no float32 holds them. */
export type NumericArray =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array

/** Rows of input: value = element · scale + offset. `data.length` is rows · features. */
export interface NativeInput {
  /** Bytes and float32 are read where they are; others become float32 on the device's thread when they are first used. */
  readonly data: NumericArray
  readonly scale: number
  readonly offset: number
  /** The memory is the caller's, who may change it or take it away: `data` is copied, or becomes float32, at once. Default false. */
  readonly lent?: boolean
}

/**
 * Targets of the same rows: a class index each, or a row of outputs each; and the rows' weights, NaN for none at all. An output
 * is float32 of element · scale + offset: bytes stay bytes, others become float32 as input does.
 */
export type NativeTargets = (
  | { readonly kind: 'classes'; readonly data: Int32Array }
  | { readonly kind: 'rows'; readonly data: NumericArray; readonly scale?: number; readonly offset?: number }
) & { readonly weights?: Float32Array | undefined; readonly lent?: boolean }

/**
 * Sums over the batches that ran: `[batches, rows, loss, counted, weight, penalty, ...metrics]`. `loss` and `penalty`
 * are sums of each batch's times its rows: divide by `rows`. A metric is the sum of its value over the rows that count: divide by `counted`, or
 * by their `weight` if it weighs them. Fewer batches than asked for: cancelled.
 */
export type NativeSums = Float64Array

/** What a range leaves and takes where the Plan captures. */
interface Captures {
  /** Filled with the range's rows in their order: outputs, targets, weight. */
  readonly captured?: Float32Array | undefined
}

export interface NativeTrainRange extends Captures {
  /** Handle from {@link NativeModel.bind}. */
  readonly data: number
  readonly batchSize: number
  /** With `shuffle`, picks the order of rows together with `seed`. */
  readonly epoch: number
  readonly shuffle: boolean
  readonly seed: number
  readonly firstBatch: number
  readonly batches: number
  /** One rate, or one per batch of the range. */
  readonly learningRates: Float32Array
  /** d loss / d output of the range's rows in their order, in place of targets; for the loss `dotProduct`. */
  readonly gradients?: Float32Array | undefined
  /** Whether weights change; default true. */
  readonly update?: boolean | undefined
}

export interface NativeEvaluateRange extends Captures {
  readonly data: number
  readonly batchSize: number
  readonly firstBatch: number
  readonly batches: number
}

/** What ranges will be at most. */
export interface NativeReservation {
  /** Their data; absent where it is bound later. */
  readonly data?: number
  readonly batchSize: number
  /** Of one range. */
  readonly batches: number
  readonly trains: boolean
  readonly shuffles: boolean
}

export interface NativeParameter {
  readonly name: string
  /** Keras order: kernel `[inputs, units]`, bias `[units]`. */
  readonly shape: readonly number[]
  /** Has optimizer variables; without, it is what a layer counts for itself. */
  readonly trainable: boolean
}

/** A Program on one device. Methods that return promises run off the JS thread, in order. */
export interface NativeModel {
  readonly device: string
  /** Instruction set on the CPU, compute capability on CUDA. */
  readonly isa: string
  readonly threads: number
  readonly parameters: readonly NativeParameter[]
  /** Variables per trainable parameter: the optimizer's, then what accumulates gradients and what averages weights. */
  readonly slots: number
  /** Optimizer steps taken. */
  step: number
  /** Work is queued or running. */
  readonly busy: boolean
  getParameter(index: number): Float32Array
  setParameter(index: number, values: Float32Array): void
  getSlot(slot: number, index: number): Float32Array
  setSlot(slot: number, index: number, values: Float32Array): void
  /** Keeps the arrays alive, or copies of them, and remembers them under a handle. Labels and weights are copied. */
  bind(input: NativeInput, targets: NativeTargets): number
  /** Gives a handle of its own for what another model has bound, disposed or not, which that one forgets. */
  takeOver(model: NativeModel, handle: number): number
  unbind(handle: number): void
  /** Takes the memory that such ranges need, or rejects with `ERR_OUT_OF_MEMORY` and all as it was. */
  reserve(reservation: NativeReservation): Promise<void>
  train(range: NativeTrainRange): Promise<NativeSums>
  evaluate(range: NativeEvaluateRange): Promise<NativeSums>
  predict(input: NativeInput, out: Float32Array, batchSize: number): Promise<void>
  predictSync(input: NativeInput, out: Float32Array): void
  /** Stops train and evaluate ranges, queued ones too, after their current batch; they resolve with what they did. */
  cancel(): void
  dispose(): void
}

/** One device, or the reason why it is not there. */
export interface DeviceInfo {
  /** `'cpu'`, `'cuda:0'`, … */
  readonly name: string
  readonly available: boolean
  /** Why it is not available. */
  readonly reason?: string
  /** CPU: the instruction sets compiled in and supported, best first. */
  readonly isas?: readonly string[]
  /** CPU: threads a model uses by default. */
  readonly threads?: number
  readonly description?: string
  /** What {@link CompileOptions.precision} may be. */
  readonly precisions?: readonly Precision[]
}

/** A row of the op table as C++ has it. */
export interface OpRow {
  readonly name: string
  /** Names of its numbers, in order. */
  readonly params: readonly string[]
}

/** A model frozen for inference. Calls may overlap. */
export interface NativePredictor {
  readonly device: string
  /** What so many rows cost on the thread that calls, in floating-point operations of large products. */
  operations(rows: number): number
  /** Whether that takes half a millisecond at most. */
  isQuick(rows: number): boolean
  /** Whether inputs are indices of an embedding. */
  readonly takesIndices: boolean
  /** Makes others like it with `new Predictor(token)`, in any thread of the process, until this one is disposed. */
  readonly token: number
  /** Input that is lent is copied at once. */
  predict(input: Float32Array | Uint8Array, out: Float32Array, lent: boolean): Promise<void>
  predictSync(input: Float32Array | Uint8Array, out: Float32Array): void
  /** Throws as predict would for such rows. */
  check(input: Float32Array | Uint8Array): void
  dispose(): void
}

/** Reads requests for one model's tensors; see native/serve/tensor_request.h. */
export interface NativeTensorReader {
  /** Gives the rows; numbers in JSON go to `values`, the rest to the report. Throws `ERR_REQUEST`. */
  readInfer(body: Uint8Array, headerLength: number, values: Float32Array): number
  readPredict(body: Uint8Array, unused: number, values: Float32Array): number
  /** Of the last request, if it had one. */
  readonly id: string
}

export interface NativeTensorSpec {
  readonly inputName: string
  readonly outputName: string
  readonly inputShape: readonly number[]
  readonly inputSize: number
  readonly maxRows: number
  /** The option that sets it, for messages. */
  readonly limitName: string
}

/** Connections on which requests for inference come, by number; see native/addon/connections.cc. */
export interface NativeConnections {
  /** Watches what comes from a socket that nobody else reads from. Gives its number, or -1 where that cannot be. */
  add(fd: number): number
  /** Gives the bytes that the connection took: with fewer than all, it waits for `resume`. */
  respond(id: number, head: string, json: string, tensor: Float32Array | undefined): number
  /** The rest of its answer is sent. */
  resume(id: number): void
  /** It is not watched any more. */
  remove(id: number): void
  /** Those that asked for nothing yet, are in the middle of a request, or between two, for as many milliseconds or longer. */
  overdue(fresh: number, receiving: number, idle: number): number[]
  /** Those on which nothing is asked or on its way. */
  quiet(): number[]
}

export interface NativeConnectionListeners {
  /** Whether requests to that host are taken; asked where it is not the one of the request before. */
  admitsHost(host: string): boolean
  /** Whether the body of a request is waited for, which is not there with its head. */
  admitsBody(id: number, model: string, version: string | undefined, authorization: string | undefined): boolean
  readonly onRequest: NativeRequestListener
  /** Its next request is for an HTTP server; nothing of it was taken. */
  onForeign(id: number): void
  /** `isCut`: its peer said everything, within a request. */
  onEnd(id: number, isCut: boolean): void
}

/** A request is `buffer` from `begin` to `end`, until this returns. */
export type NativeRequestListener = (
  id: number,
  isV1: boolean,
  model: string,
  version: string | undefined,
  tensorHeaderLength: number,
  authorization: string | undefined,
  buffer: Buffer,
  begin: number,
  end: number,
) => void

export interface NativeAddon {
  readonly version: string
  devices(): DeviceInfo[]
  ops(): {
    activations: OpRow[]
    losses: OpRow[]
    metrics: OpRow[]
    optimizers: OpRow[]
    noises: OpRow[]
    features: OpRow[]
    poolings: OpRow[]
    regularizers: OpRow[]
  }
  /** `device`: `'auto'`, `'cpu'`, `'cuda'`, `'cuda:1'`. `threads` 0: the default. */
  createModel(plan: Plan, options: { device: string; threads: number }): NativeModel
  /** The same with these values of parameters and, by slot, of optimizer variables, by another thread. They must stay as they are until then. */
  openModel(
    plan: Plan,
    options: { device: string; threads: number },
    parameters: readonly Float32Array[],
    slots: readonly (readonly (Float32Array | undefined)[])[],
  ): Promise<NativeModel>
  /** {@link NativeModel.slots} of a model that is not made yet. */
  countSlots(plan: Plan): number
  readonly Predictor: {
    new (plan: Plan, options: { device: string; threads: number }, parameters: readonly Float32Array[]): NativePredictor
    new (token: number): NativePredictor
    /** The same as the first, by another thread; the parameters must stay as they are until then. */
    open(
      plan: Plan,
      options: { device: string; threads: number },
      parameters: readonly Float32Array[],
    ): Promise<NativePredictor>
  }
  /** `report` takes what is known of each request besides its rows: flags (1 id, 2 binary output, 4 rows), place of binary data, datatype. */
  readonly TensorReader: new (
    spec: NativeTensorSpec,
    report: Float64Array,
  ) => NativeTensorReader
  /** Little-endian elements of `body` from `begin` on, as floats. */
  convertTensor(datatype: number, body: Uint8Array, begin: number, into: Float32Array): void
  /** `arriving[0]`: bytes of all requests on their way in. Undefined where descriptors cannot be watched. */
  readonly Connections:
    | (new (
        limits: { bodyLimit: number; totalLimit: number },
        arriving: Float64Array,
        listeners: NativeConnectionListeners,
      ) => NativeConnections)
    | undefined
  /** Gives the memory of a buffer back that is all of its ArrayBuffer: it is empty afterwards. Others stay as they are. */
  freeBuffer(buffer: Uint8Array): void
  /** JSON numbers with commas between, in brackets by rows unless that is 0. */
  formatNumbers(values: Float32Array, rows: number): string
  /** Measured peak of fused multiply-adds in registers, GFLOP/s, on that many threads. */
  measurePeak(options: { threads: number; milliseconds: number }): Promise<number>
  /** Times one square-ish matrix product C (m,n) = A (m,k) · B (k,n) with the executor's kernels: seconds per product. */
  measureGemm(options: { m: number; n: number; k: number; threads: number; milliseconds: number }): Promise<number>
  /**
   * Seconds of one product (m, k) · (k, n) on a CUDA device, by the fastest kernel there is for it, or with `bytes` of a
   * copy within its memory.
   */
  measureDevice(options: {
    device: string
    precision: Precision
    m: number
    n: number
    k: number
    bytes: number
  }): Promise<number>
  /** Times a row of the op table over `size` elements, single-threaded: seconds per pass. */
  measureOp(options: { kind: string; name: string; size: number; milliseconds: number }): Promise<number>
}
