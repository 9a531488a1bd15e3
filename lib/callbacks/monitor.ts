/** Monitors one key of the logs and tells whether its value improved. */

import { NeurodeError } from '../base/errors.js'
import { checkDouble, checkName, lookUp, nameTable, suggest } from '../checks/validate.js'
import type { Logs, TrainingContext } from '../training/context.js'

/** Whether smaller or larger values are better. `auto`: larger ones for accuracies and similar metrics, smaller ones otherwise. */
export type MonitorMode = 'auto' | 'min' | 'max'

/** Options of callbacks that monitor a key of the logs. */
export interface MonitorOptions {
  /** A key of the logs; default `val_loss`. */
  readonly monitor?: string | undefined
  /** Whether smaller or larger values are better; default `auto`. */
  readonly mode?: MonitorMode | undefined
}

const modes = nameTable(['auto', 'min', 'max'], () => [])

export class Monitor {
  readonly key: string
  readonly #argument: string
  readonly #mode: MonitorMode
  readonly #minDelta: number
  #sign = 1

  constructor({ monitor, mode }: MonitorOptions, minDelta: number, argument: string) {
    this.#argument = argument
    this.key = checkName(monitor ?? 'val_loss', `${argument}: monitor`)
    this.#mode = lookUp(modes, mode ?? 'auto', `${argument}: mode`)
    this.#minDelta = Math.abs(checkDouble(minDelta, `${argument}: minDelta`))
  }

  /** Throws `ERR_UNKNOWN_NAME` when the logs will never have the key. */
  begin({ keys, direction }: TrainingContext): void {
    if (!keys.includes(this.key)) {
      const text = `${this.#argument}: monitor: the logs of this fit have no key '${this.key}'`
      throw new NeurodeError('ERR_UNKNOWN_NAME', text + suggest(this.key, keys))
    }
    this.#sign = (this.#mode === 'auto' ? direction(this.key) : this.#mode) === 'max' ? -1 : 1
  }

  /** The value of an epoch; undefined for a validation key after an epoch without validation. */
  value(logs: Logs): number | undefined {
    return logs[this.key]
  }

  /** Whether `value` is better than `than` by more than `minDelta`. NaN is never better. */
  better(value: number, than: number | undefined): boolean {
    if (than === undefined) return !Number.isNaN(value)
    return this.#sign * value + this.#minDelta < this.#sign * than
  }
}
