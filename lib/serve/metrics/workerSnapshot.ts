/** What a server's process tells of itself. */

import { readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** One process of a server, now. */
export interface WorkerSnapshot {
  /** Its number, from 1. */
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
  /** Undefined where the system does not tell. */
  readonly openFiles: number | undefined
  /** From 0 to 1. */
  readonly eventLoopUtilization: number
}

type ProcessSnapshot = Omit<
  WorkerSnapshot,
  'worker' | 'reloads' | 'loadFailures' | 'connections' | 'refusedConnections' | 'fastRequests'
>

/** This process. */
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
