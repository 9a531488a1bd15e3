/** Callbacks of fit: what may be called when. */

import { NeurodeError } from '../base/errors.js'
import { checkInteger, describe, normalize, refuse, refuseIdle, shorten, suggest } from '../checks/validate.js'
import { answerFor } from '../foreignNames/answers.js'
import type { CallbackState, CallbackStates, Logs, NoLogs, TrainingContext } from './context.js'

/** A function of a {@link Callback}. As for methods, what it takes may be said more narrowly. */
export type Hook<Args extends readonly unknown[]> = { call(...args: Args): unknown }['call']

/**
 * Functions that {@link Sequential.fit} calls. It waits for promises, and rejects with what a callback throws; the
 * weights then are those after the last batch. Callbacks on batches cost a round trip to C++ per batch.
 */
export interface Callback {
  /** The name its state has in checkpoints. */
  readonly name?: string | undefined
  /** Batch hooks are called for every so many batches of an epoch, a positive integer; default 1. */
  readonly batchInterval?: number | undefined
  /** Called after all callbacks that do not say so, as what saves checkpoints has to be. */
  readonly runsLast?: boolean | undefined
  /**
   * What a checkpoint has to remember, so that training goes on as if it had never stopped. Needs a `name`. Called whenever the
   * model is saved, until the next fit; what it throws, or what no file can hold, is what `save` rejects with.
   */
  readonly getState?: (() => CallbackState) | undefined
  /** Takes back what `getState` gave; called after `onTrainBegin` when training goes on. */
  readonly setState?: ((state: CallbackState) => unknown) | undefined
  /** `(logs: NoLogs, context: TrainingContext)`, before the first epoch. */
  readonly onTrainBegin?: Hook<[logs: NoLogs, context: TrainingContext]> | undefined
  /** `(logs: Partial<Logs>)`: those of the last epoch, if there was one. Called also when training was stopped, not when it failed or was aborted. */
  readonly onTrainEnd?: Hook<[logs: Partial<Logs>]> | undefined
  /**
   * `()`. Called last of all, in whatever way training ended: for what has to be closed. What it throws is lost where training
   * failed before. Once fit is aborted, all callbacks together have a second to close.
   */
  readonly onTrainClose?: Hook<[]> | undefined
  /** `(epoch: number, logs: NoLogs)`; `epoch` counts from 0. Arrays that fit was given count as they were at its call. */
  readonly onEpochBegin?: Hook<[epoch: number, logs: NoLogs]> | undefined
  /** `(epoch: number, logs: Logs)`: loss, metrics and, where the epoch was validated, `val_…`. */
  readonly onEpochEnd?: Hook<[epoch: number, logs: Logs]> | undefined
  /** `(batch: number, logs: NoLogs)`; `batch` counts from 0 in every epoch. */
  readonly onBatchBegin?: Hook<[batch: number, logs: NoLogs]> | undefined
  /** `(batch: number, logs: Logs)`: loss and metrics of the epoch so far, as in Keras. */
  readonly onBatchEnd?: Hook<[batch: number, logs: Logs]> | undefined
  /** `(batch: number, logs: Logs)`, after every range of batches, about ten times a second, at no cost; otherwise as `onBatchEnd`. */
  readonly onRangeEnd?: Hook<[batch: number, logs: Logs]> | undefined
  /** @internal Tries what it will do later, once all callbacks have begun and before the first batch; leaves no trace. */
  readonly tryOut?: (() => unknown) | undefined
  /** Keras' name of `onBatchBegin`. */
  readonly onTrainBatchBegin?: Hook<[batch: number, logs: NoLogs]> | undefined
  /** Keras' name of `onBatchEnd`. */
  readonly onTrainBatchEnd?: Hook<[batch: number, logs: Logs]> | undefined
}

/** Every function of a callback that fit calls. */
export const hooks = [
  'onTrainBegin',
  'onTrainEnd',
  'onTrainClose',
  'onEpochBegin',
  'onEpochEnd',
  'onBatchBegin',
  'onBatchEnd',
  'onRangeEnd',
  'onTrainBatchBegin',
  'onTrainBatchEnd',
] as const satisfies readonly (keyof Callback)[]

type HookName = (typeof hooks)[number]
const batchHooks: readonly HookName[] = ['onBatchBegin', 'onBatchEnd', 'onTrainBatchBegin', 'onTrainBatchEnd']

/** The fit that a callback object was in last: what the object remembers is of that training. */
const lastUsers = new WeakMap<Callback, CallbackList>()
const inUse = new WeakSet<Callback>()

/** The callbacks of one fit, called in order. */
export class CallbackList {
  readonly #argument: string
  readonly #callbacks: readonly Callback[]
  /** By name; several of one name are numbered. */
  readonly #named: ReadonlyMap<string, Callback>
  readonly #batchIntervals: readonly number[]
  readonly isEmpty: boolean
  /** Some callback wants to be called for batches. */
  readonly perBatch: boolean
  /** Some callback wants to be called for ranges. */
  readonly perRange: boolean

  constructor(value: Callback | readonly Callback[] | undefined, argument: string) {
    const callbacks: readonly Callback[] = value === undefined ? [] : Array.isArray(value) ? value : [value]
    callbacks.forEach((callback, i) => {
      checkCallback(callback, `${argument}[${i}]`)
    })
    this.#argument = argument
    this.#callbacks = callbacks.toSorted((a, b) => Number(a.runsLast ?? false) - Number(b.runsLast ?? false))
    this.isEmpty = callbacks.length === 0
    this.#named = nameCallbacks(this.#callbacks)
    this.#batchIntervals = callbacks.filter(hasBatchHook).map(({ batchInterval }) => batchInterval ?? 1)
    this.perBatch = this.#batchIntervals.length > 0
    this.perRange = callbacks.some(({ onRangeEnd }) => typeof onRangeEnd === 'function')
  }

  /** Takes the objects for this fit; throws `ERR_MODEL_BUSY` where one is in use. Gives what lets them go. */
  claim(): () => void {
    const claimed: Callback[] = []
    const release = () => {
      for (const callback of claimed) inUse.delete(callback)
    }
    for (const callback of this.#callbacks) {
      if (inUse.has(callback)) {
        release()
        const name = callback.name ?? callback.constructor?.name ?? 'callback'
        const text = `${this.#argument}: the object '${name}' is in use, by another fit or twice: make one for each use`
        throw new NeurodeError('ERR_MODEL_BUSY', text)
      }
      inUse.add(callback)
      claimed.push(callback)
    }
    for (const callback of claimed) lastUsers.set(callback, this)
    return release
  }

  /** Batches after `batch` ones that may run until a batch hook is due. */
  batchesUntilCall(batch: number): number {
    return Math.min(...this.#batchIntervals.map((interval) => interval - (batch % interval)))
  }

  async trainBegin(context: TrainingContext): Promise<void> {
    for (const callback of this.#callbacks) await callback.onTrainBegin?.({}, context)
  }

  async tryOut(): Promise<void> {
    for (const callback of this.#callbacks) await callback.tryOut?.()
  }

  async trainEnd(logs: Partial<Logs>): Promise<void> {
    for (const callback of this.#callbacks) await callback.onTrainEnd?.(logs)
  }

  /** Closes all, then throws what the first of them threw. */
  async trainClose(): Promise<void> {
    const failures: unknown[] = []
    for (const callback of this.#callbacks) {
      try {
        await callback.onTrainClose?.()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  async epochBegin(epoch: number): Promise<void> {
    for (const callback of this.#callbacks) await callback.onEpochBegin?.(epoch, {})
  }

  async epochEnd(epoch: number, logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) await callback.onEpochEnd?.(epoch, logs)
  }

  async batchBegin(batch: number): Promise<void> {
    for (const callback of this.#callbacks) {
      if (batch % (callback.batchInterval ?? 1) !== 0) continue
      await callback.onBatchBegin?.(batch, {})
      await callback.onTrainBatchBegin?.(batch, {})
    }
  }

  /** `batches`: how many of the epoch are done. */
  async batchEnd(batches: number, logs: Logs, epochEnds: boolean): Promise<void> {
    for (const callback of this.#callbacks) {
      if (!epochEnds && batches % (callback.batchInterval ?? 1) !== 0) continue
      await callback.onBatchEnd?.(batches - 1, logs)
      await callback.onTrainBatchEnd?.(batches - 1, logs)
    }
  }

  async rangeEnd(batch: number, logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) await callback.onRangeEnd?.(batch, logs)
  }

  /** What the callbacks want checkpoints to remember. */
  states(): CallbackStates {
    const states = new Map<string, CallbackState>()
    for (const [name, callback] of this.#named) {
      if (lastUsers.get(callback) !== this) continue
      const state = readState(callback, name)
      if (state !== undefined) states.set(name, state)
    }
    return Object.fromEntries(states)
  }

  /** Gives the callbacks back what a checkpoint remembers of them. */
  async restore(states: CallbackStates): Promise<void> {
    for (const [name, callback] of this.#named) {
      if (Object.hasOwn(states, name)) await callback.setState?.(states[name] as CallbackState)
    }
  }
}

function readState(callback: Callback, name: string): CallbackState | undefined {
  const argument = `callback '${name}': getState`
  let state: unknown
  try {
    state = callback.getState?.()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : describe(cause)
    throw new NeurodeError('ERR_ARGUMENT', `${argument}: it threw: ${reason}`, { cause })
  }
  if (state === undefined) return undefined
  const isState = typeof state === 'object' && state !== null && 'values' in state
  return isState ? (state as CallbackState) : refuse(argument, 'an object with values', state)
}

function nameCallbacks(callbacks: readonly Callback[]): Map<string, Callback> {
  const named = new Map<string, Callback>()
  for (const callback of callbacks) {
    if (typeof callback.name !== 'string') continue
    let name = callback.name
    for (let count = 1; named.has(name); count++) name = `${callback.name}_${count}`
    named.set(name, callback)
  }
  return named
}

function hasBatchHook(callback: Callback): boolean {
  return batchHooks.some((hook) => typeof callback[hook] === 'function')
}

/** What may be meant as a hook: functions of an object and of its classes, and whatever is named like one. */
function hookNames(object: object): Set<string> {
  const names = new Set<string>()
  for (let at = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (/^on[A-Z]/.test(name) || (typeof value === 'function' && name !== 'constructor')) names.add(name)
    }
  }
  return names
}

/** `on_epoch_end`, `epochEnd` and `onEpochEnded` for `onEpochEnd`. */
function isOtherSpelling(name: string, hook: HookName): boolean {
  const [given, wanted] = [name, hook].map((each) => normalize(each).replace(/^on/, '').replace(/ed$/, ''))
  return given === wanted
}

function checkCallback(callback: Callback, argument: string): void {
  if (typeof callback !== 'object' || callback === null)
    refuse(argument, 'an object with functions such as onEpochEnd', callback)
  for (const key of hookNames(callback)) {
    const hook = hooks.find((each) => isOtherSpelling(key, each))
    if (hook === undefined && !/^on[A-Z]/.test(key)) continue
    if (hooks.some((each) => each === key)) continue
    const answer = answerFor('hooks', normalize(key))
    const advice = answer === undefined ? suggest(hook ?? key, hooks) : `; ${answer}`
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${argument}: no callback is called '${shorten(key)}'${advice}`)
  }
  if (hooks.every((hook) => !callback[hook]) && !callback.getState && !callback.setState) {
    // A copy of an object with methods, such as { ...callback }, has lost them.
    throw new NeurodeError(
      'ERR_ARGUMENT',
      `${argument}: expected an object with functions such as onEpochEnd, got none`,
    )
  }
  if (callback.batchInterval !== undefined && callback.batchInterval !== null) {
    checkInteger(callback.batchInterval, `${argument}.batchInterval`)
    if (!hasBatchHook(callback))
      refuseIdle(callback, ['batchInterval'], argument, 'without a hook for batches, such as onBatchEnd')
  }
  for (const hook of hooks) {
    const value: unknown = callback[hook]
    if (value === undefined || value === null || typeof value === 'function') continue
    throw new NeurodeError('ERR_ARGUMENT', `${argument}.${hook}: expected a function, got ${describe(value)}`)
  }
}
