/** The types of the native addon's functions; plan.ts has those of the Plan. */

import type { Plan, Precision } from './plan.js'
import type { NativeRanks } from './ranks.js'

/** The typed arrays that Neurode reads. 64-bit integers are not supported, as float32 cannot hold them. */
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

/** Rows of input; a value is element · scale + offset. `data.length` is rows · features. */
export interface NativeInput {
  /** Bytes and float32 are read in place; other elements become float32 on the device's thread when they are first used. */
  readonly data: NumericArray
  readonly scale: number
  readonly offset: number
  /** The caller owns the memory and may change or transfer it, so `data` is copied, or converted to float32, at once. Default false. */
  readonly lent?: boolean
}

/**
 * Targets of the same rows: a class index or a row of values for each, and the weights of the rows; a row with weight NaN is left out
 * of loss and metrics. A value is element · scale + offset in float32; elements are converted as those of input are.
 */
export type NativeTargets = (
  | { readonly kind: 'classes'; readonly data: Int32Array }
  | { readonly kind: 'rows'; readonly data: NumericArray; readonly scale?: number; readonly offset?: number }
) & { readonly weights?: Float32Array | undefined; readonly lent?: boolean }

/**
 * Targets of several heads, side by side in a row: for each position a class index if `classes` of the head is true, otherwise its
 * values. There is a weight for each position of all heads.
 */
export interface NativeHeadTargets {
  readonly kind: 'heads'
  readonly data: Float32Array
  readonly classes: readonly boolean[]
  readonly weights?: Float32Array | undefined
  readonly lent?: boolean
}

/**
 * Sums over the batches that ran, in the order of `sumAt` (sums.ts). `loss` and `penalty`
 * are sums over batches of the batch's value times its rows: divide them by `rows`. A metric is the sum of its value over the rows
 * that count: divide it by `counted`, or by `weight` for a weighted metric. If the range was cancelled, `batches` is smaller than
 * requested.
 */
export type NativeSums = Float64Array

/** What a range returns if the Plan captures outputs. */
interface Captures {
  /** Is filled with outputs, targets and weight of each row of the range, in order. */
  readonly captured?: Float32Array | undefined
}

/** What a range fills and reads besides its rows. */
export interface NativeTrainArrays extends Captures {
  /** d loss / d output of the range's rows, in order, instead of the targets of heads whose loss is `dotProduct`. */
  readonly gradients?: Float32Array | undefined
  /** Is filled with d loss / d input of the range's rows, in order; for a Plan with `training.inputGradients`. */
  readonly inputGradients?: Float32Array | undefined
  /**
   * By parameter, are filled with the gradients of the range's last batch, and of a statistic with the value that a step would give it;
   * for a Plan with `training.gradients` and `update: false`.
   */
  readonly parameterGradients?: readonly (Float32Array | undefined)[] | undefined
  /** Whether weights change; default true. */
  readonly update?: boolean | undefined
}

export interface NativeTrainRange extends NativeTrainArrays {
  /** Handle from {@link NativeModel.bind}. */
  readonly data: number
  readonly batchSize: number
  /** With `shuffle`, determines the order of rows together with `seed`. */
  readonly epoch: number
  readonly shuffle: boolean
  readonly seed: number
  readonly firstBatch: number
  readonly batches: number
  /** One learning rate for all batches, or one per batch of the range. */
  readonly learningRates: Float32Array
}

export interface NativeEvaluateRange extends Captures {
  readonly data: number
  readonly batchSize: number
  readonly firstBatch: number
  readonly batches: number
}

/** The largest ranges that will follow. */
export interface NativeReservation {
  /** Handle of their data; absent if the data are bound later. */
  readonly data?: number
  readonly batchSize: number
  /** Number of batches in one range. */
  readonly batches: number
  readonly trains: boolean
  readonly shuffles: boolean
}

export interface NativeParameter {
  readonly name: string
  /** Shape as in Keras: kernel `[inputs, units]`, bias `[units]`. */
  readonly shape: readonly number[]
  /** Whether the parameter has optimizer variables; false for statistics that a layer updates itself. */
  readonly trainable: boolean
  /** Whether steps of the optimizer change it: a loss or a penalty depends on it, and its layer is not frozen. */
  readonly learns: boolean
}

/**
 * A model on one device. Methods that return promises run off the JavaScript thread, in the order of the calls. Some take `here`:
 * whether they may do quick work at once. Then they return no promise, and the model is busy until {@link NativeModel.settled}.
 */
export interface NativeModel {
  readonly device: string
  /** Instruction set on the CPU, compute capability on CUDA. */
  readonly isa: string
  readonly threads: number
  readonly parameters: readonly NativeParameter[]
  /** Number of variables per trainable parameter: those of the optimizer, of gradient accumulation and of weight averaging. */
  readonly slots: number
  /** Number of optimizer steps taken. */
  step: number
  /** Whether work is queued or running. */
  readonly busy: boolean
  getParameter(index: number): Float32Array
  setParameter(index: number, values: Float32Array): void
  getSlot(slot: number, index: number): Float32Array
  setSlot(slot: number, index: number, values: Float32Array): void
  /** A model of another Plan over the same parameters: values, optimizer variables, steps and work in flight are common to both. */
  sibling(plan: Plan): NativeModel
  /**
   * One step of the optimizer from these gradients, by parameter; of a statistic, its next value, or undefined if it stays. For a Plan
   * with `training.gradients`.
   */
  applyGradients(
    gradients: readonly (Float32Array | undefined)[],
    learningRate: number,
    here?: boolean,
  ): Promise<void> | undefined
  /** Keeps the arrays, or copies of them, and returns a handle for them. Labels and weights are always copied. */
  bind(input: NativeInput, targets: NativeTargets | NativeHeadTargets): number
  /** Takes over data that another model, disposed or not, has bound, and returns a handle for them; the other handle becomes invalid. */
  takeOver(model: NativeModel, handle: number): number
  unbind(handle: number): void
  /** Allocates the memory that such ranges need, or rejects with `ERR_OUT_OF_MEMORY` and changes nothing. */
  reserve(reservation: NativeReservation): Promise<void>
  train(range: NativeTrainRange, here?: boolean): Promise<NativeSums> | NativeSums
  /**
   * Trains on epochs, each of which is this range with an `epoch` one larger, and `learningRates` for all of them or one for all. For
   * each epoch that began there are the seconds that it took, and its sums.
   */
  trainEpochs(range: NativeTrainRange, epochs: number): Promise<Float64Array>
  evaluate(range: NativeEvaluateRange, here?: boolean): Promise<NativeSums> | NativeSums
  predict(input: NativeInput, out: Float32Array, here?: boolean): Promise<void> | undefined
  predictSync(input: NativeInput, out: Float32Array): void
  /**
   * Trains or evaluates on one batch at once, without binding it. Undefined if that is not quick, or the model is busy. Gradients that
   * replace targets are given with the batch: the rows cannot wait for them.
   */
  trainHere(
    input: NativeInput,
    targets: NativeTargets | NativeHeadTargets,
    learningRate: number,
    arrays?: NativeTrainArrays,
  ): NativeSums | undefined
  evaluateHere(input: NativeInput, targets: NativeTargets | NativeHeadTargets): NativeSums | undefined
  /** To be called once for each call that did its work at once. */
  settled(): void
  /** Stops running and queued ranges after the current batch; they resolve with the sums of the batches that ran. */
  cancel(): void
  dispose(): void
}

/** A device, available or not. */
export interface DeviceInfo {
  /** `'cpu'`, `'cuda:0'`, … */
  readonly name: string
  readonly available: boolean
  /** Why it is not available. */
  readonly reason?: string
  /** CPU: the instruction sets that are compiled in and that the processor supports, best first. */
  readonly isas?: readonly string[]
  /** CPU: the number of threads that a model uses by default. */
  readonly threads?: number
  readonly description?: string
  /** The values of {@link CompileOptions.precision} that it supports. */
  readonly precisions?: readonly Precision[]
}

/** A row of the native op table. */
export interface OpRow {
  readonly name: string
  /** Names of its numeric parameters, in order. */
  readonly params: readonly string[]
}

/** A model frozen for inference. Calls may overlap. */
export interface NativePredictor {
  readonly device: string
  /** The cost of this number of rows on the calling thread, in floating-point operations of large matrix products. */
  operations(rows: number): number
  /** Whether this number of rows takes half a millisecond at most. */
  isQuick(rows: number): boolean
  /** Whether inputs are indices of an embedding. */
  readonly takesIndices: boolean
  /** A token for `new Predictor(token)`, which shares the weights, in any thread of the process, until this one is disposed. */
  readonly token: number
  /** Input that is lent is copied at once. */
  predict(input: Float32Array | Uint8Array, out: Float32Array, lent: boolean): Promise<void>
  predictSync(input: Float32Array | Uint8Array, out: Float32Array): void
  /** Throws if predict would reject for these rows. */
  check(input: Float32Array | Uint8Array): void
  dispose(): void
}

/** Reads requests for one model's tensors; see native/serve/tensor_request.h. */
export interface NativeTensorReader {
  /** Returns the number of rows. Writes numbers of JSON to `values` and everything else to the report. Throws `ERR_REQUEST`. */
  readInfer(body: Uint8Array, headerLength: number, values: Float32Array): number
  readPredict(body: Uint8Array, unused: number, values: Float32Array): number
  /** The id of the last request, if it had one. */
  readonly id: string
}

export interface NativeTensorSpec {
  /** In the order in which they lie side by side in a row. */
  readonly inputs: readonly NativeTensorShape[]
  readonly outputs: readonly NativeTensorShape[]
  readonly maxRows: number
  /** Name of the option that sets the limit, for messages. */
  readonly limitName: string
}

export interface NativeTensorShape {
  readonly name: string
  /** The shape of one row. */
  readonly shape: readonly number[]
  /** Another name, which requests may use. */
  readonly alias?: string | undefined
}

/** Connections that receive requests for inference, each with a number; see native/addon/connections.cc. */
export interface NativeConnections {
  /** Watches a socket that nobody else reads from. Returns the connection's number, or -1 if it cannot be watched. */
  add(fd: number): number
  /** Sends an answer and returns the number of bytes sent; if these are not all, the connection pauses until `resume`. */
  respond(id: number, head: string, json: string, tensor: Float32Array | Uint8Array | undefined): number
  /** Continues a connection after the caller has sent the rest of its answer. */
  resume(id: number): void
  /** Stops watching a connection. */
  remove(id: number): void
  /**
   * Connections that have waited at least these milliseconds for the end of a head, for the end of a request, or for the next
   * request. Each is returned once, and nothing more is read from it.
   */
  overdue(head: number, request: number, idle: number): number[]
  /** Connections without a request that is being received or answered; a part of a head is no request. */
  quiet(): number[]
}

export interface NativeConnectionListeners {
  /** Whether requests with this Host header are accepted; called if it differs from that of the connection's last request. */
  admitsHost(host: string): boolean
  /** Whether to wait for the body of a request, if it did not arrive together with the head. */
  admitsBody(id: number, model: string, version: string | undefined, authorization: string | undefined): boolean
  readonly onRequest: NativeRequestListener
  /** The connection's next request must be handled by an ordinary HTTP server; none of its bytes were read. */
  onForeign(id: number): void
  /** The peer has closed its side within a head, none of which was read. */
  onCutHead(id: number): void
  /** The peer has closed its side; `isCut` says that it did so within a request. */
  onEnd(id: number, isCut: boolean): void
}

/** Handles a request: the bytes of `buffer` from `begin` to `end`, which are valid until the function returns. */
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

export interface NativeAddon extends NativeRanks {
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
  /** Makes a model. `device` is `'auto'`, `'cpu'`, `'cuda'` or `'cuda:1'`; `threads` 0 is the default number. */
  createModel(plan: Plan, options: { device: string; threads: number }): NativeModel
  /**
   * Makes a model on another thread, with these values of the parameters and, by slot, of the optimizer variables. The arrays must
   * not change until the promise resolves.
   */
  openModel(
    plan: Plan,
    options: { device: string; threads: number },
    parameters: readonly Float32Array[],
    slots: readonly (readonly (Float32Array | undefined)[])[],
  ): Promise<NativeModel>
  /** {@link NativeModel.slots} of the model that a Plan would make. */
  countSlots(plan: Plan): number
  /** How many of the numbers are NaN or infinite. */
  countNonFinite(numbers: Float32Array): number
  readonly Predictor: {
    new (plan: Plan, options: { device: string; threads: number }, parameters: readonly Float32Array[]): NativePredictor
    new (token: number): NativePredictor
    /** Makes a predictor of a Plan on another thread; the parameters must not change until the promise resolves. */
    open(
      plan: Plan,
      options: { device: string; threads: number },
      parameters: readonly Float32Array[],
    ): Promise<NativePredictor>
  }
  /**
   * `report` is filled for each request: flags (1 id, 2 `instances`, 4 rows of all inputs side by side, 8 binary output); for each
   * input the offset of its bytes in the body, or -1 - the index of its first value, and its datatype; the number of listed outputs, 0
   * for all, and twice the index of each, plus 1 if it is binary.
   */
  readonly TensorReader: new (
    spec: NativeTensorSpec,
    report: Float64Array,
  ) => NativeTensorReader
  /** Throws `ERR_REQUEST` unless a body is JSON in UTF-8, of 64 levels at most, whose objects have each member once. */
  checkJson(body: Uint8Array): void
  /** Converts little-endian elements of `body`, beginning at byte `begin`, to floats. */
  convertTensor(datatype: number, body: Uint8Array, begin: number, into: Float32Array): void
  /** Like `convertTensor`, into `columns` columns from `first` on of rows of `rowSize` numbers. */
  placeTensor(
    datatype: number,
    body: Uint8Array,
    begin: number,
    into: Float32Array,
    first: number,
    columns: number,
    rowSize: number,
  ): void
  /** `arriving[0]` counts the bytes of requests that are being received. Undefined on systems where sockets cannot be watched. */
  readonly Connections:
    | (new (
        limits: { bodyLimit: number; totalLimit: number },
        arriving: Float64Array,
        listeners: NativeConnectionListeners,
      ) => NativeConnections)
    | undefined
  /** Frees the memory of a buffer that covers its whole ArrayBuffer; it is empty afterwards. Other buffers are unchanged. */
  freeBuffer(buffer: Uint8Array): void
  /** Formats numbers as JSON, separated by commas; if `rows` is not 0, each row is in brackets. */
  formatNumbers(values: Float32Array, rows: number): string
  /** Measures the peak rate of fused multiply-adds in registers on this number of threads, in GFLOP/s. */
  measurePeak(options: { threads: number; milliseconds: number }): Promise<number>
  /** Measures one matrix product C (m,n) = A (m,k) · B (k,n) with the executor's kernels, in seconds per product. */
  measureGemm(options: { m: number; n: number; k: number; threads: number; milliseconds: number }): Promise<number>
  /**
   * Measures one product (m, k) · (k, n) on a CUDA device with the fastest kernel for it or, with `bytes`, one copy within the
   * device's memory, in seconds.
   */
  measureDevice(options: {
    device: string
    precision: Precision
    m: number
    n: number
    k: number
    bytes: number
  }): Promise<number>
  /** Measures a row of the op table over `size` elements on one thread, in seconds per pass. */
  measureOp(options: { kind: string; name: string; size: number; milliseconds: number }): Promise<number>
}
