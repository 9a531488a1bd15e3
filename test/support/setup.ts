/** Before all tests: where there is no GPU, the CUDA library on the emulator stands in for one. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { devices } from 'neurode'

const emulated = resolve('build/emulator/neurode_cuda_emulated.so')

const isChosen = Boolean(process.env.NEURODE_CUDA_LIBRARY) || process.env.NEURODE_CUDA === 'off'
const hasGpu = () => devices().some(({ name, available }) => name.startsWith('cuda') && available)
if (process.platform === 'linux' && !isChosen && !hasGpu()) {
  // Else what runs on CUDA alone would be pending, unnoticed.
  if (!existsSync(emulated)) throw new Error(`${emulated} is missing: npm test builds it`)
  process.env.NEURODE_CUDA_LIBRARY = emulated
}
