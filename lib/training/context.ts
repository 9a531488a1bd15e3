/** Types that callbacks get: logs, the training position and the training context. */

import type { ArrayInput } from '../arrays/arrays.js'
import type { NdArray } from '../arrays/shapedArray.js'
import type { DataInput } from '../data/rowSource.js'
import type { Layer, Weight } from '../layers/layer.js'
import type { Loss } from './lossOptions.js'
import type { Optimizer } from './optimizers.js'

/** Loss and metrics by key; at the end of an epoch also `val_…`. */
export interface Logs extends Readonly<Record<string, number>> {
  readonly loss: number
}

/** The empty logs at the beginning of a training, an epoch or a batch. */
export type NoLogs = Readonly<Record<string, number>>

/** How far the training of a model has come. */
export interface Position {
  /** Number of complete epochs. */
  readonly epoch: number
  /** Number of batches that are done in the incomplete epoch. */
  readonly batch: number
  /** Number of optimizer steps since the model was compiled. */
  readonly step: number
}

/**
 * Why a fit ended. `completed`: the last epoch is over; `stopped`: `model.stopTraining` was set before; `earlyStopping` and
 * `terminateOnNaN`: that callback stopped it; `dataEnded`: an iterator or stream ended before the requested epochs or steps were done,
 * which also causes a warning.
 */
export type StopReason = 'completed' | 'stopped' | 'dataEnded' | 'earlyStopping' | 'terminateOnNaN'

/**
 * The model that is trained, as callbacks get it: the members that every kind of model has. {@link Sequential} describes them.
 */
export interface TrainedModel {
  readonly name: string
  readonly layers: readonly Layer[]
  readonly optimizer: Optimizer | undefined
  readonly loss: Loss | readonly (Loss | null)[] | Readonly<Record<string, Loss | null>> | undefined
  readonly position: Position
  /** Set this to true to end the fit after the current batch. */
  stopTraining: boolean
  getLayer(nameOrIndex: string | number): Layer
  getWeights(): Weight[]
  setWeights(values: readonly ArrayInput[]): void
  save(path: string | URL): Promise<unknown>
  saveWeights(path: string | URL): Promise<void>
  restore(path: string | URL): Promise<void>
  loadWeights(path: string | URL): Promise<void>
  /** A model of several outputs gives a list or a record of such arrays. */
  predict(x: ArrayInput): Promise<NdArray<Float32Array>>
  predictSync(x: ArrayInput): NdArray<Float32Array>
  evaluate(x: DataInput, y: DataInput | readonly DataInput[] | Readonly<Record<string, DataInput>>): Promise<Logs>
}

/** The training that a callback is part of. */
export interface TrainingContext {
  readonly model: TrainedModel
  /** The number of the last epoch plus 1, at which training ends. */
  readonly epochs: number
  /** The keys that logs of epochs can have: `loss`, metrics and, if fit validates, `val_…`. */
  readonly keys: readonly string[]
  /** Whether smaller or larger values of a key are better. */
  direction(key: string): 'min' | 'max'
  /** Ends training after the current batch, as `model.stopTraining` does, with this reason in the result. */
  stop(reason: StopReason): void
  /** To be called in `onTrainBegin` after a checkpoint was loaded into the model: training continues from its position. */
  resume(): void
}

/** The state of a callback in a checkpoint. */
export interface CallbackState {
  /** Numbers, texts, booleans, null, and lists and plain objects of them, which a file can hold. */
  readonly values: Readonly<Record<string, unknown>>
  readonly arrays?: readonly Float32Array[] | undefined
}

/** States of callbacks by their names. */
export type CallbackStates = Readonly<Record<string, CallbackState>>
