/** Callbacks of fit: their interface, and the list of callbacks that a fit calls. */

import { NeurodeError } from '../base/errors.js'
import { checkInteger, describe, normalize, refuse, refuseIdle, shorten, suggest } from '../checks/validate.js'
import { answerFor } from '../foreignNames/answers.js'
import type { CallbackState, CallbackStates, Logs, NoLogs, TrainingContext } from './context.js'

/** The type of a function of a {@link Callback}. As with methods, an implementation may declare narrower parameter types. */
export type Hook<Args extends readonly unknown[]> = { call(...args: Args): unknown }['call']

/**
 * Functions that {@link Sequential.fit} calls. It awaits promises that they return, and rejects with the errors that they throw; the
 * weights are then those after the last batch. Functions that are called for every batch make fit slower.
 */
export interface Callback {
  /** Name of the callback's state in checkpoints. */
  readonly name?: string | undefined
  /** The functions for batches are called once for this number of batches of an epoch, a positive integer; default 1. */
  readonly batchInterval?: number | undefined
  /** Whether this callback is called after all others, which a callback that saves checkpoints needs; default false. */
  readonly runsLast?: boolean | undefined
  /** @internal Whether it writes files or serves pages: of several ranks the first alone calls it. */
  readonly firstRankOnly?: boolean | undefined
  /**
   * Returns the state that a checkpoint must contain so that training can continue as if it had never stopped. Needs a `name`. It is
   * called whenever the model is saved, until the next fit. If it throws, or returns data that a file cannot hold, `save` rejects.
   */
  readonly getState?: (() => CallbackState) | undefined
  /** Restores a state that `getState` returned; called after `onTrainBegin` when an interrupted training continues. */
  readonly setState?: ((state: CallbackState) => unknown) | undefined
  /** `(logs: NoLogs, context: TrainingContext)`; called before the first epoch. */
  readonly onTrainBegin?: Hook<[logs: NoLogs, context: TrainingContext]> | undefined
  /**
   * `(logs: Partial<Logs>)`, with the logs of the last epoch, if there was one. It is called also when training was stopped early, but
   * not when it failed or was aborted.
   */
  readonly onTrainEnd?: Hook<[logs: Partial<Logs>]> | undefined
  /**
   * `()`; called last, however training ended, to close resources. Its errors are ignored if training has failed before. After an
   * abort, all callbacks together have one second to close.
   */
  readonly onTrainClose?: Hook<[]> | undefined
  /** `(epoch: number, logs: NoLogs)`; `epoch` counts from 0. Changing the arrays that fit got has no effect, as they were copied. */
  readonly onEpochBegin?: Hook<[epoch: number, logs: NoLogs]> | undefined
  /** `(epoch: number, logs: Logs)`, with loss, metrics and, if the epoch was validated, `val_…`. */
  readonly onEpochEnd?: Hook<[epoch: number, logs: Logs]> | undefined
  /** `(batch: number, logs: NoLogs)`; `batch` counts from 0 in every epoch. */
  readonly onBatchBegin?: Hook<[batch: number, logs: NoLogs]> | undefined
  /** `(batch: number, logs: Logs)`, with loss and metrics of the epoch so far, as in Keras. */
  readonly onBatchEnd?: Hook<[batch: number, logs: Logs]> | undefined
  /** Like `onBatchEnd`, but called only about ten times a second, after a range of batches, so that it does not make fit slower. */
  readonly onRangeEnd?: Hook<[batch: number, logs: Logs]> | undefined
  /** @internal Checks that its later work, such as writing a file, is possible. Called before the first batch; must change nothing. */
  readonly tryOut?: (() => unknown) | undefined
  /** Keras' name of `onBatchBegin`. */
  readonly onTrainBatchBegin?: Hook<[batch: number, logs: NoLogs]> | undefined
  /** Keras' name of `onBatchEnd`. */
  readonly onTrainBatchEnd?: Hook<[batch: number, logs: Logs]> | undefined
}

/** Names of all functions of a callback that fit calls. */
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
const batchBegins: readonly HookName[] = ['onBatchBegin', 'onTrainBatchBegin']
const batchEnds: readonly HookName[] = ['onBatchEnd', 'onTrainBatchEnd']

/** The last fit of each callback object, whose training the object's state belongs to. */
const lastUsers = new WeakMap<Callback, CallbackList>()
const inUse = new WeakSet<Callback>()

/** The callbacks of one fit, called in order. */
export class CallbackList {
  readonly #argument: string
  readonly #callbacks: readonly Callback[]
  /** The callbacks by name; several callbacks of one name get numbers. */
  readonly #named: ReadonlyMap<string, Callback>
  readonly #batchIntervals: readonly number[]
  readonly isEmpty: boolean
  /** Whether any callback has a function for batches that begin, or that have ended. */
  readonly beginsBatches: boolean
  readonly endsBatches: boolean
  /** Whether any callback has a function for ranges of batches. */
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
    const someHave = (names: readonly HookName[]) => callbacks.some((callback) => hasHook(callback, names))
    this.beginsBatches = someHave(batchBegins)
    this.endsBatches = someHave(batchEnds)
    this.perRange = callbacks.some(({ onRangeEnd }) => typeof onRangeEnd === 'function')
  }

  /** The callbacks that ranks other than the first call. */
  onOtherRanks(): CallbackList {
    return new CallbackList(
      this.#callbacks.filter(({ firstRankOnly }) => !firstRankOnly),
      this.#argument,
    )
  }

  /** Claims the objects for this fit and returns a function that releases them. Throws `ERR_MODEL_BUSY` if one is in use. */
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

  /** Number of batches that may run after `batch` batches until a function for batches must be called. */
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

  /** Closes all callbacks, then throws the first error, if any. */
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
      if (callback.onBatchBegin) await callback.onBatchBegin(batch, {})
      if (callback.onTrainBatchBegin) await callback.onTrainBatchBegin(batch, {})
    }
  }

  /** `batches` is the number of batches of the epoch that are done. */
  async batchEnd(batches: number, logs: Logs, epochEnds: boolean): Promise<void> {
    for (const callback of this.#callbacks) {
      if (!epochEnds && batches % (callback.batchInterval ?? 1) !== 0) continue
      if (callback.onBatchEnd) await callback.onBatchEnd(batches - 1, logs)
      if (callback.onTrainBatchEnd) await callback.onTrainBatchEnd(batches - 1, logs)
    }
  }

  async rangeEnd(batch: number, logs: Logs): Promise<void> {
    for (const callback of this.#callbacks) await callback.onRangeEnd?.(batch, logs)
  }

  /** The states of the callbacks, for checkpoints. */
  states(): CallbackStates {
    const states = new Map<string, CallbackState>()
    for (const [name, callback] of this.#named) {
      if (lastUsers.get(callback) !== this) continue
      const state = readState(callback, name)
      if (state !== undefined) states.set(name, state)
    }
    return Object.fromEntries(states)
  }

  /** Restores the states of the callbacks from a checkpoint. */
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

function hasHook(callback: Callback, names: readonly HookName[]): boolean {
  return names.some((hook) => typeof callback[hook] === 'function')
}

function hasBatchHook(callback: Callback): boolean {
  return hasHook(callback, batchBegins) || hasHook(callback, batchEnds)
}

/** Names of members that may be meant as functions of a callback: all functions, own or inherited, and all `on…` members. */
function hookNames(object: object): Set<string> {
  const names = new Set<string>()
  for (let at = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (/^on[A-Z]/.test(name) || (typeof value === 'function' && name !== 'constructor')) names.add(name)
    }
  }
  return names
}

/** Whether a name is a different spelling of a function: `on_epoch_end`, `epochEnd` or `onEpochEnded` for `onEpochEnd`. */
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
    // A copy such as { ...callback } lacks the methods of the object's class.
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
