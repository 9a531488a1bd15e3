/** The types of data sets. */

import type { NdArray } from '../arrays/shapedArray.js'

/** Images and their classes. */
export interface DatasetPart {
  /** Bytes, shape `[n, 784]`: 28 rows of 28 pixels, 0 black to 255 white, `scale` 1/255. */
  readonly images: NdArray<Uint8Array>
  /** Class indices 0 to 9, shape `[n]`. */
  readonly labels: NdArray<Uint8Array>
}

/** A data set, in two parts that share no image. */
export interface Dataset {
  /** Which data these are, for reports of results. */
  readonly name: 'mnist' | 'synthetic'
  /** Images for training; 60,000 by default. */
  readonly train: DatasetPart
  /** Images for testing; 10,000 by default. */
  readonly test: DatasetPart
}
