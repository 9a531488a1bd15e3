/** One version of a model that is served: its predictor, its queue and its description for clients. */

import { checkInteger } from '../../checks/validate.js'
import type { ModelCore } from '../../core/core.js'
import type { DeviceName } from '../../core/devices.js'
import { openPredictor, type Predictor } from '../../inference/predictor.js'
import { type ModelSummary, summarize } from '../../models/summary.js'
import type { Json } from '../../persistence/description.js'
import { type Batcher, batcher, queueLimit, usualBatches } from '../batching/batcher.js'
import type { ModelStatistics } from '../metrics/statistics.js'
import { defaultMaxRows, type TensorSpec } from '../protocol/tensorSpec.js'
import type { ServedTable } from './servedTable.js'
import { describeTensors, type TensorDescription } from './tensorDescription.js'

/** Options for running models; see {@link Sequential.predictor} and {@link batcher}. */
export interface ServingOptions {
  /** The device. Default: the model's own for models in memory, and `auto` for files. */
  readonly device?: DeviceName | undefined
  /** CPU threads for each model, a positive integer. */
  readonly threads?: number | undefined
  /** The largest number of rows in one batch, a positive integer. Default 256. */
  readonly maxBatchSize?: number | undefined
  /** Microseconds that the first row of a batch may wait for further rows while the device is idle. Default 0. */
  readonly maxQueueDelayMicros?: number | undefined
  /**
   * The largest number of rows in one request, a positive integer; a request with more gets 400. Default 4096, and never more
   * than maxQueueSize.
   */
  readonly maxRows?: number | undefined
  /**
   * The largest number of rows that wait for a model; requests beyond it get 503. Default 16 · maxBatchSize, or maxRows if that
   * is given and larger.
   */
  readonly maxQueueSize?: number | undefined
  /** Milliseconds that a request may wait for its answer; after that it gets 503. Default 1000. */
  readonly timeoutMs?: number | undefined
}

/** A model and, if it does not hold its weights itself, its weights. */
export interface ServedSource {
  readonly core: ModelCore
  readonly weights?: readonly Float32Array[] | undefined
  /** What the file of a model of a table says of its columns and its target. */
  readonly tabular?: Json | undefined
}

const defaultTimeoutMs = 1000

/** The name that the only input of a graph has there. */
const ownName = (core: ModelCore) => (core.stack.graph === undefined ? undefined : core.built().inputs[0]?.name)

async function openTable(described: Json, core: ModelCore): Promise<ServedTable> {
  const { ServedTable } = await import('./servedTable.js')
  return new ServedTable(described, core.built().inputs)
}

export class ServedModel {
  readonly name: string
  readonly version: string
  readonly summary: ModelSummary
  readonly statistics: ModelStatistics
  readonly queue: Batcher
  /** Names and shapes of the tensors in requests and responses. */
  readonly spec: TensorSpec
  /** The tensors as clients see them. */
  readonly inputs: readonly TensorDescription[]
  readonly outputs: readonly TensorDescription[]
  /** The columns and answers of a model of a table, whose requests and answers have those and no tensors of its network. */
  readonly table: ServedTable | undefined
  readonly timeoutMs: number
  readonly #predictor: Predictor
  readonly #unfollow: () => void

  private constructor(
    name: string,
    version: string,
    core: ModelCore,
    statistics: ModelStatistics,
    predictor: Predictor,
    options: ServingOptions,
    table: ServedTable | undefined,
  ) {
    const { maxQueueDelayMicros, timeoutMs = defaultTimeoutMs } = options
    const maxRows = checkInteger(options.maxRows ?? defaultMaxRows, 'maxRows')
    const roomFor = options.maxRows === undefined ? undefined : Math.max(maxRows, usualBatches * predictor.maxBatchSize)
    const maxQueueSize = options.maxQueueSize ?? roomFor
    this.name = name
    this.version = version
    this.summary = summarize(core, { print: false })
    this.statistics = statistics
    this.timeoutMs = timeoutMs
    this.table = table
    this.#predictor = predictor
    this.queue = batcher(predictor, { maxQueueDelayMicros, maxQueueSize, timeoutMs })
    const { inputs, outputs } = describeTensors(core)
    this.inputs = table?.inputs ?? inputs
    this.outputs = table?.outputs ?? outputs
    this.spec = {
      inputShape: predictor.inputShape,
      outputShape: predictor.outputShape,
      ...(inputs.length > 1 ? { inputs } : { inputAlias: ownName(core) }),
      ...(outputs.length > 1 ? { outputs } : {}),
      maxRows: Math.min(maxRows, this.queue.maxQueueSize),
      limitName: maxRows <= this.queue.maxQueueSize ? 'maxRows' : queueLimit,
    }
    this.#unfollow = statistics.follow(() => this.queue.stats)
  }

  /**
   * Makes the predictor, with the given weights or else the model's. Runs it once for one row and once for a full batch, so
   * that no request has to wait for the initialization of the first run.
   */
  static async open(
    { core, weights, tabular }: ServedSource,
    name: string,
    version: string,
    statistics: ModelStatistics,
    options: ServingOptions,
  ): Promise<ServedModel> {
    const { device, threads, maxBatchSize } = options
    const predictor = await openPredictor(core, { device, threads, maxBatchSize }, weights)
    try {
      for (const rows of [1, predictor.maxBatchSize]) {
        await predictor.predict(new Float32Array(rows * predictor.inputSize))
      }
      if (predictor.isQuick(1)) predictor.predictSync(new Float32Array(predictor.inputSize))
      const table = tabular === undefined ? undefined : await openTable(tabular, core)
      return new ServedModel(name, version, core, statistics, predictor, options, table)
    } catch (error) {
      predictor.dispose()
      throw error
    }
  }

  get device(): string {
    return this.#predictor.device
  }

  get maxBatchSize(): number {
    return this.queue.maxBatchSize
  }

  /** Describes the model in a few words, for the log. */
  describe(): string {
    const size = `${this.summary.totalParameters.toLocaleString('en-US')} parameters, on ${this.device}`
    if (this.table !== undefined) return `${this.table.describe()}, ${size}`
    const shapes = [this.inputs, this.outputs].map((tensors) => {
      const names = tensors.length > 1
      return tensors.map(({ name, shape }) => `${names ? `${name} ` : ''}[${shape.join(', ')}]`).join(', ')
    })
    return `${shapes.join(' → ')}, ${size}`
  }

  /** Waits until all requests are answered, then frees the memory. The caller makes sure that no further request arrives. */
  async retire(): Promise<void> {
    await this.table?.drain()
    await this.queue.drain()
    this.#unfollow()
    this.queue.dispose()
    this.#predictor.dispose()
  }
}
