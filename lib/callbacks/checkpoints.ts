/** Callbacks that save the model while it trains. */

import { readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { NeurodeError } from '../base/errors.js'
import { checkBoolean, checkDouble, checkInteger, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { coreOf } from '../core/cores.js'
import { checkWritable, fileError, makeFolderOf, toPath } from '../files/files.js'
import { type IntactFile, readIntactFile } from '../persistence/intactFile.js'
import { checkSameTraining, checkSavable, describedFile, restoreFile } from '../persistence/modelFile.js'
import type { Callback } from '../training/callbacks.js'
import type { CallbackState, Logs, TrainingContext } from '../training/context.js'
import { checkFrequency, type SaveFrequency, setHook } from './frequency.js'
import { Monitor, type MonitorOptions } from './monitor.js'

/** Options of {@link callbacks}.modelCheckpoint. */
export interface ModelCheckpointOptions extends MonitorOptions {
  /** Saves only if the monitored value improved; default false. */
  readonly saveBestOnly?: boolean | undefined
  /** Saves weights alone, as `model.saveWeights` does; default false. */
  readonly saveWeightsOnly?: boolean | undefined
  /** When to save; default `epoch`. A number cannot be combined with `saveBestOnly`, as validation runs after epochs only. */
  readonly saveFreq?: SaveFrequency | undefined
  /** With `saveBestOnly`: the value that the first saved model must improve on; default none. */
  readonly initialValueThreshold?: number | undefined
}

const checkpointOptions = ['monitor', 'mode', 'saveBestOnly', 'saveWeightsOnly', 'saveFreq', 'initialValueThreshold']

/**
 * Saves the model to a path in which `{epoch}` and `{batch}` (both from 1) and keys of the logs are replaced by their values.
 * Missing folders are created. Whether the path can be written is checked before the first batch.
 */
export class ModelCheckpoint implements Callback {
  /** @internal */
  readonly firstRankOnly = true
  readonly name = 'modelCheckpoint'
  readonly runsLast = true
  readonly batchInterval: number | undefined
  readonly #path: string
  readonly #monitor: Monitor
  readonly #bestOnly: boolean
  readonly #weightsOnly: boolean
  readonly #perEpoch: boolean
  #context: TrainingContext | undefined
  #epoch = 0
  #best: number | undefined
  /** Present only if `saveFreq` is a number: a callback with this method makes fit pause after batches to call it. */
  declare readonly onBatchEnd?: ((batch: number, logs: Logs) => Promise<void>) | undefined

  constructor(path: string | URL, given?: ModelCheckpointOptions) {
    const argument = 'callbacks.modelCheckpoint'
    const options = checkOptions(given, checkpointOptions, argument)
    this.#path = toPath(path, `${argument}: path`)
    this.#monitor = new Monitor(options, 0, argument)
    this.#bestOnly = checkBoolean(options.saveBestOnly ?? false, `${argument}: saveBestOnly`)
    this.#weightsOnly = checkBoolean(options.saveWeightsOnly ?? false, `${argument}: saveWeightsOnly`)
    const frequency = checkFrequency(options.saveFreq, `${argument}: saveFreq`)
    if (this.#bestOnly && frequency !== 'epoch') refuse(`${argument}: saveFreq`, "'epoch' with saveBestOnly", frequency)
    if (!this.#bestOnly) {
      refuseIdle(options, ['monitor', 'mode', 'initialValueThreshold'], argument, 'without saveBestOnly: true')
    }
    const threshold = options.initialValueThreshold
    this.#best = threshold === undefined ? undefined : checkDouble(threshold, `${argument}: initialValueThreshold`)
    this.#perEpoch = frequency === 'epoch'
    this.batchInterval = frequency === 'epoch' ? undefined : frequency
    if (frequency !== 'epoch') setHook(this, (batch, logs) => this.#save(batch, logs))
  }

  onTrainBegin(_logs: Logs, context: TrainingContext): void {
    if (this.#bestOnly) this.#monitor.begin(context)
    this.#context = context
  }

  async tryOut(): Promise<void> {
    const { model, keys } = this.#context as TrainingContext
    const known = this.#perEpoch ? keys : keys.filter((key) => !key.startsWith('val_'))
    const logs = Object.fromEntries(known.map((key) => [key, 0]))
    await checkWritable(formatPath(this.#path, { ...logs, epoch: 1, batch: 1 }))
    if (!this.#weightsOnly) checkSavable(coreOf(model))
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    this.#epoch = epoch
    if (!this.#perEpoch) return
    if (this.#bestOnly) {
      const value = this.#monitor.value(logs)
      if (value === undefined || !this.#monitor.better(value, this.#best)) return
      this.#best = value
    }
    await this.#save(0, logs)
  }

  onEpochBegin(epoch: number): void {
    this.#epoch = epoch
  }

  getState(): CallbackState {
    return { values: { best: this.#best, epoch: this.#epoch } }
  }

  setState({ values }: CallbackState): void {
    this.#best = values.best as number | undefined
    this.#epoch = values.epoch as number
  }

  async #save(batch: number, logs: Logs): Promise<void> {
    const { model, keys } = this.#context as TrainingContext
    // After an epoch without validation the logs lack the validation keys; the path shows NA for them.
    const none = Object.fromEntries(keys.map((key) => [key, undefined]))
    const path = formatPath(this.#path, { ...none, ...logs, epoch: this.#epoch + 1, batch: batch + 1 })
    await makeFolderOf(path)
    if (this.#weightsOnly) await model.saveWeights(path)
    else await model.save(path)
  }
}

/** Fills in a path: `model-{epoch:03}-{val_loss:.2f}` becomes `model-007-0.31`. A key without a value becomes NA. */
function formatPath(template: string, values: Readonly<Record<string, number | undefined>>): string {
  return template.replace(/\{(\w+)(?::(0?)(\d*)d?)?(?::?\.(\d+)f)?\}/g, (_, key: string, zero, width, digits) => {
    if (!Object.hasOwn(values, key)) {
      const known = Object.keys(values).join(', ')
      throw new NeurodeError('ERR_UNKNOWN_NAME', `callbacks.modelCheckpoint: path: no value '${key}'; known: ${known}`)
    }
    const value = values[key]
    if (value === undefined) return 'NA'
    const text = digits === undefined ? String(value) : value.toFixed(Number(digits))
    return text.padStart(Number(width ?? 0), zero ? '0' : ' ')
  })
}

/** Options of {@link callbacks}.backupAndRestore. */
export interface BackupAndRestoreOptions {
  /** When to save; default `epoch`. */
  readonly saveFreq?: SaveFrequency | undefined
  /** Number of checkpoints to keep, at least 2: if the newest is damaged, an older one is used. Default 2. */
  readonly keep?: number | undefined
  /** Whether the checkpoints are removed when training is complete; default true. */
  readonly deleteCheckpoint?: boolean | undefined
}

const backupPattern = /^backup-(\d{8,})\.neurode$/

/** Restores a training from a backup. Throws `ERR_CHECKPOINT_MISMATCH` for a backup of another training, which is kept. */
function resumeFrom(core: ModelCore, intact: IntactFile): void {
  try {
    const file = describedFile(intact)
    checkSameTraining(core, file)
    restoreFile(core, file)
  } catch (cause) {
    const reason = (cause as Error).message
    const text = `callbacks.backupAndRestore: the backup is not of this training: ${reason}; name another folder, or remove it`
    throw new NeurodeError('ERR_CHECKPOINT_MISMATCH', text, { cause })
  }
}

/** Saves the state of a training to a folder. A fit that finds a checkpoint there continues from the newest one. */
export class BackupAndRestore implements Callback {
  /** @internal */
  readonly firstRankOnly = true
  readonly runsLast = true
  readonly batchInterval: number | undefined
  readonly #folder: string
  readonly #keep: number
  readonly #delete: boolean
  #context: TrainingContext | undefined
  #next = 0
  /** Present only if `saveFreq` is a number: a callback with this method makes fit pause after batches to call it. */
  declare readonly onBatchEnd?: (() => Promise<void>) | undefined

  constructor(folder: string | URL, given?: BackupAndRestoreOptions) {
    const argument = 'callbacks.backupAndRestore'
    const options = checkOptions(given, ['saveFreq', 'keep', 'deleteCheckpoint'], argument)
    this.#folder = toPath(folder, `${argument}: folder`)
    this.#keep = checkInteger(options.keep ?? 2, `${argument}: keep`, 2)
    this.#delete = checkBoolean(options.deleteCheckpoint ?? true, `${argument}: deleteCheckpoint`)
    const frequency = checkFrequency(options.saveFreq, `${argument}: saveFreq`)
    this.batchInterval = frequency === 'epoch' ? undefined : frequency
    if (frequency !== 'epoch') setHook(this, () => this.#save())
  }

  async onTrainBegin(_logs: Logs, context: TrainingContext): Promise<void> {
    this.#context = context
    const backups = await this.#backups()
    this.#next = (backups[0] ?? -1) + 1
    for (const number of backups) {
      const path = this.#path(number)
      const intact = await readIntactFile(path).catch((error: unknown) => {
        if (error instanceof NeurodeError && error.code === 'ERR_FILE_FORMAT') return undefined
        throw error
      })
      if (intact === undefined) continue
      resumeFrom(coreOf(context.model), intact)
      return context.resume()
    }
  }

  async tryOut(): Promise<void> {
    await checkWritable(this.#path(0))
    checkSavable(coreOf((this.#context as TrainingContext).model))
  }

  async onEpochEnd(): Promise<void> {
    await this.#save()
  }

  async onTrainEnd(): Promise<void> {
    if (!this.#delete) return
    for (const number of await this.#backups()) await this.#remove(number)
  }

  /**
   * Saves a backup of a training that was aborted within an epoch. Between two epochs there is nothing to do: the last backup is of
   * the end of an epoch that callbacks know.
   */
  async saveWithinEpoch(): Promise<void> {
    const position = this.#context?.model.position
    if (position !== undefined && position.batch > 0) await this.#save()
  }

  async #remove(number: number): Promise<void> {
    const path = this.#path(number)
    await rm(path, { force: true }).catch((error: unknown) => {
      throw fileError(error, path, 'written')
    })
  }

  #path(number: number): string {
    return join(this.#folder, `backup-${String(number).padStart(8, '0')}.neurode`)
  }

  /** The numbers of the backups in the folder, newest first. */
  async #backups(): Promise<number[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
      throw fileError(error, this.#folder, 'read')
    })
    const numbers = names.map((name) => Number(backupPattern.exec(name)?.[1] ?? Number.NaN))
    return numbers.filter(Number.isSafeInteger).sort((a, b) => b - a)
  }

  async #save(): Promise<void> {
    const path = this.#path(this.#next++)
    await makeFolderOf(path)
    await this.#context?.model.save(path)
    for (const number of (await this.#backups()).slice(this.#keep)) await unlink(this.#path(number)).catch(() => {})
  }
}
