/** Training in parts, by one process or by several, on one machine or many. */

import { guardArity } from '../checks/arity.js'
import { dataParallel } from './dataParallel.js'
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
   * Cuts every batch into parts of equally many rows, up to one row more or less, and adds up their gradients: an option of `compile`.
   * The loss, its gradient and dropout are those of the whole batch, so results differ from those of an ordinary fit by rounding alone.
   * Weights have the same bits for any number of threads, and for any number of processes that divides `parts`.
   *
   * `BatchNormalization` uses the mean and the variance of each part; its moving statistics follow their averages over the rows of the
   * batch. An ordinary fit uses those of the whole batch.
   *
   * The model runs on the CPU: a CUDA device as `device` is an error. So is the optimizer `lazyAdam` with embeddings, as a part knows
   * only the vectors that occur in it.
   *
   * Throws `ERR_ARGUMENT` for a number of parts that is no power of two.
   *
   * @example
   * ```ts
   * import { distribution, layers, sequential } from 'neurode'
   *
   * const model = sequential([layers.dense({ units: 1, inputShape: [2] })])
   * model.compile({ loss: 'mse', distribution: distribution.dataParallel({ parts: 8 }) })
   * ```
   */
  dataParallel,
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
