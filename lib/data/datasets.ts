/** The data sets that come with Neurode, under one name. */

import { guardArity } from '../checks/arity.js'
import type { Dataset } from './dataset.js'
import { loadMnist, type MnistOptions } from './mnist.js'
import { type SyntheticDigitsOptions, syntheticDigits } from './synthetic.js'

/**
 * MNIST: 60,000 + 10,000 handwritten digits of 28 × 28 pixels (LeCun, Cortes, Burges).
 *
 * The four IDX files, gzipped or not, are searched for in `dir`, in the folder that the environment variable `NEURODE_DATA` names
 * and in the user's cache. If they are in none of these, they are downloaded (11 MB) from public mirrors to `dir` or the cache, and
 * their SHA-256 is checked. If that fails too, the promise rejects; no other data are returned.
 *
 * @throws NeurodeError `ERR_DOWNLOAD` with every mirror's reason, `ERR_FILE_FORMAT` for a damaged file, `ERR_ABORTED`.
 *
 * @example
 * ```ts
 * import { datasets } from 'neurode'
 *
 * const { train, test } = await datasets.mnist()
 * console.log(train.images.shape, test.labels.shape) // [60000, 784] [10000]
 * ```
 */
async function mnist(options?: MnistOptions): Promise<Dataset> {
  return loadMnist(options)
}

/** Data sets for `fit`: `datasets.mnist()`, and `datasets.syntheticDigits()`, which needs no download. */
export const datasets = { mnist, syntheticDigits } as const

guardArity(datasets, 'datasets')
Object.freeze(datasets)

export type { Dataset, DatasetPart } from './dataset.js'
export type { DownloadProgress } from './download.js'
export type { MnistOptions, SyntheticDigitsOptions }
