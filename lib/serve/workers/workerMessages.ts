/** The messages between the first process of a server and its workers. */

import type { ServerSnapshot } from '../metrics/metrics.js'
import type { ServeEvent } from '../repository/repository.js'
import type { InferenceServer, ServeOptions } from '../server/server.js'

/** Options that can be sent to another process: models are given as paths. */
export type WorkerOptions = Omit<ServeOptions, 'onEvent' | 'models'> & {
  readonly models: readonly string[] | Readonly<Record<string, string>>
}

/** The address at which a server listens, and whether it uses the fast path. */
export type Address = Pick<InferenceServer, 'url' | 'host' | 'port' | 'fastPath'>

export type ToWorker =
  | { readonly type: 'start'; readonly worker: number; readonly workers: number; readonly options: WorkerOptions }
  | { readonly type: 'reload' }
  | { readonly type: 'close'; readonly delayMs: number }
  /** Asks a worker for its snapshot. */
  | { readonly type: 'observe'; readonly id: number }
  /** The answer to a worker's `collect`. */
  | { readonly type: 'collected'; readonly id: number; readonly snapshot: ServerSnapshot }

export type FromWorker =
  /** The worker receives messages from now on; earlier ones are lost. */
  | { readonly type: 'born' }
  | ({ readonly type: 'listening' } & Address)
  | { readonly type: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly type: 'event'; readonly event: ServeEvent }
  | { readonly type: 'reloaded' }
  | { readonly type: 'observed'; readonly id: number; readonly snapshot: ServerSnapshot }
  /** Asks the first process for the snapshots of all workers. */
  | { readonly type: 'collect'; readonly id: number }
