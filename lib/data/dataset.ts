/** What a data set is. */

import type { NdArray } from '../arrays/shapedArray.js'

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
