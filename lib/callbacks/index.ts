/** The factories of all callbacks. */

import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkOptions } from '../checks/validate.js'
import { type Callback, hooks } from '../training/callbacks.js'
import type { Logs, TrainingContext } from '../training/context.js'
import {
  BackupAndRestore,
  type BackupAndRestoreOptions,
  ModelCheckpoint,
  type ModelCheckpointOptions,
} from './checkpoints.js'
import { CsvLogger, type CsvLoggerOptions } from './csvLogger.js'
import { Dashboard, type DashboardOptions } from './dashboard.js'
import { EarlyStopping, type EarlyStoppingOptions } from './earlyStopping.js'
import {
  type EpochSchedule,
  LearningRateScheduler,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
} from './learningRate.js'
import { TensorBoard, type TensorBoardOptions } from './tensorBoard.js'

export type {
  CsvLoggerOptions,
  Dashboard,
  DashboardOptions,
  EarlyStopping,
  EarlyStoppingOptions,
  EpochSchedule,
  TensorBoardOptions,
}

const lambdaNames = [...hooks, 'name', 'batchInterval', 'runsLast', 'getState', 'setState']

function lambda(functions: Callback): Callback {
  return { ...checkOptions(functions, lambdaNames, 'callbacks.lambda') }
}

/** Ends training, with `stopReason` `'terminateOnNaN'`, within about 100 ms after the loss became NaN or infinite. */
class TerminateOnNaN implements Callback {
  #context: TrainingContext | undefined

  onTrainBegin(_logs: Logs, context: TrainingContext): void {
    this.#context = context
  }

  onRangeEnd(_batch: number, { loss }: Logs): void {
    if (!Number.isFinite(loss)) this.#context?.stop('terminateOnNaN')
  }
}

/**
 * Makes callbacks for the option `callbacks` of {@link Sequential.fit}: those of Keras, with the same defaults. Any object with
 * some of the methods of {@link Callback} is a callback as well.
 *
 * @example
 * ```ts
 * import { callbacks, datasets, layers, sequential } from 'neurode'
 *
 * const { train } = datasets.syntheticDigits({ train: 500, test: 1 })
 * const model = sequential([layers.dense({ units: 10, activation: 'softmax', inputShape: [784] })])
 * model.compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
 * const { stopReason } = await model.fit(train.images, train.labels, {
 *   epochs: 50,
 *   validationSplit: 0.2,
 *   verbose: 0,
 *   callbacks: [callbacks.earlyStopping({ patience: 3, restoreBestWeights: true })],
 * })
 * ```
 */
export const callbacks = {
  /** Ends training when a value has stopped improving. */
  earlyStopping: (options?: EarlyStoppingOptions): EarlyStopping => new EarlyStopping(options),
  /** Lowers the learning rate when a value has stopped improving. */
  reduceLROnPlateau: (options?: ReduceLROnPlateauOptions): Callback => new ReduceLROnPlateau(options),
  /** Sets the learning rate before every epoch: `(epoch, rate) => rate`. */
  learningRateScheduler: (schedule: EpochSchedule): Callback => new LearningRateScheduler(schedule),
  /** Writes the logs of every epoch to a CSV file; missing folders are created. */
  csvLogger: (path: string | URL, options?: CsvLoggerOptions): Callback => new CsvLogger(path, options),
  /** Shows the running training on a local web page, which has a button to stop it. */
  dashboard: (options?: DashboardOptions): Dashboard => new Dashboard(options),
  /**
   * Writes loss, metrics and learning rate for TensorBoard, by epoch and, with `updateFreq`, by batch; histograms and pictures of
   * weights, the graph of the model, and hyper-parameters. What a fit writes is in files of its own, `<logDir>/train` and
   * `<logDir>/validation`, which are only appended to; {@link readEvents} reads them. Whether they can be written is checked before
   * the first batch. The tags are those of Keras. Warns with `NEURODE_LEFT_OUT` if Keras has no such graph.
   */
  tensorBoard: (options?: TensorBoardOptions): Callback => new TensorBoard(options),
  /** Ends training when the loss is NaN or infinite. */
  terminateOnNaN: (): Callback => new TerminateOnNaN(),
  /** Makes a callback of an object of functions. Throws `ERR_UNKNOWN_NAME` for a function that {@link Callback} does not have. */
  lambda,
  /**
   * Saves the model after epochs or batches, always or if it improved, to a path in which `{epoch}` and `{batch}` (both from 1) and
   * keys of the logs are replaced by their values. Missing folders are created. Whether the path can be written is checked before the
   * first batch.
   */
  modelCheckpoint: (path: string | URL, options?: ModelCheckpointOptions): Callback =>
    new ModelCheckpoint(path, options),
  /**
   * Saves the state of the training to a folder. When the same fit is called again after a crash, it continues from there, and the
   * final weights are the same, bit for bit, as without the crash. If the newest checkpoint is damaged, the one before it is used.
   */
  backupAndRestore: (folder: string | URL, options?: BackupAndRestoreOptions): Callback =>
    new BackupAndRestore(folder, options),
} as const
answerForeignNames(callbacks, 'callbacks')

guardArity(callbacks, 'callbacks')
