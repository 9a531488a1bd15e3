/** Measurements of a server's process: CPU time, memory, open files, event loop. */

import { readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** The state of one process of a server. */
export interface WorkerSnapshot {
  /** The number of the process, from 1. */
  readonly worker: number
  readonly reloads: number
  readonly loadFailures: number
  readonly connections: number
  readonly refusedConnections: number
  readonly fastRequests: number
  readonly cpuSeconds: number
  readonly startSeconds: number
  readonly residentBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
  /** Undefined if the system does not tell. */
  readonly openFiles: number | undefined
  /** Share of the time since the start in which the event loop was busy, 0 to 1. */
  readonly eventLoopUtilization: number
}

type ProcessSnapshot = Omit<
  WorkerSnapshot,
  'worker' | 'reloads' | 'loadFailures' | 'connections' | 'refusedConnections' | 'fastRequests'
>

/** Measures this process. */
export function observeProcess(): ProcessSnapshot {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    cpuSeconds: (user + system) / 1e6,
    startSeconds: performance.timeOrigin / 1000,
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    openFiles: countOpenFiles(),
    eventLoopUtilization: performance.eventLoopUtilization().utilization,
  }
}

function countOpenFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}
