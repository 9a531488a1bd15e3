/** What the routes of a server share: models, state, statistics. */

import type { ServerSnapshot } from '../metrics/metrics.js'
import { observeProcess } from '../metrics/workerSnapshot.js'
import { Repository, type ServedModels, type ServeEvent } from '../repository/repository.js'
import type { ServingOptions } from '../repository/servedModel.js'

/** Options of {@link servePlugin}. */
export interface ServePluginOptions extends ServingOptions {
  /**
   * What is served. A path to a file that {@link Sequential.save} wrote: the model has the name of the file. A path to a folder:
   * its files, and its folders with a folder for each version, `digits/1/model.neurode`. A record of models and paths by name.
   */
  readonly models: ServedModels
  /** Reload models whose files change. Default false. */
  readonly watch?: boolean | undefined
  /** Bearer tokens, any of which is let in; the health routes and the page ask for none. Default: all are let in. */
  readonly tokens?: readonly string[] | undefined
  /** Bytes of a request's body at most; default 16 MiB. */
  readonly bodyLimit?: number | undefined
  /** Bytes of all bodies on their way in together, at most; default 256 MiB. */
  readonly totalBodyLimit?: number | undefined
  /** Called with what happens to models. Default: the logger of Fastify. */
  readonly onEvent?: ((event: ServeEvent) => void) | undefined
}

/** The names of {@link ServePluginOptions}. */
export const pluginOptionNames = [
  'models',
  'device',
  'threads',
  'maxBatchSize',
  'maxQueueDelayMicros',
  'maxRows',
  'maxQueueSize',
  'timeoutMs',
  'watch',
  'tokens',
  'bodyLimit',
  'totalBodyLimit',
  'onEvent',
] as const

/** Who knows how many connections are open, such as a server of Node. */
interface Counted {
  getConnections(done: (error: Error | null, count: number) => void): unknown
}

export class Serving {
  readonly repository: Repository
  readonly log: (event: ServeEvent) => void
  /** Which of several workers this process is. */
  readonly worker: number
  /** Set while a server shuts down: it is not ready any more, and still answers. */
  draining = false
  /** Requests for inference that came past node:http. */
  fastRequests = 0
  /** Connections that were closed, or had to make room, since there were too many. */
  refusedConnections = 0
  /** The snapshots of all workers. */
  collect: () => Promise<ServerSnapshot> = async () => this.snapshot()
  #server: Counted | undefined
  #connections = 0

  constructor(options: ServePluginOptions, log: (event: ServeEvent) => void, worker = 1) {
    this.repository = new Repository(options.models, options, log)
    this.log = log
    this.worker = worker
  }

  get ready(): boolean {
    return !this.draining && this.repository.all().length > 0
  }

  /** Counts the connections of `server` from now on. */
  observe(server: Counted): void {
    this.#server = server
  }

  /** This process alone. */
  async snapshot(): Promise<ServerSnapshot> {
    await this.#countConnections()
    const { repository, worker, fastRequests, refusedConnections } = this
    const { reloads, loadFailures } = repository
    const observed = {
      ...observeProcess(),
      worker,
      reloads,
      loadFailures,
      fastRequests,
      refusedConnections,
      connections: this.#connections,
    }
    return { models: repository.statistics().map((statistics) => statistics.snapshot()), workers: [observed] }
  }

  #countConnections(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#server === undefined) return resolve()
      this.#server.getConnections((_error, count) => {
        this.#connections = count ?? 0
        resolve()
      })
    })
  }
}
