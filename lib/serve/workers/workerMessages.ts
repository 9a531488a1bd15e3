/** What the first process of a server and its workers tell each other. */

import type { ServerSnapshot } from '../metrics/metrics.js'
import type { ServeEvent } from '../repository/repository.js'
import type { InferenceServer, ServeOptions } from '../server/server.js'

/** Options that can cross to another process: models are paths. */
export type WorkerOptions = Omit<ServeOptions, 'onEvent' | 'models'> & {
  readonly models: readonly string[] | Readonly<Record<string, string>>
}

/** Where a server listens, and which way requests take. */
export type Address = Pick<InferenceServer, 'url' | 'host' | 'port' | 'fastPath'>

export type ToWorker =
  | { readonly type: 'start'; readonly worker: number; readonly workers: number; readonly options: WorkerOptions }
  | { readonly type: 'reload' }
  | { readonly type: 'close'; readonly delayMs: number }
  /** Asks for its own snapshot. */
  | { readonly type: 'observe'; readonly id: number }
  /** The answer to its `collect`. */
  | { readonly type: 'collected'; readonly id: number; readonly snapshot: ServerSnapshot }

export type FromWorker =
  /** It hears now: what it was told before is lost. */
  | { readonly type: 'born' }
  | ({ readonly type: 'listening' } & Address)
  | { readonly type: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly type: 'event'; readonly event: ServeEvent }
  | { readonly type: 'reloaded' }
  | { readonly type: 'observed'; readonly id: number; readonly snapshot: ServerSnapshot }
  /** Asks for the snapshot of all workers. */
  | { readonly type: 'collect'; readonly id: number }
