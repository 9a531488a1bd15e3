/** What the ranks of a distributed training tell each other between batches. */

import { type ErrorCode, NeurodeError } from '../base/errors.js'
import { native } from '../native/native.js'
import type { NativeSaid } from '../native/ranks.js'

/** What {@link distribution.join} returns: who this process is among the ranks. */
export interface Cluster {
  /** The number of this process among the ranks, from 0. */
  readonly rank: number
  /** How many ranks there are; 1 for a process that no launcher started. */
  readonly size: number
  /** The number of this process among the ranks of its host, from 0. */
  readonly localRank: number
  /** On how many hosts there are ranks. */
  readonly hosts: number
  /** Name and version of the MPI library; undefined for a process that is alone. */
  readonly library?: string | undefined
}

const nothing = new Uint8Array(0)

/**
 * The ranks that this process has joined. All ranks make the same calls in the same order, which each call checks by its topic. A call
 * waits until all ranks have made it.
 */
export class Ranks {
  readonly cluster: Cluster
  /** How many trainings of several ranks have begun and not ended. */
  unfinished = 0

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  /**
   * Gives every rank the contents of all ranks, by rank. Rejects with `ERR_DISTRIBUTED` where another rank has failed, has ended, or is
   * doing something else, on all ranks alike; the message names it.
   */
  async agree(topic: string, contents: Uint8Array = nothing): Promise<readonly Uint8Array[]> {
    if (this.cluster.size === 1) return [contents]
    const all = await native().exchange(topic, false, contents)
    for (const [rank, { failed, contents }] of all.entries()) {
      if (!failed) continue
      const { code, message } = JSON.parse(Buffer.from(contents).toString()) as Failure
      throw failure(`rank ${rank} has failed: ${message}`, code)
    }
    const first = (all[0] as NativeSaid).topic
    const other = all.findIndex((said) => said.topic !== first)
    if (other >= 0) {
      const [here, there] = [first, (all[other] as NativeSaid).topic].map((at) =>
        at === 'exit' ? 'ends' : `is at '${at}'`,
      )
      throw failure(
        `rank ${other} ${there} while rank 0 ${here}: all ranks have to make the same calls in the same order`,
      )
    }
    return all.map((said) => said.contents)
  }

  /** Like {@link agree}, for what JSON can hold. */
  async compare<T>(topic: string, own: T): Promise<readonly T[]> {
    const all = await this.agree(topic, Buffer.from(JSON.stringify(own)))
    return all.map((contents) => JSON.parse(Buffer.from(contents).toString()) as T)
  }

  /** Checks that these values are the same on all ranks; the error names the rank and the first value that differs. */
  async checkSame(topic: string, own: Readonly<Record<string, unknown>>): Promise<void> {
    this.refuseDifferent(await this.compare(topic, own))
  }

  /** Throws `ERR_DISTRIBUTED` unless the values of all ranks are the same. */
  refuseDifferent(all: readonly Readonly<Record<string, unknown>>[]): void {
    const first = all[0] as (typeof all)[number]
    for (const [rank, values] of all.entries()) {
      const key = Object.keys({ ...first, ...values }).find((name) => text(values[name]) !== text(first[name]))
      if (key === undefined) continue
      throw failure(`rank ${rank} differs from rank 0 in ${key}: ${text(values[key])} and ${text(first[key])}`)
    }
  }

  /** Gives every rank the contents of rank 0; those of other ranks are not looked at. */
  async broadcast(topic: string, contents: Uint8Array | undefined): Promise<Uint8Array> {
    const own = this.cluster.rank === 0 ? contents : nothing
    return (await this.agree(topic, own))[0] as Uint8Array
  }

  /**
   * Does work in which native code meets the other ranks. If it fails here, they wait for what never comes, and cannot be told: the
   * error is printed, and all ranks end.
   */
  async together<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      process.stderr.write(`neurode: rank ${this.cluster.rank} has failed, so all ranks end: ${messageOf(error)}\n`)
      return native().abortCluster(1)
    }
  }

  /** Tells the other ranks, which wait at some call, that this rank has failed: that call rejects with the message. */
  async fail(error: unknown): Promise<void> {
    if (this.cluster.size === 1 || (error instanceof NeurodeError && common.has(error))) return
    const { code } = error as { readonly code?: unknown }
    const own: Failure = { code: code === 'ERR_ABORTED' ? code : 'ERR_DISTRIBUTED', message: messageOf(error) }
    await native().exchange('failure', true, Buffer.from(JSON.stringify(own)))
  }
}

/** What a rank says when it has failed. */
interface Failure {
  readonly code: ErrorCode
  readonly message: string
}

/** Errors that all ranks have got. */
const common = new WeakSet<NeurodeError>()

/** An error that all ranks throw. */
export function failure(message: string, code: ErrorCode = 'ERR_DISTRIBUTED'): NeurodeError {
  const error = new NeurodeError(code, message)
  common.add(error)
  return error
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, longestMessage)
}

/** A value for a message and for comparison. */
function text(value: unknown): string {
  return JSON.stringify(value) ?? 'none'
}

const longestMessage = 1000
