/** What callbacks know of the training they are part of. */

import type { ArrayInput } from '../arrays/arrays.js'
import type { NdArray } from '../arrays/shapedArray.js'
import type { DataInput } from '../data/rowSource.js'
import type { Layer, Weight } from '../layers/layer.js'
import type { Loss } from './lossOptions.js'
import type { Optimizer } from './optimizers.js'

/** Loss and metrics so far, by key; for epochs also `val_…`. */
export interface Logs extends Readonly<Record<string, number>> {
  readonly loss: number
}

/** The logs of what begins: none. */
export type NoLogs = Readonly<Record<string, number>>

/** How far the training of a model is. */
export interface Position {
  /** Epochs that are over. */
  readonly epoch: number
  /** Batches that are done of the epoch that is not. */
  readonly batch: number
  /** Optimizer steps since the model was compiled. */
  readonly step: number
}

/**
 * Why a fit ended. `completed`: the last epoch is over; `stopped`: `model.stopTraining` was set before; `earlyStopping` and
 * `terminateOnNaN`: that callback stopped it; `dataEnded`: an iterator or stream of batches had no more for the epochs or steps that were asked for, as a warning says.
 */
export type StopReason = 'completed' | 'stopped' | 'dataEnded' | 'earlyStopping' | 'terminateOnNaN'

/**
 * The model that is trained, as callbacks see it: what every kind of model has. Its methods are those of {@link Sequential}, where
 * they are described.
 */
export interface TrainedModel {
  readonly name: string
  readonly layers: readonly Layer[]
  readonly optimizer: Optimizer | undefined
  readonly loss: Loss | undefined
  readonly position: Position
  /** Set to true, ends the fit after the current batch. */
  stopTraining: boolean
  getLayer(nameOrIndex: string | number): Layer
  getWeights(): Weight[]
  setWeights(values: readonly ArrayInput[]): void
  save(path: string | URL): Promise<void>
  saveWeights(path: string | URL): Promise<void>
  restore(path: string | URL): Promise<void>
  loadWeights(path: string | URL): Promise<void>
  predict(x: ArrayInput): Promise<NdArray<Float32Array>>
  predictSync(x: ArrayInput): NdArray<Float32Array>
  evaluate(x: DataInput, y: DataInput): Promise<Logs>
}

/** What a callback knows about the training it is part of. */
export interface TrainingContext {
  readonly model: TrainedModel
  /** Where training ends: the last epoch, plus 1. */
  readonly epochs: number
  /** The keys that logs of epochs can have: `loss`, metrics and, when fit validates, `val_…`. */
  readonly keys: readonly string[]
  /** Whether smaller or larger values of a key are better. */
  direction(key: string): 'min' | 'max'
  /** Ends training after the current batch, as `model.stopTraining` does, with this reason in the result. */
  stop(reason: StopReason): void
  /** In `onTrainBegin`, after a checkpoint was loaded into the model: training goes on from its position. */
  resume(): void
}

/** What a callback remembers in a checkpoint. */
export interface CallbackState {
  /** Numbers, texts, lists and plain objects of them: what a file gives back as it was. */
  readonly values: Readonly<Record<string, unknown>>
  readonly arrays?: readonly Float32Array[] | undefined
}

/** States of callbacks by their names. */
export type CallbackStates = Readonly<Record<string, CallbackState>>
