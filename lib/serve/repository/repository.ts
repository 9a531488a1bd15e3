/**
 * The models that are served. A model is loaded and warmed up, then replaces the one before in one step, which is drained
 * before it is freed.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { NeurodeError } from '../../base/errors.js'
import { checkRecord, refuse } from '../../checks/validate.js'
import { coreOf } from '../../core/cores.js'
import { isUrl, toPath } from '../../files/paths.js'
import { loadForInference } from '../../models/load.js'
import { type AnyModel, Model } from '../../models/model.js'
import type { Json } from '../../persistence/description.js'
import type { TabularModel } from '../../tabular/types.js'
import { ModelStatistics } from '../metrics/statistics.js'
import { checkModelName, compareVersions, type ModelSource, scanModels } from './scan.js'
import { ServedModel, type ServedSource, type ServingOptions } from './servedModel.js'

/** The models to serve: paths of files and folders, as for `neurode serve`, or a record of paths and of models in memory by name. */
export type ServedModels =
  | string
  | URL
  | readonly (string | URL)[]
  | Readonly<Record<string, string | URL | AnyModel | TabularModel>>

/** An event for the log: a model was loaded, replaced or removed, or failed to load. */
export interface ServeEvent {
  readonly level: 'info' | 'error'
  readonly message: string
}

type Log = (event: ServeEvent) => void

/** The time between two checks for changed files, in milliseconds. */
const watchMilliseconds = 1000

interface Wanted {
  readonly model: string
  readonly version: string
  readonly signature: string
  /** The place of the model, for the log. */
  readonly where: string
  open(): Promise<ServedSource>
}

interface Opened {
  readonly signature: string
  readonly served: ServedModel
}

export class Repository {
  readonly #paths: readonly string[]
  readonly #renamed: ReadonlyMap<string, string>
  readonly #inMemory: readonly Wanted[]
  readonly #options: ServingOptions
  readonly #log: Log
  /** Models by name and then by version; versions ascend. */
  #models: ReadonlyMap<string, ReadonlyMap<string, Opened>> = new Map()
  readonly #latest = new Map<string, ServedModel>()
  /** Statistics by model and version. They are kept when a file is replaced, so that counters never decrease. */
  readonly #statistics = new Map<string, ModelStatistics>()
  /** Signatures of files that could not be loaded. A file is not tried again until its signature changes. */
  readonly #refused = new Map<string, string>()
  #refusedScan = ''
  #retiring = new Set<Promise<void>>()
  #reloading: Promise<void> = Promise.resolve()
  #watching: AbortController | undefined
  #closed = false
  /** How often a version was loaded in place of another. */
  reloads = 0
  /** How often a file or folder could not be loaded, so that the models before it stayed. */
  loadFailures = 0

  constructor(models: ServedModels, options: ServingOptions, log: Log) {
    const { paths, named } = isPath(models) ? { paths: [models], named: [] } : listModels(models)
    this.#paths = paths.map((path, i) => toPath(path, isPath(models) ? 'models' : `models[${i}]`))
    const renamed = new Map<string, string>()
    this.#inMemory = named.flatMap(([name, model]) => {
      checkModelName(name, 'models')
      if (model instanceof Model || isTabular(model)) return [wantedFromMemory(name, model)]
      if (!isPath(model)) refuse(`models['${name}']`, 'a model or a path', model)
      renamed.set(name, toPath(model, `models['${name}']`))
      return []
    })
    this.#renamed = renamed
    this.#options = options
    this.#log = log
  }

  /** Whether some models come from files, which may change. */
  get hasFiles(): boolean {
    return this.#paths.length > 0 || this.#renamed.size > 0
  }

  /** Finds a version of a model; without `version`, the latest. */
  find(model: string, version?: string): ServedModel | undefined {
    if (version === undefined) return this.#latest.get(model)
    return this.#models.get(model)?.get(version)?.served
  }

  /** The versions of a model, ascending; an empty list for an unknown model. */
  versions(model: string): ServedModel[] {
    return [...(this.#models.get(model)?.values() ?? [])].map(({ served }) => served)
  }

  /** All versions of all models. */
  all(): ServedModel[] {
    return [...this.#models.keys()].flatMap((model) => this.versions(model))
  }

  /** The statistics of all versions that were ever served. */
  statistics(): readonly ModelStatistics[] {
    return [...this.#statistics.values()]
  }

  /** Loads all models. Rejects with the error of the first one that cannot be loaded. */
  async open(): Promise<void> {
    const wanted = await this.#wanted()
    if (wanted.length === 0) {
      const places = [...this.#paths, ...this.#renamed.values()].join(', ')
      throw new NeurodeError('ERR_FILE_NOT_FOUND', `no model is in ${places || 'the list of models'}`)
    }
    for (const want of wanted) await this.#serve(want)
  }

  /**
   * Scans the files again. Versions that changed or are new are loaded and warmed up, and take over between two requests.
   * Versions whose files were removed are no longer found. If a file cannot be loaded, the error is logged and the version
   * before stays.
   */
  reload(): Promise<void> {
    const next = this.#reloading.then(() => this.#reloadNow())
    this.#reloading = next.catch(() => {})
    return next
  }

  /** Reloads whenever files change, until {@link Repository.close}. */
  watch(): void {
    this.#watching ??= new AbortController()
    void this.#watch(this.#watching.signal)
  }

  /** Answers the requests that have arrived, then frees all models. */
  async close(): Promise<void> {
    this.#closed = true
    this.#watching?.abort()
    await this.#reloading
    for (const model of [...this.#models.keys()]) this.#replace(model, new Map())
    await Promise.all(this.#retiring)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(watchMilliseconds, undefined, { signal, ref: false }).catch(() => {})
      if (!signal.aborted) await this.reload().catch(() => {})
    }
  }

  async #reloadNow(): Promise<void> {
    if (this.#closed) return
    const wanted = await this.#scanAgain()
    if (wanted === undefined) return
    for (const want of wanted) {
      const key = `${want.model}/${want.version}`
      const there = this.#models.get(want.model)?.get(want.version)
      if (there?.signature === want.signature || this.#refused.get(key) === want.signature) continue
      try {
        await this.#serve(want)
        this.#refused.delete(key)
        if (there !== undefined) this.reloads++
      } catch (error) {
        this.#refused.set(key, want.signature)
        this.#fail(`version ${want.version} of model '${want.model}' stays as it was: ${(error as Error).message}`)
      }
    }
    this.#forgetAllBut(wanted)
  }

  async #scanAgain(): Promise<readonly Wanted[] | undefined> {
    try {
      const wanted = await this.#wanted()
      this.#refusedScan = ''
      return wanted
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#refusedScan) this.#fail(`models stay as they were: ${message}`)
      this.#refusedScan = message
      return undefined
    }
  }

  #fail(message: string): void {
    this.loadFailures++
    this.#log({ level: 'error', message })
  }

  async #wanted(): Promise<Wanted[]> {
    const scanned = await scanModels(this.#paths)
    const renamed = [...this.#renamed].map(async ([name, path]) => {
      const sources = await scanModels([path])
      const other = sources.find(({ model }) => model !== sources[0]?.model)
      if (other === undefined) return sources.map((source) => ({ ...source, model: name }))
      throw new NeurodeError('ERR_ARGUMENT', `models['${name}']: expected one model, got several in ${path}`)
    })
    const sources = [...scanned, ...(await Promise.all(renamed)).flat()]
    return [...sources.map(wantedFromFile), ...this.#inMemory]
  }

  async #serve({ model, version, signature, where, open }: Wanted): Promise<void> {
    const key = `${model}/${version}`
    const began = performance.now()
    const statistics = this.#statistics.get(key) ?? new ModelStatistics(model, version)
    const served = await ServedModel.open(await open(), model, version, statistics, this.#options)
    this.#statistics.set(key, statistics)
    const versions = new Map(this.#models.get(model))
    versions.set(version, { signature, served })
    this.#replace(model, new Map([...versions].sort(([a], [b]) => compareVersions(a, b))))
    const seconds = ((performance.now() - began) / 1000).toFixed(2)
    this.#log({
      level: 'info',
      message: `model '${model}' version ${version} from ${where}: ${served.describe()}, ready in ${seconds} s`,
    })
  }

  #forgetAllBut(wanted: readonly Wanted[]): void {
    const keys = new Set(wanted.map(({ model, version }) => `${model}/${version}`))
    for (const [model, versions] of this.#models) {
      const kept = [...versions].filter(([version]) => keys.has(`${model}/${version}`))
      if (kept.length === versions.size) continue
      this.#replace(model, new Map(kept))
      this.#log({ level: 'info', message: `model '${model}': ${versions.size - kept.length} of its versions are gone` })
    }
  }

  /** Replaces the versions of a model. From then on requests find the new versions; the old ones that are no longer found are drained. */
  #replace(model: string, versions: ReadonlyMap<string, Opened>): void {
    const before = this.#models.get(model)
    const models = new Map(this.#models)
    const latest = [...versions.values()].at(-1)
    if (latest === undefined) {
      models.delete(model)
      this.#latest.delete(model)
    } else {
      models.set(model, versions)
      this.#latest.set(model, latest.served)
    }
    this.#models = models
    for (const { served } of before?.values() ?? []) {
      if (this.find(model, served.version) !== served) this.#retire(served)
    }
  }

  #retire(served: ServedModel): void {
    const retired = served.retire().finally(() => this.#retiring.delete(retired))
    this.#retiring.add(retired)
  }
}

const isPath = (value: unknown): value is string | URL => typeof value === 'string' || isUrl(value)

function listModels(models: Exclude<ServedModels, string | URL>) {
  if (Array.isArray(models)) return { paths: models as readonly (string | URL)[], named: [] }
  return { paths: [], named: Object.entries(checkRecord(models, 'models', 'paths, or models and paths by name')) }
}

function wantedFromFile({ model, version, path, signature }: ModelSource): Wanted {
  return { model, version, signature: `${path} ${signature}`, where: path, open: () => openFile(path) }
}

async function openFile(path: string): Promise<ServedSource> {
  const { file, ...source } = await loadForInference(path)
  return { ...source, tabular: file.description.tabular }
}

const isTabular = (model: unknown): model is TabularModel =>
  typeof model === 'object' && model !== null && (model as Partial<TabularModel>).kind === 'tabular'

function wantedFromMemory(name: string, model: AnyModel | TabularModel): Wanted {
  const core = coreOf(isTabular(model) ? model.network : model)
  const open = async () => ({ core, tabular: isTabular(model) ? (core.beside.tabular as Json) : undefined })
  return { model: name, version: '1', signature: 'memory', where: 'memory', open }
}
