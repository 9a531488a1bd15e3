/** `neurode train` under mpirun, srun or another launcher of MPI: all processes train together, and the first one speaks and writes. */

import { join, severalRanks } from '../distribution/join.js'
import { native } from '../native/native.js'
import { silence } from './output.js'
import type { TrainArguments } from './trial.js'

/** Options that name what only the first process writes. */
const writing = ['save', 'report', 'metrics-file', 'json']

/** Joins the processes of the launcher, if there is one, and returns the arguments for this process. */
export async function joinLaunched(parsed: TrainArguments): Promise<TrainArguments> {
  if (native().launchedRanks() > 1) await join()
  const rank = severalRanks()?.cluster.rank ?? 0
  if (rank === 0) return parsed
  silence()
  const values = Object.fromEntries(Object.entries(parsed.values).filter(([name]) => !writing.includes(name)))
  return { ...parsed, values }
}
