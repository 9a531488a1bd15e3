/** Callbacks that set the learning rate between epochs. */

import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkNumber, checkOptions, refuse } from '../checks/validate.js'
import type { Callback } from '../training/callbacks.js'
import type { CallbackState, Logs, TrainingContext } from '../training/context.js'
import { learningRateAt, type Optimizer } from '../training/optimizers.js'
import { Monitor, type MonitorOptions } from './monitor.js'

/** Options of {@link callbacks}.reduceLROnPlateau. */
export interface ReduceLROnPlateauOptions extends MonitorOptions {
  /** The learning rate is multiplied by this number, at least 0 and below 1; default 0.1. */
  readonly factor?: number | undefined
  /** Number of epochs without improvement after which the learning rate is reduced; default 10. */
  readonly patience?: number | undefined
  /** The smallest change that counts as an improvement, at least 0; default 0.0001. */
  readonly minDelta?: number | undefined
  /** Number of epochs after a reduction that do not count towards `patience`; default 0. */
  readonly cooldown?: number | undefined
  /** The learning rate is never reduced below this; default 0. */
  readonly minLearningRate?: number | undefined
}

const optionNames = ['monitor', 'mode', 'factor', 'patience', 'minDelta', 'cooldown', 'minLearningRate']

/** Multiplies the learning rate by `factor` when a value has not improved for `patience` epochs, as in Keras. */
export class ReduceLROnPlateau implements Callback {
  readonly name = 'reduceLROnPlateau'
  readonly #monitor: Monitor
  readonly #factor: number
  readonly #patience: number
  readonly #cooldown: number
  readonly #least: number
  #optimizer: Optimizer | undefined
  #best: number | undefined
  #wait = 0
  #cooling = 0

  constructor(given?: ReduceLROnPlateauOptions) {
    const argument = 'callbacks.reduceLROnPlateau'
    const options = checkOptions(given, optionNames, argument)
    this.#monitor = new Monitor(options, options.minDelta ?? 1e-4, argument)
    this.#factor = checkNumber(options.factor ?? 0.1, `${argument}: factor`, 0, 1)
    if (this.#factor === 1) refuse(`${argument}: factor`, 'a number of at least 0 and below 1', this.#factor)
    this.#patience = checkInteger(options.patience ?? 10, `${argument}: patience`, 0)
    this.#cooldown = checkInteger(options.cooldown ?? 0, `${argument}: cooldown`, 0)
    this.#least = checkNumber(options.minLearningRate ?? 0, `${argument}: minLearningRate`, 0)
  }

  onTrainBegin(_logs: Logs, context: TrainingContext): void {
    this.#monitor.begin(context)
    this.#optimizer = context.model.optimizer as Optimizer
    plainRate(this.#optimizer, 'callbacks.reduceLROnPlateau')
    this.#best = undefined
    this.#wait = this.#cooling = 0
  }

  onEpochEnd(_epoch: number, logs: Logs): void {
    const value = this.#monitor.value(logs)
    if (value === undefined) return
    if (this.#cooling > 0) {
      this.#cooling--
      this.#wait = 0
    }
    if (this.#monitor.better(value, this.#best)) {
      this.#best = value
      this.#wait = 0
      return
    }
    if (this.#cooling > 0 || ++this.#wait < this.#patience) return
    const optimizer = this.#optimizer as Optimizer
    const rate = plainRate(optimizer, 'callbacks.reduceLROnPlateau')
    if (rate <= this.#least) return
    optimizer.learningRate = Math.max(rate * this.#factor, this.#least)
    this.#cooling = this.#cooldown
    this.#wait = 0
  }

  getState(): CallbackState {
    return { values: { best: this.#best, wait: this.#wait, cooling: this.#cooling } }
  }

  setState({ values }: CallbackState): void {
    this.#best = values.best as number | undefined
    this.#wait = values.wait as number
    this.#cooling = values.cooling as number
  }
}

/** A function from an epoch, counted from 0, and the learning rate before it to the learning rate of the epoch. */
export type EpochSchedule = (epoch: number, rate: number) => number

/** Sets the learning rate before every epoch. */
export class LearningRateScheduler implements Callback {
  readonly name = 'learningRateScheduler'
  readonly #schedule: EpochSchedule
  #context: TrainingContext | undefined

  constructor(schedule: EpochSchedule) {
    if (typeof schedule !== 'function') {
      refuse('callbacks.learningRateScheduler: schedule', 'a function of the epoch and the rate', schedule)
    }
    this.#schedule = schedule
  }

  onTrainBegin(_logs: Logs, context: TrainingContext): void {
    this.#context = context
  }

  onEpochBegin(epoch: number): void {
    const { model } = this.#context as TrainingContext
    const optimizer = model.optimizer as Optimizer
    const rate = this.#schedule(epoch, learningRateAt(optimizer.learningRate, model.position.step))
    optimizer.learningRate = checkNumber(rate, `callbacks.learningRateScheduler: schedule(${epoch})`, 0)
  }
}

function plainRate({ learningRate }: Optimizer, argument: string): number {
  if (typeof learningRate === 'number') return learningRate
  const text = `${argument}: expected an optimizer whose learningRate is a number, got a schedule`
  throw new NeurodeError('ERR_ARGUMENT', text)
}
