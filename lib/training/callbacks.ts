/** Callbacks of fit: what may be called when. */

import { NeurodeError } from '../errors.js'
import { describe, refuse, suggest } from '../validate.js'

/** Loss and metrics so far, by key; for epochs also `val_…`. */
export type Logs = Readonly<Record<string, number>>

/**
 * Functions that {@link Sequential.fit} calls. It waits for promises, and rejects with what a callback throws; the
 * weights then are those after the last batch. Callbacks on batches cost a round trip to C++ per batch.
 */
export interface Callback {
  onTrainBegin?(logs: Logs): unknown
  /** `logs` are those of the last epoch. Called also when training was stopped, not when it failed or was aborted. */
  onTrainEnd?(logs: Logs): unknown
  /** `epoch` counts from 0. */
  onEpochBegin?(epoch: number, logs: Logs): unknown
  /** `logs` holds loss, metrics and, where the epoch was validated, `val_…`. */
  onEpochEnd?(epoch: number, logs: Logs): unknown
  /** `batch` counts from 0 in every epoch. */
  onBatchBegin?(batch: number, logs: Logs): unknown
  /** `logs` holds loss and metrics of the epoch so far, as in Keras. */
  onBatchEnd?(batch: number, logs: Logs): unknown
  /** Keras' name of `onBatchBegin`. */
  onTrainBatchBegin?(batch: number, logs: Logs): unknown
  /** Keras' name of `onBatchEnd`. */
  onTrainBatchEnd?(batch: number, logs: Logs): unknown
}

const hooks = [
  'onTrainBegin',
  'onTrainEnd',
  'onEpochBegin',
  'onEpochEnd',
  'onBatchBegin',
  'onBatchEnd',
  'onTrainBatchBegin',
  'onTrainBatchEnd',
] as const satisfies readonly (keyof Callback)[]

type Hook = (typeof hooks)[number]
const batchHooks: readonly Hook[] = ['onBatchBegin', 'onBatchEnd', 'onTrainBatchBegin', 'onTrainBatchEnd']

/** The callbacks of one fit, called in order. */
export class CallbackList {
  readonly #callbacks: readonly Callback[]
  /** Some callback wants to be called for every batch. */
  readonly perBatch: boolean

  constructor(value: Callback | readonly Callback[] | undefined, argument: string) {
    const callbacks: readonly Callback[] = value === undefined ? [] : Array.isArray(value) ? value : [value]
    callbacks.forEach((callback, i) => {
      checkCallback(callback, `${argument}[${i}]`)
    })
    this.#callbacks = callbacks
    this.perBatch = callbacks.some((callback) => batchHooks.some((hook) => callback[hook] !== undefined))
  }

  async trainBegin(): Promise<void> {
    for (const callback of this.#callbacks) await callback.onTrainBegin?.({})
  }

  async trainEnd(logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) await callback.onTrainEnd?.(logs)
  }

  async epochBegin(epoch: number): Promise<void> {
    for (const callback of this.#callbacks) await callback.onEpochBegin?.(epoch, {})
  }

  async epochEnd(epoch: number, logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) await callback.onEpochEnd?.(epoch, logs)
  }

  async batchBegin(batch: number): Promise<void> {
    for (const callback of this.#callbacks) {
      await callback.onBatchBegin?.(batch, {})
      await callback.onTrainBatchBegin?.(batch, {})
    }
  }

  async batchEnd(batch: number, logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) {
      await callback.onBatchEnd?.(batch, logs)
      await callback.onTrainBatchEnd?.(batch, logs)
    }
  }
}

function checkCallback(callback: Callback, argument: string): void {
  if (typeof callback !== 'object' || callback === null)
    refuse(argument, 'an object with functions such as onEpochEnd', callback)
  for (const key in callback) {
    if (!/^on[A-Z]/.test(key)) continue
    if (!hooks.some((hook) => hook === key)) {
      throw new NeurodeError('ERR_UNKNOWN_NAME', `${argument}: no callback is called '${key}'${suggest(key, hooks)}`)
    }
  }
  for (const hook of hooks) {
    const value: unknown = callback[hook]
    if (value === undefined || typeof value === 'function') continue
    throw new NeurodeError('ERR_ARGUMENT', `${argument}.${hook}: expected a function, got ${describe(value)}`)
  }
}
