/** Training in parts, by one process or by several, on one machine or many. */

import { guardArity } from '../checks/arity.js'
import { dataParallel } from './dataParallel.js'
import { join } from './join.js'

/**
 * Training by several processes, the *ranks*, that a launcher of MPI starts on one machine or many: `mpirun -n 4 node train.js`. MPI is
 * looked for when `join` is called; nothing else needs it.
 *
 * After `join`, the ranks train a model that is compiled with `dataParallel` together. All of them call `fit`, with the same data and
 * options and with the `batchSize` of all ranks together; each computes its part of every batch. They begin with the weights, and where
 * it goes on with a training with the whole state, of rank 0. All get the same logs and the same weights. `evaluate` and `restore` are
 * calls of all ranks as well, and `predict` of each by itself. Rank 0 alone prints progress, writes what `save` writes, reads the file of
 * `restore`, and calls those callbacks that write files: the others need not see its folders. `load` reads on each rank. Where a rank fails or exits, the calls of all ranks reject
 * with `ERR_DISTRIBUTED`, which names the cause.
 *
 * @example
 * ```ts
 * import { datasets, distribution, layers, sequential } from 'neurode'
 *
 * await distribution.join() // rank 0 of 1, without a launcher
 * const { train } = datasets.syntheticDigits()
 * const model = sequential([layers.dense({ units: 10, activation: 'softmax', inputShape: [784] })])
 * model.compile({ loss: 'categoricalCrossentropy', distribution: distribution.dataParallel() })
 * await model.fit(train.images, train.labels, { batchSize: 256, epochs: 2 })
 * await model.save('digits.neurode') // rank 0 writes
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
   * The device `auto` is the CPU. With `cuda`, a rank takes the GPU that has its number among those of its host; this has not yet run on
   * several real GPUs. The optimizer `lazyAdam` with embeddings is an error, as a part knows only the vectors that occur in it.
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
   * joined, and where ranks run different versions of Neurode. It can be called again after an error, by all ranks; an MPI library that was
   * started and is not that of the launcher gives the same error again.
   */
  join,
} as const

guardArity(distribution, 'distribution')
