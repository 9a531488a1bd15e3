/** Training by several processes, on one machine or many. */

import { guardArity } from '../checks/arity.js'
import { join } from './join.js'

/**
 * Training by several processes, the *ranks*, that a launcher of MPI starts on one machine or many: `mpirun -n 4 node train.js`. MPI is
 * looked for when `join` is called; nothing else needs it.
 *
 * @example
 * ```ts
 * import { distribution } from 'neurode'
 *
 * const { rank, size } = await distribution.join()
 * console.log(`rank ${rank} of ${size}`) // rank 0 of 1, without a launcher
 * ```
 */
export const distribution = {
  /**
   * Joins the other ranks and returns who this process is among them. All ranks have to call it. A process that no launcher started, or
   * that has `NEURODE_MPI=off` in its environment, is rank 0 of 1, and nothing of MPI is loaded. Further calls return the same object.
   *
   * The MPI library is that of the launcher: Open MPI, or MPICH and its family; `NEURODE_MPI_LIBRARY` can give the path of another. From
   * then on, all ranks use the best instruction set of the CPU that each of them has.
   *
   * Rejects with `ERR_DISTRIBUTED` where the library is missing or is not that of the launcher, where another thread of the process has
   * joined, and where ranks run different versions of Neurode.
   */
  join,
} as const

guardArity(distribution, 'distribution')
