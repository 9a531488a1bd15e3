/** Logs of epochs as lines of a CSV file. */

import { type FileHandle, open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { formatCsvLine } from '../io/csv.js'
import { fileError } from '../io/files.js'
import type { Callback, Logs, TrainingContext } from '../training/callbacks.js'
import { checkBoolean, checkName, checkOptions } from '../validate.js'

/** Options of {@link callbacks}.csvLogger. */
export interface CsvLoggerOptions {
  /** Between columns; default a comma. */
  readonly separator?: string
  /** Goes on at the end of a file that is there, without a second header; default false: replaces it. */
  readonly append?: boolean
}

/** Writes `epoch` (from 0) and the logs of every epoch, each line as soon as its epoch is over. */
export class CsvLogger implements Callback {
  readonly #path: string
  readonly #separator: string
  readonly #append: boolean
  #keys: readonly string[] = []

  constructor(path: string | URL, given?: CsvLoggerOptions) {
    const argument = 'callbacks.csvLogger'
    const options = checkOptions(given, ['separator', 'append'], argument)
    this.#path = path instanceof URL ? fileURLToPath(path) : checkName(path, `${argument}: path`)
    this.#separator = checkName(options.separator ?? ',', `${argument}: separator`)
    this.#append = checkBoolean(options.append ?? false, `${argument}: append`)
  }

  async onTrainBegin(_logs: Logs, { keys }: TrainingContext): Promise<void> {
    this.#keys = keys
    await this.#write(this.#append ? 'a' : 'w', async (file) => {
      if ((await file.stat()).size === 0) await file.write(formatCsvLine(['epoch', ...keys], this.#separator))
    })
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const cells = [epoch, ...this.#keys.map((key) => logs[key] ?? 'NA')]
    await this.#write('a', async (file) => {
      await file.write(formatCsvLine(cells.map(String), this.#separator))
    })
  }

  async #write(flags: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      await using file = await open(this.#path, flags)
      await work(file)
    } catch (error) {
      throw fileError(error, this.#path, 'written')
    }
  }
}
