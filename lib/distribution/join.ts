/** Joins the ranks that a launcher such as mpirun started, and leaves them as the process exits. */

import { NeurodeError } from '../base/errors.js'
import { packageVersion } from '../base/version.js'
import { native } from '../native/native.js'
import { hashOfText } from './hash.js'
import { type Cluster, Ranks } from './ranks.js'

let joining: Promise<Ranks> | undefined
/** Those that MPI has connected, and those that run the same program. */
let connected: Ranks | undefined
let joined: Ranks | undefined

/** See {@link distribution.join}. */
export async function join(): Promise<Cluster> {
  // After an error, the next call tries again.
  joining ??= joinRanks().finally(() => {
    joining = undefined
  })
  return (await joining).cluster
}

/** The ranks that this process has joined; undefined before, and where it is alone. */
export function severalRanks(): Ranks | undefined {
  return joined !== undefined && joined.cluster.size > 1 ? joined : undefined
}

async function joinRanks(): Promise<Ranks> {
  if (joined !== undefined) return joined
  connected ??= await connect()
  if (connected.cluster.size > 1) await agreeOnPrograms(connected)
  joined = connected
  return joined
}

async function connect(): Promise<Ranks> {
  const ranks = new Ranks(Object.freeze(await native().joinCluster()))
  if (ranks.cluster.size > 1) leaveOnExit(ranks)
  return ranks
}

/** How long a rank that has failed waits for the others to report the same and exit. */
const secondsToReport = 5
/** A rank that is done waits for the others; the watchdog ends it where one of them never comes. */
const secondsToFinish = 1e6

/** A rank that exits in the middle of a training, or with an error, ends the others: they would wait for it for ever. */
function leaveOnExit(ranks: Ranks): void {
  let uncaught: unknown
  process.on('uncaughtExceptionMonitor', (error) => {
    uncaught = error
  })
  process.on('exit', (code) => {
    const isInTraining = ranks.unfinished > 0
    if (!isInTraining && native().leaveCluster(code === 0 ? secondsToFinish : secondsToReport)) return
    // Node would print the error after this event.
    if (uncaught !== undefined) process.stderr.write(`${process.getBuiltinModule('node:util').inspect(uncaught)}\n`)
    native().abortCluster(code === 0 ? 1 : code)
  })
}

/** Checks that all ranks run the same program, and has all use the best instruction set that each of them has. */
async function agreeOnPrograms(ranks: Ranks): Promise<void> {
  const ops = hashOfText(JSON.stringify(native().ops()))
  await ranks.checkSame('join', { version: packageVersion(), 'the functions of the addon': ops })
  const own = instructionSets()
  const all = await ranks.compare('instruction sets', own)
  const best = all[0]?.find((isa) => all.every((isas) => isas.includes(isa)))
  if (best === undefined) {
    const lists = all.map((isas, rank) => `rank ${rank} has ${isas.join(', ')}`).join('; ')
    throw new NeurodeError('ERR_DISTRIBUTED', `the ranks have no instruction set in common: ${lists}`)
  }
  if (best !== own[0]) process.env.NEURODE_ISA = best
}

/** The instruction sets that this process may use, best first. */
function instructionSets(): readonly string[] {
  const wanted = process.env.NEURODE_ISA
  if (wanted) return [wanted]
  const cpu = native()
    .devices()
    .find(({ name }) => name === 'cpu')
  return cpu?.isas ?? []
}
