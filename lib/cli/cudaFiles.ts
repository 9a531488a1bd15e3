/** Finds NVIDIA's driver and cuBLASLt on this machine without loading them. */

import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type FileFinding, findIn, list, loaderFolders } from './libraryFolders.js'

const driverVersionFile = '/proc/driver/nvidia/version'

/** Finds the driver: the version that the kernel module reports, and the library that programs load. */
export function findDriver(): FileFinding {
  const path = findIn(loaderFolders(), /^libcuda\.so(\.1)?$/)
  const version = /Kernel Module\D*([\d.]+)/.exec(
    existsSync(driverVersionFile) ? readFileSync(driverVersionFile, 'utf8') : '',
  )?.[1]
  if (path !== undefined || version !== undefined) {
    return { found: true, ...(path === undefined ? {} : { path }), ...(version === undefined ? {} : { version }) }
  }
  if (process.platform !== 'linux') return { found: false, reason: `it is not looked for on ${process.platform}` }
  return { found: false, reason: `there is neither ${driverVersionFile} nor a libcuda.so.1` }
}

/** Finds cuBLASLt, which is part of the CUDA toolkit and of packages of Conda and pip. */
export function findCublasLt(): FileFinding {
  if (process.env.NEURODE_CUDA_LIB_DIR === 'off') return { found: false, reason: 'NEURODE_CUDA_LIB_DIR=off' }
  const { NEURODE_CUDA_LIB_DIR, CUDA_HOME, CUDA_PATH, CONDA_PREFIX, VIRTUAL_ENV } = process.env
  const toolkits = [CUDA_HOME, CUDA_PATH, ...list('/usr/local').filter((path) => basename(path).startsWith('cuda'))]
  const folders = [
    NEURODE_CUDA_LIB_DIR,
    ...loaderFolders(),
    ...toolkits.flatMap((root) => (root ? [...targetFolders(root), join(root, 'lib64'), join(root, 'lib')] : [])),
    ...(CONDA_PREFIX ? [join(CONDA_PREFIX, 'lib'), ...nvidiaFolders(CONDA_PREFIX)] : []),
    ...(VIRTUAL_ENV ? nvidiaFolders(VIRTUAL_ENV) : []),
  ].filter((folder) => folder !== undefined)
  const path = findIn(folders, /^libcublasLt\.so\.1[23]$/)
  if (path === undefined)
    return {
      found: false,
      reason:
        "no libcublasLt.so.13 or .12 is in the usual folders, nor in one that NEURODE_CUDA_LIB_DIR names; with it (from a CUDA toolkit, or pip's nvidia-cublas) large layers run faster at precision 'tf32' and 'bfloat16'",
    }
  return { found: true, path }
}

/** Finds Neurode's CUDA library: a file beside the addon, or the one that NEURODE_CUDA_LIBRARY names. */
export function findCudaLibrary(addonPath: string): FileFinding {
  const path = process.env.NEURODE_CUDA_LIBRARY || join(dirname(addonPath), 'neurode_cuda.so')
  return existsSync(path) ? { found: true, path } : { found: false, reason: `there is no ${path}` }
}

function targetFolders(root: string): string[] {
  return list(join(root, 'targets')).map((target) => join(target, 'lib'))
}

function nvidiaFolders(root: string): string[] {
  const sites = list(join(root, 'lib')).map((python) => join(python, 'site-packages', 'nvidia'))
  return sites.flatMap(list).map((folder) => join(folder, 'lib'))
}
