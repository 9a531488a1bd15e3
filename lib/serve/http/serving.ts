/** The state that the routes of a server share: models, readiness and statistics. */

import type { ServerSnapshot } from '../metrics/metrics.js'
import { observeProcess } from '../metrics/workerSnapshot.js'
import { Repository, type ServedModels, type ServeEvent } from '../repository/repository.js'
import type { ServingOptions } from '../repository/servedModel.js'

/** Options of {@link servePlugin}. */
export interface ServePluginOptions extends ServingOptions {
  /**
   * The models to serve: paths, or a record of models and paths by name. A file that {@link Sequential.save} wrote is one
   * model, named after the file. A folder holds such files, and folders that hold a folder for each version of a model, such as
   * `digits/1/model.neurode`.
   */
  readonly models: ServedModels
  /** Whether to reload models whose files change. Default false. */
  readonly watch?: boolean | undefined
  /** Bearer tokens, any of which a request may show. The health routes and the page need no token. Default: no request needs a token. */
  readonly tokens?: readonly string[] | undefined
  /** The largest body of a request, in bytes. Default 16 MiB. */
  readonly bodyLimit?: number | undefined
  /** The largest total size of all bodies that are being received, in bytes. Default 256 MiB. */
  readonly totalBodyLimit?: number | undefined
  /**
   * Called with an event when models are loaded, replaced or removed, or fail to load. Default: `servePlugin` writes the event
   * to Fastify's log, `serve` ignores it.
   */
  readonly onEvent?: ((event: ServeEvent) => void) | undefined
}

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

/** An object that knows how many connections are open, such as a server of Node. */
interface Counted {
  getConnections(done: (error: Error | null, count: number) => void): unknown
}

export class Serving {
  readonly repository: Repository
  readonly log: (event: ServeEvent) => void
  /** The number of this process among the workers of a server, from 1. */
  readonly worker: number
  /** True while a server shuts down: it reports that it is not ready, and still answers requests. */
  draining = false
  /** Number of requests for inference on the fast path. */
  fastRequests = 0
  /** Number of connections that were closed because there were too many. */
  refusedConnections = 0
  /** Collects the snapshots of all workers. */
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

  /** The snapshot of this process alone. */
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
