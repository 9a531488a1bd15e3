/** `neurode doctor`: reports what Neurode finds on this machine, and the reason for what is missing. Bug reports include its output. */

import { availableParallelism, cpus } from 'node:os'
import { dirname } from 'node:path'
import { packageVersion } from '../base/version.js'
import { locateMnist } from '../data/mnist.js'
import type { DeviceInfo } from '../native/addon.js'
import { detectLibc } from '../native/libc.js'
import { type Outcome, probe } from './children.js'
import { findCublasLt, findCudaLibrary, findDriver } from './cudaFiles.js'
import type { FileFinding } from './libraryFolders.js'
import { describeMpi, examineMpi, type MpiFinding } from './mpi.js'
import { describeOptions, type Options, parse, UsageError } from './options.js'
import type { TrainingFindings } from './probe.js'

const options: Options = { json: { help: 'one JSON object on stdout' } }

/** Environment variables that the report shows even if they are not set. */
const variables = [
  'NEURODE_NATIVE_PATH',
  'NEURODE_THREADS',
  'NEURODE_MAX_THREADS',
  'NEURODE_ISA',
  'NEURODE_DEVICE',
  'NEURODE_CUDA',
  'NEURODE_CUDA_LIBRARY',
  'NEURODE_CUDA_LIB_DIR',
  'NEURODE_DATA',
  'NEURODE_FAST_PATH',
  'NEURODE_MPI',
  'NEURODE_MPI_LIBRARY',
]

interface Finding {
  readonly found: boolean
  /** Why it was not found, or a remark about it. */
  readonly reason?: string
}

interface Report {
  readonly version: string
  readonly node: string
  readonly platform: string
  readonly arch: string
  readonly libc: string | null
  readonly processor: string
  readonly processors: number
  readonly addon: Finding & { readonly path?: string }
  readonly cpu: Finding & { readonly isa?: string; readonly isas?: readonly string[]; readonly threads?: number }
  readonly cuda: Finding & { readonly devices?: readonly string[] }
  readonly driver: FileFinding
  readonly cudaLibrary: FileFinding
  readonly cublasLt: FileFinding
  readonly blas: Finding
  /** The server's fast path, which answers requests for inference without node:http. */
  readonly fastPath: Finding
  readonly mpi: MpiFinding
  /** Result of ten training steps on each device, each in a child process. */
  readonly devices: readonly DeviceReport[]
  readonly mnist: Finding & { readonly folder?: string; readonly searched: readonly string[] }
  readonly environment: Readonly<Record<string, string>>
}

interface DeviceReport {
  readonly name: string
  readonly description?: string
  /** Why the device is missing, or why the training failed. */
  readonly reason?: string
  readonly training?: TrainingFindings
}

/** Runs the command and returns the exit code: 0 if every available device works. */
export async function doctor(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, options)
  if (values.help) {
    process.stdout.write(describeOptions('neurode doctor [options]', options))
    return 0
  }
  if (positionals.length > 0) throw new UsageError(`expected 'neurode doctor [options]', got '${positionals[0]}'`)
  const mpi = await examineMpi()
  // Of several ranks, the first one speaks.
  if ((mpi.ranks?.rank ?? 0) > 0) return 0
  const { report, isWell } = await examine(mpi)
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : describeReport(report))
  return isWell ? 0 : 1
}

async function examine(mpi: MpiFinding): Promise<{ report: Report; isWell: boolean }> {
  const addon = await probe('addon')
  const listed: Outcome<readonly DeviceInfo[]> = addon.found
    ? await probe('devices')
    : { reason: 'the addon is not loaded' }
  // If listing the devices crashed the child process, the CPU may still work.
  const infos = listed.found ?? (addon.found ? [{ name: 'cpu', available: true }] : [])
  const devices: DeviceReport[] = []
  for (const info of infos) devices.push(await examineDevice(info))
  const libc = detectLibc()
  const report: Report = {
    version: packageVersion(),
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    libc: libc === undefined ? null : [libc.name, libc.version].filter(Boolean).join(' '),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    addon: addon.found ? { found: true, path: addon.found.path } : { found: false, reason: addon.reason },
    cpu: examineCpu(listed, devices),
    cuda: examineCuda(listed, devices),
    driver: findDriver(),
    cudaLibrary: addon.found
      ? findCudaLibrary(addon.found.path)
      : { found: false, reason: 'it lies beside the addon, which is not loaded' },
    cublasLt: findCublasLt(),
    blas: { found: false, reason: "not looked for: matrix products run on Neurode's own kernels" },
    fastPath: addon.found ? await examineFastPath() : { found: false, reason: 'the addon is not loaded' },
    mpi,
    devices,
    mnist: await examineMnist(),
    environment: Object.fromEntries(
      Object.entries(process.env)
        .filter((entry): entry is [string, string] => entry[0].startsWith('NEURODE_') && entry[1] !== undefined)
        .sort(),
    ),
  }
  const there = infos.filter(({ available }) => available).map(({ name }) => name)
  const works = devices.filter(({ training }) => training !== undefined).map(({ name }) => name)
  return {
    report,
    isWell:
      mpi.reason === undefined &&
      listed.found !== undefined &&
      there.length > 0 &&
      there.every((name) => works.includes(name)),
  }
}

async function examineDevice({ name, available, reason, description }: DeviceInfo): Promise<DeviceReport> {
  const about = { name, ...(description ? { description } : {}) }
  if (!available) return { ...about, reason: reason ?? 'it is not available' }
  const training = await probe('train', name)
  return training.found ? { ...about, training: training.found } : { ...about, reason: training.reason }
}

function examineCpu(listed: Outcome<readonly DeviceInfo[]>, devices: readonly DeviceReport[]): Report['cpu'] {
  const { isas } = listed.found?.find(({ name }) => name === 'cpu') ?? {}
  const { training, reason } = devices.find(({ name }) => name === 'cpu') ?? {}
  if (training) return { found: true, isa: training.isa, isas: isas ?? [training.isa], threads: training.threads }
  return { found: false, reason: reason ?? listed.reason ?? 'the addon names no CPU' }
}

function examineCuda(listed: Outcome<readonly DeviceInfo[]>, devices: readonly DeviceReport[]): Report['cuda'] {
  const gpus = devices.filter(({ name }) => name.startsWith('cuda'))
  const names = gpus
    .filter(({ training }) => training !== undefined)
    .map(({ name, description }) => (description ? `${name} (${description})` : name))
  if (names.length > 0) return { found: true, devices: names }
  return { found: false, reason: gpus[0]?.reason ?? listed.reason ?? 'the addon was built without CUDA' }
}

async function examineFastPath(): Promise<Finding> {
  const { found, reason = found } = await probe('fastPath')
  return reason ? { found: false, reason } : { found: true }
}

async function examineMnist(): Promise<Report['mnist']> {
  const { found, searched } = await locateMnist()
  const path = found?.values().next().value
  if (path !== undefined) return { found: true, folder: dirname(path), searched }
  return { found: false, reason: 'its four files are in none of the folders searched', searched }
}

function describeReport(report: Report): string {
  const { addon, cpu, cuda, driver, cudaLibrary, cublasLt, blas, fastPath, mpi, devices, mnist, environment } = report
  const system = [`${report.platform} ${report.arch}`, ...(report.libc ? [report.libc] : [])].join(', ')
  const rows = [
    ['neurode', report.version],
    ['node', `${report.node} on ${system}`],
    ['processor', `${report.processor}, ${report.processors} for this process`],
    ['addon', addon.path ?? `not loaded: ${addon.reason}`],
    [
      'cpu',
      cpu.found
        ? `${cpu.isa} (of ${cpu.isas?.join(', ')}), ${describeThreads(cpu.threads)}`
        : `does not work: ${cpu.reason}`,
    ],
    ['cuda', cuda.devices?.join(', ') ?? `none: ${cuda.reason}`],
    ['NVIDIA driver', describeFile(driver)],
    ['CUDA library', describeFile(cudaLibrary)],
    ['cuBLASLt', describeFile(cublasLt)],
    ['blas', `none: ${blas.reason}`],
    ['fast path of servers', fastPath.found ? 'on' : `off: ${fastPath.reason}`],
    ['mpi', describeMpi(mpi)],
    ...devices.map((device) => [`training on ${device.name}`, describeTraining(device)]),
    [
      'mnist',
      mnist.folder ??
        `not found: ${mnist.reason} (${mnist.searched.join(', ')}); set NEURODE_DATA, or let a training download it`,
    ],
    ...[...new Set([...variables, ...Object.keys(environment)])].map((name) => [name, environment[name] ?? 'not set']),
  ]
  const width = Math.max(...rows.map(([name = '']) => name.length)) + 2
  return rows
    .map(([name = '', value = '']) => `${name.padEnd(width)}${value.replaceAll('\n', `\n${' '.repeat(width)}`)}\n`)
    .join('')
}

/** Says so where there are fewer than `NEURODE_THREADS` asks for. */
function describeThreads(used = 1): string {
  const asked = Number(process.env.NEURODE_THREADS)
  return `${used} threads${asked > used ? ` (NEURODE_THREADS asks for ${asked}; more than processors would be slower)` : ''}`
}

function describeFile({ path, version, reason }: FileFinding): string {
  return [version, path].filter(Boolean).join(', ') || `not found: ${reason}`
}

function describeTraining({ description, reason, training }: DeviceReport): string {
  if (!training) return `none: ${reason}`
  const { steps, firstLoss, lastLoss, milliseconds } = training
  const losses = `the loss went from ${firstLoss.toPrecision(3)} to ${lastLoss.toPrecision(3)}`
  return `${steps} steps in ${milliseconds.toFixed(1)} ms, ${losses}${description ? ` (${description})` : ''}`
}
