/** The callback that writes the logs of each epoch to a CSV file. */

import { constants, open, stat } from 'node:fs/promises'
import { checkBoolean, checkName, checkOptions } from '../checks/validate.js'
import { checkWritable, fileError, makeFolderOf, toPath, writeAtomically } from '../files/files.js'
import { formatCsvLine } from '../formats/csv.js'
import type { Callback } from '../training/callbacks.js'
import type { Logs, TrainingContext } from '../training/context.js'

/** Options of {@link callbacks}.csvLogger. */
export interface CsvLoggerOptions {
  /** The text between columns; default a comma. */
  readonly separator?: string | undefined
  /** Whether lines are appended to an existing file, without a second header; default false: the file is replaced. */
  readonly append?: boolean | undefined
}

/**
 * Writes `epoch` (from 0) and the logs of every epoch, one complete line as soon as the epoch is over. Missing folders are created.
 * Whether the file can be written is checked before the first batch.
 */
export class CsvLogger implements Callback {
  /** @internal */
  readonly firstRankOnly = true
  readonly #path: string
  readonly #separator: string
  readonly #append: boolean
  #keys: readonly string[] = []
  #begun = false

  constructor(path: string | URL, given?: CsvLoggerOptions) {
    const argument = 'callbacks.csvLogger'
    const options = checkOptions(given, ['separator', 'append'], argument)
    this.#path = toPath(path, `${argument}: path`)
    this.#separator = checkName(options.separator ?? ',', `${argument}: separator`)
    this.#append = checkBoolean(options.append ?? false, `${argument}: append`)
  }

  onTrainBegin(_logs: Logs, { keys }: TrainingContext): void {
    this.#keys = keys
    this.#begun = false
  }

  async tryOut(): Promise<void> {
    await checkWritable(this.#path)
  }

  async onEpochBegin(): Promise<void> {
    await this.#begin()
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    await this.#begin()
    const cells = [epoch, ...this.#keys.map((key) => logs[key] ?? 'NA')]
    await this.#appendLine(formatCsvLine(cells.map(String), this.#separator))
  }

  async #begin(): Promise<void> {
    if (this.#begun) return
    const there = await stat(this.#path).catch(() => undefined)
    if (!this.#append || there === undefined || there.size === 0) {
      await makeFolderOf(this.#path)
      await writeAtomically(this.#path, [Buffer.from(formatCsvLine(['epoch', ...this.#keys], this.#separator))])
    }
    this.#begun = true
  }

  async #appendLine(text: string): Promise<void> {
    try {
      await using file = await open(this.#path, constants.O_RDWR | constants.O_CREAT)
      const { size } = await file.stat()
      const last = Buffer.alloc(1)
      if (size > 0) await file.read(last, 0, 1, size - 1)
      const line = Buffer.from(size > 0 && last[0] !== 10 ? `\n${text}` : text)
      try {
        let written = 0
        while (written < line.length) {
          written += (await file.write(line, written, line.length - written, size + written)).bytesWritten
        }
      } catch (error) {
        await file.truncate(size)
        throw error
      }
    } catch (error) {
      throw fileError(error, this.#path, 'written')
    }
  }
}
