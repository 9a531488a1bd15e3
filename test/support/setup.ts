/** Runs before all tests: without a GPU, the CUDA library on the emulator is used instead. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { devices } from 'neurode'

const emulated = resolve('build/emulator/neurode_cuda_emulated.so')

const isChosen = Boolean(process.env.NEURODE_CUDA_LIBRARY) || process.env.NEURODE_CUDA === 'off'
const hasGpu = () => devices().some(({ name, available }) => name.startsWith('cuda') && available)
if (process.platform === 'linux' && !isChosen && !hasGpu()) {
  // Otherwise the tests of CUDA would be pending and nobody would notice.
  if (!existsSync(emulated)) throw new Error(`${emulated} is missing: npm test builds it`)
  process.env.NEURODE_CUDA_LIBRARY = emulated
}
