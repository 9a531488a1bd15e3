/** `--backup FOLDER`: a training that goes on where it was stopped, and tells its scheduler to start it again. */

import { NeurodeError } from '../base/errors.js'
import { BackupAndRestore } from '../callbacks/checkpoints.js'
import { severalRanks } from '../distribution/join.js'
import type { Callback } from '../training/callbacks.js'
import { type Interrupt, onInterrupt } from './interrupt.js'

/** The exit code of a training that goes on when it is started again: EX_TEMPFAIL of sysexits.h. */
export const startAgain = 75

/** A training that signals stop, and that may have backups. */
export class Stoppable {
  readonly #interrupt: Interrupt
  readonly #folder: string | undefined
  readonly #backup: BackupAndRestore | undefined
  /** For the option `callbacks` of fit. */
  readonly callbacks: readonly Callback[]

  /**
   * Without a folder there are no backups, and SIGTERM ends the process. `options` are those on which the weights depend: a backup of
   * a training with others is refused with `ERR_CHECKPOINT_MISMATCH`.
   */
  constructor(folder: string | undefined, options: Readonly<Record<string, unknown>>) {
    this.#folder = folder
    this.#backup = folder === undefined ? undefined : new BackupAndRestore(folder)
    this.#interrupt = folder === undefined ? onInterrupt() : onInterrupt('SIGTERM')
    this.callbacks = folder === undefined ? [] : [sameOptions(folder, options), this.#backup as BackupAndRestore]
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#interrupt.signal
  }

  /**
   * Saves a backup where a signal stopped fit. Returns whether the command is to end with {@link startAgain}, which it then has told:
   * after SIGTERM, but not after Ctrl-C.
   */
  async endsForNow(): Promise<boolean> {
    if (this.signal.aborted) await this.#backup?.saveWithinEpoch()
    // No process exits before the first one has saved, as launchers end the others then.
    const all = await severalRanks()?.compare('stopped', this.#interrupt.by ?? null)
    if (!(all ?? [this.#interrupt.by]).includes('SIGTERM')) return false
    if ((severalRanks()?.cluster.rank ?? 0) === 0)
      process.stderr.write(`neurode: stopped by SIGTERM; the same command goes on from ${this.#folder}\n`)
    return true
  }

  [Symbol.dispose](): void {
    this.#interrupt[Symbol.dispose]()
  }
}

/** Keeps options in backups, and compares them where a training goes on. */
function sameOptions(folder: string, options: Readonly<Record<string, unknown>>): Callback {
  const own = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, textOf(value)]))
  return {
    name: 'options',
    getState: () => ({ values: own }),
    setState: ({ values }) => {
      const name = Object.keys(own).find((name) => own[name] !== values[name])
      if (name === undefined) return
      const change = `--${name} was ${values[name]}, but is ${own[name]} now`
      const remedy = 'name another folder, or remove it'
      throw new NeurodeError(
        'ERR_CHECKPOINT_MISMATCH',
        `${folder}: the backup is of another training: ${change}; ${remedy}`,
      )
    },
  }
}

function textOf(value: unknown): string {
  return value === undefined ? 'not given' : String(value)
}
