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

export type { CsvLoggerOptions, Dashboard, DashboardOptions, EarlyStopping, EarlyStoppingOptions, EpochSchedule }

const lambdaNames = [...hooks, 'name', 'batchInterval', 'runsLast', 'getState', 'setState']

function lambda(functions: Callback): Callback {
  return { ...checkOptions(functions, lambdaNames, 'callbacks.lambda') }
}

/** Ends training, with `stopReason` `'terminateOnNaN'`, within about 100 ms of a loss that is not finite. */
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
 * Makes callbacks for the `callbacks` of {@link Sequential.fit}: Keras' callbacks, with its defaults. Any object with some
 * of the functions of {@link Callback} is a callback as well.
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
  /** Ends training once a value has stopped getting better. */
  earlyStopping: (options?: EarlyStoppingOptions): EarlyStopping => new EarlyStopping(options),
  /** Lowers the learning rate once a value has stopped getting better. */
  reduceLROnPlateau: (options?: ReduceLROnPlateauOptions): Callback => new ReduceLROnPlateau(options),
  /** Sets the learning rate before every epoch: `(epoch, rate) => rate`. */
  learningRateScheduler: (schedule: EpochSchedule): Callback => new LearningRateScheduler(schedule),
  /** Writes the logs of every epoch into a CSV file, whose folder it makes. */
  csvLogger: (path: string | URL, options?: CsvLoggerOptions): Callback => new CsvLogger(path, options),
  /** Shows the training while it runs, on a page of this machine with a button that stops it. */
  dashboard: (options?: DashboardOptions): Dashboard => new Dashboard(options),
  /** Ends training when the loss is NaN or infinite. */
  terminateOnNaN: (): Callback => new TerminateOnNaN(),
  /** A callback from functions, of which nothing but those of {@link Callback} are taken. */
  lambda,
  /**
   * Saves the model after epochs or batches, always or when it became better, under a path in which `{epoch}` (from 1), `{batch}`
   * and keys of the logs stand for their values. Makes the folder; that it can save is tried before the first batch.
   */
  modelCheckpoint: (path: string | URL, options?: ModelCheckpointOptions): Callback =>
    new ModelCheckpoint(path, options),
  /**
   * Saves the training into a folder as it goes, and goes on from there when the same fit is called again: after a crash
   * the weights end up the same, bit for bit, as without it. A damaged checkpoint is passed over for the one before.
   */
  backupAndRestore: (folder: string | URL, options?: BackupAndRestoreOptions): Callback =>
    new BackupAndRestore(folder, options),
} as const
answerForeignNames(callbacks, 'callbacks')

guardArity(callbacks, 'callbacks')
