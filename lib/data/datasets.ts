/** The data sets that come with Neurode, under one name. */

import type { NdArray } from './arrays.js'
import { loadMnist, type MnistOptions } from './mnist.js'
import { type SyntheticDigitsOptions, syntheticDigits } from './synthetic.js'

/** Images and the class of each. */
export interface DatasetPart {
  /** Bytes, shape `[n, 784]`: 28 rows of 28 pixels, 0 black to 255 white, `scale` 1/255. */
  readonly images: NdArray<Uint8Array>
  /** Class indices 0 to 9, shape `[n]`. */
  readonly labels: NdArray<Uint8Array>
}

/** A data set, in two parts that share no image. */
export interface Dataset {
  /** What the data are: results are to name it. */
  readonly name: 'mnist' | 'synthetic'
  /** 60,000 images to learn from. */
  readonly train: DatasetPart
  /** 10,000 images to test with. */
  readonly test: DatasetPart
}

/**
 * MNIST: 60,000 + 10,000 handwritten digits of 28 × 28 pixels (LeCun, Cortes, Burges).
 *
 * The four IDX files, gzipped or not, are looked for in `dir`, in the folder named by the environment variable
 * `NEURODE_DATA` and in the user's cache; failing that they are downloaded (11 MB) from public mirrors, with their SHA-256
 * checked, into `dir` or the cache. Never returns other data.
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
async function mnist(options: MnistOptions = {}): Promise<Dataset> {
  return loadMnist(options)
}

/** Data sets ready for `fit`: `datasets.mnist()`, and `datasets.syntheticDigits()` where there is no network. */
export const datasets = Object.freeze({ mnist, syntheticDigits })

export type { DownloadProgress } from './download.js'
export type { MnistOptions, SyntheticDigitsOptions }
