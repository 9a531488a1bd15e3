/** The digits of several examples. */

import { type Dataset, datasets, NeurodeError } from 'neurode'

/** Loads MNIST, or digits drawn by code if MNIST is not available or `dataset` is `synthetic`. */
export async function loadDigits(dataset: string | undefined): Promise<Dataset> {
  if (dataset === 'synthetic') return datasets.syntheticDigits()
  try {
    return await datasets.mnist()
  } catch (error) {
    if (dataset === 'mnist' || !(error instanceof NeurodeError && error.code === 'ERR_DOWNLOAD')) throw error
    console.log('MNIST is neither here nor can it be downloaded: synthetic digits instead.\n')
    return datasets.syntheticDigits()
  }
}
