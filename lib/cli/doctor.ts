/** `neurode doctor`: what was found on this machine, and why what is missing is missing. */

import { dirname } from 'node:path'
import { locateMnist } from '../data/mnist.js'
import { layers } from '../layers/index.js'
import { sequential } from '../model/sequential.js'
import { addonPath, type DeviceInfo, native } from '../native.js'
import { describeOptions, type Options, parse, UsageError } from './options.js'
import { packageVersion } from './version.js'

const options: Options = { json: { help: 'one JSON object on stdout' } }

/** The variables that Neurode reads. */
const variables = [
  'NEURODE_NATIVE_PATH',
  'NEURODE_THREADS',
  'NEURODE_ISA',
  'NEURODE_DEVICE',
  'NEURODE_CUDA',
  'NEURODE_CUDA_LIBRARY',
  'NEURODE_DATA',
]

interface Finding {
  readonly found: boolean
  /** Why it was not found, or what is to be said of it. */
  readonly reason?: string
}

interface Report {
  readonly version: string
  readonly node: string
  readonly platform: string
  readonly arch: string
  readonly libc: string | null
  readonly addon: Finding & { readonly path?: string }
  readonly cpu: Finding & { readonly isa?: string; readonly isas?: readonly string[]; readonly threads?: number }
  readonly cuda: Finding & { readonly devices?: readonly string[] }
  readonly blas: Finding
  readonly mnist: Finding & { readonly folder?: string; readonly searched: readonly string[] }
  readonly environment: Readonly<Record<string, string>>
}

/** Gives the exit code: 0 when the CPU works. */
export async function doctor(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, options)
  if (values.help) {
    process.stdout.write(describeOptions('neurode doctor [options]', options))
    return 0
  }
  if (positionals.length > 0) throw new UsageError(`expected 'neurode doctor [options]', got '${positionals[0]}'`)
  const report = await examine()
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : describeReport(report))
  return report.cpu.found ? 0 : 1
}

async function examine(): Promise<Report> {
  const addon = attempt(() => native() && { ...(addonPath === undefined ? {} : { path: addonPath }) })
  const found = addon.found ? attempt(() => ({ devices: native().devices() })) : { reason: 'the addon is not loaded' }
  const devices = 'devices' in found ? found.devices : []
  return {
    version: packageVersion(),
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    libc: libcName(),
    addon,
    cpu: examineCpu(devices, found.reason),
    cuda: examineCuda(devices, found.reason),
    blas: { found: false, reason: "not looked for: matrix products run on Neurode's own kernels" },
    mnist: await examineMnist(),
    environment: Object.fromEntries(
      variables.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
  }
}

/** Runs a network of two weights: that the addon loads does not say that its kernels run here. */
function examineCpu(devices: readonly DeviceInfo[], failure: string | undefined): Report['cpu'] {
  const info = devices.find(({ name }) => name === 'cpu')
  if (!info?.available) return { found: false, reason: info?.reason ?? failure ?? 'the addon names no CPU' }
  const { isas = [] } = info
  return attempt(() => {
    using model = sequential([
      layers.dense({ units: 1, kernelInitializer: 'ones', useBias: false, inputShape: [2] }),
      layers.activation('relu'),
    ])
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device: 'cpu' })
    const [sum] = model.predictSync([[1, 2]]).data
    if (sum !== 3) throw new Error(`its kernels are wrong: 1 + 2 gave ${sum}`)
    return { isa: model.isa, isas, threads: model.threads }
  })
}

function examineCuda(devices: readonly DeviceInfo[], failure: string | undefined): Report['cuda'] {
  const gpus = devices.filter(({ name }) => name.startsWith('cuda'))
  const names = gpus
    .filter(({ available }) => available)
    .map(({ name, description }) => (description ? `${name} (${description})` : name))
  if (names.length > 0) return { found: true, devices: names }
  return { found: false, reason: gpus[0]?.reason ?? failure ?? 'the addon was built without CUDA' }
}

async function examineMnist(): Promise<Report['mnist']> {
  const { found, searched } = await locateMnist()
  const path = found?.values().next().value
  if (path !== undefined) return { found: true, folder: dirname(path), searched }
  return { found: false, reason: 'its four files are in none of the folders searched', searched }
}

function libcName(): string | null {
  if (process.platform !== 'linux') return null
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  const glibc = report.header.glibcVersionRuntime
  return glibc === undefined ? 'musl' : `glibc ${glibc}`
}

function attempt<T extends object>(
  look: () => T,
): ({ found: true } & T & { reason?: never }) | { found: false; reason: string } {
  try {
    return { found: true, ...look() }
  } catch (error) {
    return { found: false, reason: (error as Error).message }
  }
}

function describeReport(report: Report): string {
  const { addon, cpu, cuda, blas, mnist, environment } = report
  const system = [`${report.platform} ${report.arch}`, ...(report.libc ? [report.libc] : [])].join(', ')
  const rows = [
    ['neurode', report.version],
    ['node', `${report.node} on ${system}`],
    ['addon', addon.path ?? `not loaded: ${addon.reason}`],
    [
      'cpu',
      cpu.found ? `${cpu.isa} (of ${cpu.isas?.join(', ')}), ${cpu.threads} threads` : `does not work: ${cpu.reason}`,
    ],
    ['cuda', cuda.devices?.join(', ') ?? `none: ${cuda.reason}`],
    ['blas', `none: ${blas.reason}`],
    [
      'mnist',
      mnist.folder ??
        `not found: ${mnist.reason} (${mnist.searched.join(', ')}); set NEURODE_DATA, or let a training download it`,
    ],
    ...variables.map((name) => [name, environment[name] ?? 'not set']),
  ]
  return rows
    .map(([name = '', value = '']) => `${name.padEnd(21)}${value.replaceAll('\n', `\n${' '.repeat(21)}`)}\n`)
    .join('')
}
