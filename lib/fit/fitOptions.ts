/** Options of fit, and what it gives back. */

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
import { checkClassWeight, type WeightOptions } from '../core/rowWeights.js'
import { type BatchSource, isBatchSource } from '../data/batches.js'
import type { DataInput } from '../data/rowSource.js'
import type { MemoryOptions } from '../feeds/memoryOptions.js'
import { type Callback, CallbackList } from '../training/callbacks.js'
import type { StopReason } from '../training/context.js'
import { checkStream, checkVerbose, type Progress, type ProgressStream, type Verbose } from './progress.js'

/** Rows and targets to validate on after epochs. */
export type ValidationData =
  | readonly [x: DataInput, y: DataInput]
  | readonly [x: DataInput, y: DataInput, sampleWeight: ArrayInput]

/** What `validationData` may be. */
export type ValidationSource = ValidationData | BatchSource

export function isRowPair(value: unknown): value is ValidationData {
  return Array.isArray(value) && (value.length === 2 || value.length === 3) && !isBatchSource(value)
}

/** Options of {@link Sequential.fit} but for those that ask for validation. */
export interface BaseFitOptions extends WeightOptions, MemoryOptions {
  /** Rows per step, a positive integer; default 32. The last batch of an epoch may be smaller. */
  readonly batchSize?: number | undefined
  /**
   * Ends an epoch after so many batches, a positive integer; default: when there are no more. Batches of a source, and rows
   * that are not shuffled, go on in the next epoch; where they end, the epoch does, and the next one begins with the first again.
   */
  readonly stepsPerEpoch?: number | undefined
  /** Validates on so many batches at most, a positive integer, from the first one on every time; default: all. */
  readonly validationSteps?: number | undefined
  /** Where to end: the number of epochs in all, counted from 0; default 1. */
  readonly epochs?: number | undefined
  /** First epoch, for training that goes on; default 0. */
  readonly initialEpoch?: number | undefined
  /**
   * Goes on from {@link Sequential.position}, in the middle of an epoch if need be, with the seed, the orders of rows and
   * the state of callbacks that the training there had: the weights become, bit for bit, those of a training that never
   * stopped, as long as data and options are the same. Default false.
   */
  readonly resume?: boolean | undefined
  /** Visits the rows in a new random order every epoch; default true. */
  readonly shuffle?: boolean | undefined
  /**
   * Decides the orders of rows, together with the epoch. Default: derived from the model's seed, with new orders in
   * every further call of fit.
   */
  readonly seed?: number | undefined
  /** Rows at a time in validation; means do not depend on it. */
  readonly validationBatchSize?: number | undefined
  /** Validates after every so many epochs; default 1. */
  readonly validationFreq?: number | undefined
  /** 0: print nothing; 1: a bar; 2: a line per epoch; `'auto'` (default): a bar on a terminal, else lines. */
  readonly verbose?: Verbose | undefined
  /** Where progress is written; default `process.stdout`. */
  readonly stream?: ProgressStream | undefined
  /** One callback or several. */
  readonly callbacks?: Callback | readonly Callback[] | undefined
  /** Called about ten times a second and at the end of every epoch. A promise is waited for; its rejection is fit's. */
  readonly onProgress?: ((progress: Progress) => unknown) | undefined
  /** Aborting rejects with `ERR_ABORTED` within about a batch; the weights are those after the last batch. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Sequential.fit}. */
export interface FitOptions extends BaseFitOptions {
  /** `[x, y]`, or batches, to validate on after epochs; goes before `validationSplit`. */
  readonly validationData?: ValidationSource | undefined
  /** Share of the rows, above 0 and below 1, taken from the end before any shuffling to validate on. */
  readonly validationSplit?: number | undefined
}

/** What {@link Sequential.fit} did. */
export interface FitResult<H = Readonly<Record<string, Float64Array>>> {
  /** Loss, metrics and `val_…`, one number per epoch (`val_…`: per validated epoch). */
  readonly history: H
  /** Number of epochs this call ran. */
  readonly epochs: number
  /** Seconds of training per epoch, without validation and callbacks on epochs. */
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

/** Options of fit, checked, with defaults. */
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
  if (isBatchSource(options.validationData)) {
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
