/** The seam to C++: the loaded addon, and the types of everything that crosses. */

import { type ErrorCode, NeurodeError } from '../base/errors.js'
import { loadAddon } from './loadAddon.js'

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

/** A row of the op table by name, with its numbers in the order the row declares. */
export interface PlanOp {
  readonly name: string
  readonly params: readonly number[]
}

/** How a parameter gets its first values. `seed` picks the random stream. */
export interface PlanInitializer {
  readonly name: 'constant' | 'uniform' | 'normal' | 'truncatedNormal' | 'orthogonal'
  /** constant: value; uniform: low, high; normal, truncatedNormal: mean, standard deviation; orthogonal: gain. */
  readonly params: readonly number[]
  readonly seed: number
}

/** What a row-wise function works on: `length` features that are `inner` apart, group by group. Absent: whole rows. */
export interface PlanAlong {
  readonly length: number
  readonly inner: number
}

/** What a parameter is brought back to after every step. */
export interface PlanConstraint {
  readonly name: 'notNegative' | 'norm'
  /** norm: least, most, and how much of the way into these bounds a step goes. */
  readonly params: readonly number[]
  /** Groups of elements in Keras' order that share a norm. Absent: all do. */
  readonly along?: PlanAlong | undefined
}

/** One parameter of a layer. */
export interface PlanParameter {
  /** Its name in the layer, where that is not the member's. */
  readonly name?: string
  readonly initializer: PlanInitializer
  /** Takes part in weight decay; default true. */
  readonly decays?: boolean
  /** Its penalty. */
  readonly regularizer?: PlanOp | undefined
  readonly constraint?: PlanConstraint | undefined
}

/** Parameters of the channels along an axis; what is absent counts as 1 and 0. */
export interface PlanChannels {
  readonly along?: PlanAlong | undefined
  readonly kernel?: PlanParameter | undefined
  readonly bias?: PlanParameter | undefined
}

/** Statistics of the channels along an axis, as parameters. */
export interface PlanStatistics {
  readonly along?: PlanAlong | undefined
  readonly mean: PlanParameter
  readonly variance: PlanParameter
}

/** y = (x - mean) / sqrt(max(variance, least) + epsilon), or its inverse where `inverts` is 1. */
export type PlanNumbers = readonly [epsilon: number, least: number, inverts: number, momentum: number]

/** One layer, with sizes filled in. */
export type PlanLayer = {
  readonly name: string
  /** False: its parameters stay as they are; default true. */
  readonly trainable?: boolean
} & (
  | {
      readonly kind: 'dense'
      readonly units: number
      /** Features of a position, where a row has several that all go through the same kernel. */
      readonly inputs?: number
      readonly useBias: boolean
      readonly activation: PlanOp
      readonly kernel: PlanParameter
      readonly bias: PlanParameter
    }
  | { readonly kind: 'activation'; readonly activation: PlanOp; readonly along?: PlanAlong | undefined }
  | { readonly kind: 'noise'; readonly noise: PlanOp; readonly seed: number }
  | { readonly kind: 'rescaling'; readonly scale: number; readonly offset: number }
  | ({ readonly kind: 'feature'; readonly function: PlanOp } & PlanChannels)
  | ({ readonly kind: 'normalization'; readonly numbers: PlanNumbers } & PlanStatistics)
  | ({ readonly kind: 'batchNormalization'; readonly numbers: PlanNumbers } & PlanChannels & PlanStatistics)
  /** A penalty of what comes in, which goes on as it is. */
  | { readonly kind: 'activityPenalty'; readonly regularizer: PlanOp }
  | { readonly kind: 'embedding'; readonly inputs: number; readonly units: number; readonly kernel: PlanParameter }
  /** Rows and columns change places in every block (rows, columns, inner) of features. */
  | { readonly kind: 'transpose'; readonly rows: number; readonly columns: number; readonly inner: number }
  /** A row, so many times. */
  | { readonly kind: 'repeat'; readonly rows: number }
  /** Of `rows` positions a row has, one is made. */
  | { readonly kind: 'pooling'; readonly pooling: PlanOp; readonly rows: number }
  /** Every `rows` integers become `columns` values: whether, or how often, each integer below `columns` is among them. */
  | { readonly kind: 'encoding'; readonly rows: number; readonly columns: number; readonly counts: boolean }
)

/** What the elements of large matrix products are rounded to; sums and all else are float32. */
export type Precision = 'float32' | 'tf32' | 'bfloat16'

/** What crosses to C++ once per model: names and numbers. */
export interface Plan {
  /** Features in one row of input. */
  readonly inputSize: number
  readonly layers: readonly PlanLayer[]
  /** Default `float32`. */
  readonly precision?: Precision
  /** Absent while the model is not compiled: it can predict, not train. */
  readonly training?: {
    readonly loss: PlanOp
    readonly reduction: 'mean' | 'sum' | 'weightedMean'
    readonly metrics: readonly PlanOp[]
    /** Metrics from this one on weigh their rows; default: none. */
    readonly weightedFrom?: number
    /** Of an output, each with targets, weights, a loss and metrics of its own; default 1. */
    readonly positions?: number
    /** Ranges may ask for `captured` and give `gradients`; default false. */
    readonly captures?: boolean
  } & PlanUpdate
}

/** How gradients become new weights: accumulate, clip, decay, optimizer, average, in this order. Numbers are 0 by default, for none. */
export interface PlanUpdate {
  readonly optimizer: PlanOp
  /** Decoupled, times the learning rate. */
  readonly weightDecay: number
  /** Of the three, one at most. */
  readonly clipValue?: number
  readonly clipNorm?: number
  readonly globalClipNorm?: number
  /** Gradients of so many steps are averaged for an update; default 1. */
  readonly accumulationSteps?: number
  /** Keeps an exponential average of the weights; default false. */
  readonly averages?: boolean
  readonly averageMomentum?: number
  /** Updates after which weights become their averages. */
  readonly overwriteFrequency?: number
}

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
  predict(input: Float32Array | Uint8Array, out: Float32Array): Promise<void>
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

let addon: NativeAddon | undefined

/** The loaded addon; loads it on first use. Throws `ERR_NATIVE_LOAD` with every path tried. */
export function native(): NativeAddon {
  addon ??= load()
  return addon
}

/** Where the addon was loaded from, once {@link native} has run. */
export let addonPath: string | undefined

function load(): NativeAddon {
  const { exports, path } = loadAddon()
  const loaded = exports as NativeAddon & { setErrorClass(errorClass: typeof nativeError): void }
  loaded.setErrorClass(nativeError)
  addonPath = path
  return loaded
}

/** Errors that native code has made, and no function of a user's. */
const nativeErrors = new WeakSet<NeurodeError>()

/** What native code calls with `new`. */
function nativeError(code: ErrorCode, message: string): NeurodeError {
  const error = new NeurodeError(code, message)
  nativeErrors.add(error)
  return error
}

const ofData: ReadonlySet<string> = new Set([
  'ERR_ARGUMENT',
  'ERR_LABEL_RANGE',
  'ERR_DATA_DETACHED',
  'ERR_OUT_OF_MEMORY',
])

/** Whether native code refused the data that it was given. */
export function isRefusal(error: unknown): boolean {
  return error instanceof NeurodeError && nativeErrors.has(error) && ofData.has(error.code)
}
