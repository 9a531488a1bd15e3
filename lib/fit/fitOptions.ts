/** The options of fit, their checks, and its result. */

import type { ArrayInput } from '../arrays/arrays.js'
import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkOptions,
  checkSeed,
  checkSignal,
  refuse,
  refuseIdle,
} from '../checks/validate.js'
import type { SampleWeights, Targets } from '../core/outputTypes.js'
import { checkClassWeight, type WeightOptions } from '../core/rowWeights.js'
import { type BatchOf, type BatchSource, batchKeys, isBatchSource, isRecord } from '../data/batches.js'
import type { DataInput } from '../data/rowSource.js'
import type { MemoryOptions } from '../feeds/memoryOptions.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { type Callback, CallbackList } from '../training/callbacks.js'
import type { StopReason } from '../training/context.js'
import { checkStream, checkVerbose, type Progress, type ProgressStream, type Verbose } from './progress.js'

/** Rows and targets, and weights of the rows if there are any, to validate on after epochs. */
export type ValidationData<Outputs = SymbolicTensor> =
  | readonly [x: DataInput | SeveralInputs, y: Targets<Outputs, DataInput>]
  | readonly [x: DataInput | SeveralInputs, y: Targets<Outputs, DataInput>, sampleWeight: SampleWeights<Outputs>]

/** The data of several inputs: an array for each, by name or in their order. */
export type SeveralInputs = readonly ArrayInput[] | Readonly<Record<string, ArrayInput>>

/** What `validationData` may be: rows in memory or in files, or batches. */
export type ValidationSource<Outputs = SymbolicTensor> =
  | ValidationData<Outputs>
  | BatchSource<BatchOf<SeveralInputs, Targets<Outputs>, SampleWeights<Outputs>>>

/** Names of a model's inputs and outputs. */
interface DataNames {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** Whether a value is rows and targets. Data by name may look like batches: the names of inputs and outputs tell. */
export function isRowPair(value: unknown, names: DataNames = { inputs: [], outputs: [] }): value is ValidationData {
  if (!Array.isArray(value) || (value.length !== 2 && value.length !== 3)) return false
  if (!isBatchSource(value)) return true
  const [first, second] = value as readonly unknown[]
  if (!isRecord(first)) return false
  const isNamed = (record: object, known: readonly string[]) => Object.keys(record).every((key) => known.includes(key))
  if (isRecord(second) && (batchKeys.some((key) => key in second) || names.outputs.length > 0)) {
    return isNamed(first, names.inputs) && isNamed(second, names.outputs)
  }
  return !('x' in first && 'y' in first) || isNamed(first, names.inputs)
}

/** The options of {@link Sequential.fit}, without the two that ask for validation. */
export interface BaseFitOptions<Outputs = SymbolicTensor> extends WeightOptions<Outputs>, MemoryOptions {
  /** Rows per step, a positive integer; default 32. The last batch of an epoch may be smaller. */
  readonly batchSize?: number | undefined
  /**
   * Ends an epoch after so many batches, a positive integer; default: when there are no more. The next epoch continues where it
   * ended, with batches of a source and with rows that are not shuffled; when those run out, the epoch ends early, and the next one
   * begins with the first batch again.
   */
  readonly stepsPerEpoch?: number | undefined
  /** Validates on at most so many batches, a positive integer, and begins with the first one every time; default: all. */
  readonly validationSteps?: number | undefined
  /** Number of epochs in all, those before `initialEpoch` included; default 1. */
  readonly epochs?: number | undefined
  /** Number of the first epoch, counted from 0, where a training continues an earlier one; default 0. */
  readonly initialEpoch?: number | undefined
  /**
   * Continues at {@link Sequential.position}, in the middle of an epoch if need be, with the seed, the orders of rows and the state
   * of callbacks that the training had there. With the same data and options, the weights become bit for bit those of a training
   * that was never interrupted. Default false.
   */
  readonly resume?: boolean | undefined
  /** Visits the rows in a new random order every epoch; default true. */
  readonly shuffle?: boolean | undefined
  /**
   * Decides the orders of rows, together with the epoch. Default: derived from the model's seed, with new orders in
   * every further call of fit.
   */
  readonly seed?: number | undefined
  /**
   * Rows at a time in validation, a positive integer. Default 1024, as loss and metrics do not depend on it; but `batchSize` where
   * a loss does: with the reduction `sum` or `meanWithSampleWeight`, or with `ignoreClass`.
   */
  readonly validationBatchSize?: number | undefined
  /** Validates after every so many epochs, a positive integer; default 1. */
  readonly validationFreq?: number | undefined
  /** 0: print nothing; 1: a bar; 2: a line per epoch; `'auto'` (default): a bar on a terminal, else lines. */
  readonly verbose?: Verbose | undefined
  /** Where progress is written; default `process.stdout`. */
  readonly stream?: ProgressStream | undefined
  /** One callback or several. */
  readonly callbacks?: Callback | readonly Callback[] | undefined
  /** Called about ten times a second and at the end of every epoch. A promise is waited for; its rejection is fit's. */
  readonly onProgress?: ((progress: Progress) => unknown) | undefined
  /** When it aborts, fit rejects with `ERR_ABORTED` within about a batch; the weights are those after the last whole batch. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Sequential.fit}. */
export interface FitOptions<Outputs = SymbolicTensor> extends BaseFitOptions<Outputs> {
  /** `[x, y]`, `[x, y, sampleWeight]` or batches to validate on after epochs. `validationSplit` cannot be given beside it. */
  readonly validationData?: ValidationSource<Outputs> | undefined
  /** Share of the rows, above 0 and below 1, to validate on instead of training on them: the last ones, before any shuffling. */
  readonly validationSplit?: number | undefined
}

/** The result of {@link Sequential.fit}. */
export interface FitResult<H = Readonly<Record<string, Float64Array>>> {
  /** Loss and metrics by key, one number for each epoch; `val_…` has one for each validated epoch. */
  readonly history: H
  /** Number of epochs this call ran. */
  readonly epochs: number
  /** Seconds of training in each epoch, without validation and callbacks. */
  readonly epochSeconds: Float64Array
  /** Why it ended. */
  readonly stopReason: StopReason
}

const optionNames = [
  'sampleWeight',
  'classWeight',
  'copy',
  'batchSize',
  'stepsPerEpoch',
  'validationSteps',
  'epochs',
  'initialEpoch',
  'resume',
  'shuffle',
  'seed',
  'validationData',
  'validationSplit',
  'validationBatchSize',
  'validationFreq',
  'verbose',
  'stream',
  'callbacks',
  'onProgress',
  'signal',
]

/** The options of fit, checked and with their defaults. */
export type FitSettings = ReturnType<typeof checkFitOptions>

export function checkFitOptions(given: FitOptions | undefined) {
  const options = checkOptions(given, optionNames, 'fit')
  const split = options.validationSplit
  if (options.onProgress !== undefined && typeof options.onProgress !== 'function') {
    refuse('onProgress', 'a function', options.onProgress)
  }
  const resume = checkBoolean(options.resume ?? false, 'resume')
  if (resume && options.initialEpoch !== undefined) {
    refuse('initialEpoch', 'none with resume: the position says where to go on', options.initialEpoch)
  }
  const settings = {
    resume,
    givenShuffle: options.shuffle,
    sampleWeight: options.sampleWeight,
    classWeight: checkClassWeight(options.classWeight, 'classWeight'),
    givenCopy: options.copy,
    givenBatchSize: options.batchSize,
    stepsPerEpoch: optionalInteger(options.stepsPerEpoch, 'stepsPerEpoch'),
    validationSteps: optionalInteger(options.validationSteps, 'validationSteps'),
    batchSize: checkInteger(options.batchSize ?? 32, 'batchSize'),
    epochs: checkInteger(options.epochs ?? 1, 'epochs'),
    initialEpoch: checkInteger(options.initialEpoch ?? 0, 'initialEpoch', 0),
    shuffle: checkBoolean(options.shuffle ?? true, 'shuffle'),
    seed: checkSeed(options.seed, 'seed'),
    validationData: checkValidationData(options.validationData),
    validationSplit: split === undefined ? 0 : checkNumber(split, 'validationSplit', 0, 1),
    validationBatchSize:
      options.validationBatchSize === undefined
        ? undefined
        : checkInteger(options.validationBatchSize, 'validationBatchSize'),
    validationFreq: checkInteger(options.validationFreq ?? 1, 'validationFreq'),
    verbose: checkVerbose(options.verbose ?? 'auto', 'verbose'),
    stream: checkStream(options.stream, 'stream'),
    callbacks: new CallbackList(options.callbacks, 'callbacks'),
    onProgress: options.onProgress,
    signal: checkSignal(options.signal, 'signal'),
  }
  if (options.validationData === undefined && !split) {
    const names = ['validationBatchSize', 'validationFreq', 'validationSteps']
    refuseIdle(options, names, 'fit', 'without validationData or validationSplit')
  } else if (options.validationData !== undefined) {
    refuseIdle(options, ['validationSplit'], 'fit', 'with validationData, which is taken')
  }
  if (!settings.shuffle && !resume)
    refuseIdle(options, ['seed'], 'fit', 'with shuffle: false: it decides the order of rows')
  if (options.validationData !== undefined && !isRowPair(options.validationData)) {
    refuseIdle(options, ['validationBatchSize'], 'fit', 'with batches, which have their own')
  }
  return settings
}

function optionalInteger(value: unknown, argument: string): number | undefined {
  return value === undefined ? undefined : checkInteger(value, argument)
}

function checkValidationData(value: ValidationSource | undefined): ValidationSource | undefined {
  if (value === undefined || isRowPair(value) || isBatchSource(value)) return value
  return refuse('validationData', '[x, y], [x, y, sampleWeight] or batches', value)
}
