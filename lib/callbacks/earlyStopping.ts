/** The callback that stops training early and can restore the best weights. */

import { checkBoolean, checkDouble, checkInteger, checkOptions } from '../checks/validate.js'
import type { Callback } from '../training/callbacks.js'
import type { CallbackState, Logs, TrainingContext } from '../training/context.js'
import { Monitor, type MonitorOptions } from './monitor.js'

/** Options of {@link callbacks}.earlyStopping. */
export interface EarlyStoppingOptions extends MonitorOptions {
  /** The smallest change that counts as an improvement, at least 0; default 0. */
  readonly minDelta?: number | undefined
  /** Number of epochs without improvement after which training ends; default 0. */
  readonly patience?: number | undefined
  /** Only an improvement over this value starts the count of `patience` anew; default none. */
  readonly baseline?: number | undefined
  /** Whether the weights of the best epoch are restored at the end; default false. */
  readonly restoreBestWeights?: boolean | undefined
  /** The first epoch to monitor, counted from 0; default 0. */
  readonly startFromEpoch?: number | undefined
}

const argument = 'callbacks.earlyStopping'
const optionNames = ['monitor', 'mode', 'minDelta', 'patience', 'baseline', 'restoreBestWeights', 'startFromEpoch']

/**
 * Ends training, with `stopReason` `'earlyStopping'`, when a value has not improved for `patience` epochs. As in Keras, training
 * never ends after the first epoch.
 */
export class EarlyStopping implements Callback {
  readonly name = 'earlyStopping'
  readonly #monitor: Monitor
  readonly #patience: number
  readonly #baseline: number | undefined
  readonly #restore: boolean
  readonly #startFromEpoch: number
  #context: TrainingContext | undefined
  #wait = 0
  #best: number | undefined
  #bestEpoch: number | undefined
  #stoppedEpoch: number | undefined
  #weights: readonly Float32Array[] | undefined

  constructor(given?: EarlyStoppingOptions) {
    const options = checkOptions(given, optionNames, argument)
    this.#monitor = new Monitor(options, options.minDelta ?? 0, argument)
    this.#patience = checkInteger(options.patience ?? 0, `${argument}: patience`, 0)
    this.#baseline = options.baseline === undefined ? undefined : checkDouble(options.baseline, `${argument}: baseline`)
    this.#restore = checkBoolean(options.restoreBestWeights ?? false, `${argument}: restoreBestWeights`)
    this.#startFromEpoch = checkInteger(options.startFromEpoch ?? 0, `${argument}: startFromEpoch`, 0)
  }

  /** The best value so far; undefined before the first. */
  get best(): number | undefined {
    return this.#best
  }

  /** The epoch of the best value, counted from 0. */
  get bestEpoch(): number | undefined {
    return this.#bestEpoch
  }

  /** The epoch after which this callback ended training, counted from 0; undefined if it did not. */
  get stoppedEpoch(): number | undefined {
    return this.#stoppedEpoch
  }

  onTrainBegin(_logs: Logs, context: TrainingContext): void {
    this.#monitor.begin(context)
    this.#context = context
    this.#wait = 0
    this.#best = this.#bestEpoch = this.#stoppedEpoch = this.#weights = undefined
  }

  onEpochEnd(epoch: number, logs: Logs): void {
    const value = this.#monitor.value(logs)
    if (value === undefined || epoch < this.#startFromEpoch) return
    if (this.#restore && this.#weights === undefined) this.#keepWeights(epoch)
    this.#wait++
    if (this.#monitor.better(value, this.#best)) {
      this.#best = value
      this.#keepWeights(epoch)
      if (this.#baseline === undefined || this.#monitor.better(value, this.#baseline)) this.#wait = 0
      return
    }
    if (this.#wait < this.#patience || epoch === 0) return
    this.#stoppedEpoch = epoch
    this.#context?.stop('earlyStopping')
  }

  onTrainEnd(): void {
    if (this.#weights !== undefined) this.#context?.model.setWeights(this.#weights)
  }

  getState(): CallbackState {
    const values = { wait: this.#wait, best: this.#best, bestEpoch: this.#bestEpoch }
    return { values, ...(this.#weights === undefined ? {} : { arrays: this.#weights }) }
  }

  setState({ values, arrays }: CallbackState): void {
    this.#wait = values.wait as number
    this.#best = values.best as number | undefined
    this.#bestEpoch = values.bestEpoch as number | undefined
    this.#weights = this.#restore ? arrays : undefined
  }

  #keepWeights(epoch: number): void {
    this.#bestEpoch = epoch
    if (this.#restore) this.#weights = this.#context?.model.getWeights().map(({ data }) => data)
  }
}
