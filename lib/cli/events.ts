/** Events of a training: JSON Lines on stdout for `--json`, and numbers for tuners in the file of `--metrics-file`. */

import { writeFileSync } from 'node:fs'
import { fileError } from '../files/files.js'
import type { Progress } from '../fit/progress.js'
import { round, writeJson } from './output.js'

/** An event of `--json`. */
export interface TrainingEvent {
  readonly event: 'columns' | 'epoch' | 'done'
  readonly [name: string]: unknown
}

/** Where the events of a training go. */
export class TrainingEvents {
  readonly #json: boolean
  readonly #metricsFile: string | undefined
  #hasWritten = false

  constructor({ json, metricsFile }: { readonly json: boolean; readonly metricsFile: string | undefined }) {
    this.#json = json
    this.#metricsFile = metricsFile
  }

  /** Throws `ERR_FILE_WRITE` where the file of metrics cannot be written. */
  emit(event: TrainingEvent): void {
    if (this.#json) writeJson(event)
    if (this.#metricsFile === undefined || event.event === 'columns') return
    // A training that goes on from a backup adds to the lines that are there.
    const isNew = !this.#hasWritten && event.epoch === 1
    try {
      // Whoever follows the file must find whole lines.
      writeFileSync(this.#metricsFile, metricsLine(event), { flag: isNew ? 'w' : 'a' })
    } catch (error) {
      throw fileError(error, this.#metricsFile, 'written')
    }
    this.#hasWritten = true
  }
}

/**
 * A line as Katib's collector of files in the format JSON reads it: `timestamp` in RFC 3339, and values as strings, since it skips
 * numbers. Values that are not finite are left out: Katib would take NaN for the best value of a trial.
 */
function metricsLine(event: TrainingEvent): string {
  const numbers = Object.entries(event).filter(([, value]) => Number.isFinite(value))
  const values = Object.fromEntries(numbers.map(([name, value]) => [name, String(value)]))
  return `${JSON.stringify({ timestamp: new Date().toISOString(), ...values })}\n`
}

/** The event of an epoch. */
export function epochEvent({ epoch, seconds, logs }: Progress): TrainingEvent {
  const { loss, accuracy, val_loss: valLoss, val_accuracy: valAccuracy } = logs
  return { event: 'epoch', epoch: epoch + 1, loss, accuracy, valLoss, valAccuracy, seconds: round(seconds) }
}
