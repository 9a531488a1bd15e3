/** Runs before all tests: models get as many threads as tests ask for, and without a GPU the CUDA library on the emulator is used instead. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { devices } from 'neurode'

// Results are the same for any number of threads, also for more than this machine has processors.
process.env.NEURODE_MAX_THREADS ??= '1024'

const emulated = resolve('build/emulator/neurode_cuda_emulated.so')

const isChosen = Boolean(process.env.NEURODE_CUDA_LIBRARY) || process.env.NEURODE_CUDA === 'off'
const hasGpu = () => devices().some(({ name, available }) => name.startsWith('cuda') && available)
if (process.platform === 'linux' && !isChosen && !hasGpu()) {
  // Otherwise the tests of CUDA would be pending and nobody would notice.
  if (!existsSync(emulated)) throw new Error(`${emulated} is missing: npm test builds it`)
  process.env.NEURODE_CUDA_LIBRARY = emulated
}
