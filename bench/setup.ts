/** Shared by the benchmarks: networks, rows of data, and measurement of the machine's peak. */

import { type CompileOptions, datasets, layers, type NdArray, sequential } from 'neurode'
import { integerOption, type ParsedArguments, textOption, UsageError } from '#lib/cli/options.js'
import { locateMnist } from '#lib/data/mnist.js'
import { native } from '#lib/native/native.js'
import type { Precision } from '#lib/native/plan.js'

const peakMilliseconds = 50

/** The layer sizes that `--net` names, beginning with the input. */
export function netOption(args: ParsedArguments): readonly number[] {
  const net = (textOption(args, 'net', /^\d+(,\d+)+$/, 'sizes such as 784,100,50,10') ?? '784,100,50,10')
    .split(',')
    .map(Number)
  if (net.some((size) => size < 1)) throw new UsageError(`--net: expected positive sizes, got '${net.join(',')}'`)
  return net
}

/** The options with which every benchmark compiles its model. */
export function compileOptions(args: ParsedArguments) {
  const device = textOption(args, 'device', /^(auto|cpu|cuda(:\d+)?)$/, 'auto, cpu, cuda or cuda:N') ?? 'auto'
  const precision = textOption(args, 'precision', /^(float32|tf32|bfloat16)$/, 'float32, tf32 or bfloat16') ?? 'float32'
  return {
    optimizer: 'sgd',
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    device: device as 'auto',
    threads: integerOption(args, 'threads', 1),
    precision: precision as Precision,
  } as const
}

/** A compiled network of Dense layers: relu, and softmax at the end. */
export function buildNet(net: readonly number[], args: ParsedArguments, options: Partial<CompileOptions> = {}) {
  const [inputs = 1, ...units] = net
  return sequential({
    layers: units.map((size, i) =>
      layers.dense({
        units: size,
        activation: i === units.length - 1 ? 'softmax' : 'relu',
        ...(i === 0 ? { inputShape: [inputs] } : {}),
      }),
    ),
    seed: 1,
  }).compile({ ...compileOptions(args), ...options })
}

export interface BenchRows {
  /** `mnist`, `synthetic` or `random`. */
  readonly name: string
  /** Pixels as bytes; the value of a pixel is byte / 255. */
  readonly images: NdArray<Uint8Array>
  readonly labels: Int32Array
}

/** MNIST if it is available, else synthetic digits. Networks of other sizes get random bytes and labels. */
export async function benchRows(net: readonly number[], rows: number): Promise<BenchRows> {
  const inputs = net[0] as number
  const classes = net.at(-1) as number
  if (inputs !== 784 || classes !== 10 || rows > 60_000) {
    const random = randomIntegers(1)
    const data = Uint8Array.from({ length: rows * inputs }, () => random(256))
    const labels = Int32Array.from({ length: rows }, () => random(classes))
    return { name: 'random', images: { data, shape: [rows, inputs], scale: 1 / 255 }, labels }
  }
  const { found } = await locateMnist()
  const { name, train } = found ? await datasets.mnist() : datasets.syntheticDigits({ train: rows, test: 0 })
  const images = { ...train.images, data: train.images.data.subarray(0, rows * 784), shape: [rows, 784] }
  return { name, images, labels: Int32Array.from(train.labels.data.subarray(0, rows)) }
}

/** A linear congruential generator. It is good enough, since the bytes only must not be zeros. */
function randomIntegers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** The number of threads from the options, or a model's default. */
export function threadsOption(args: ParsedArguments): number {
  return (
    integerOption(args, 'threads', 1) ??
    native()
      .devices()
      .find(({ name }) => name === 'cpu')?.threads ??
    1
  )
}

/** Measures the peak now: GFLOP/s of fused multiply-adds in registers. */
export function measurePeak(threads: number): Promise<number> {
  return native().measurePeak({ threads, milliseconds: peakMilliseconds })
}

/** Measures the ceiling of a CUDA device now: GFLOP/s of one large matrix product by its fastest kernel. */
export async function measureCeiling(device: string, precision: Precision): Promise<number> {
  const [m, n, k] = [8192, 4096, 4096]
  const seconds = await native().measureDevice({ device, precision, m, n, k, bytes: 0 })
  return (2e-9 * m * n * k) / seconds
}
