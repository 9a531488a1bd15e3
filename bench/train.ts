/** Measures training: seconds per epoch of `fit`, in comparison with the machine's peak, which is measured between the epochs. */

import { integerOption, type ParsedArguments } from '#lib/cli/options.js'
import type { Precision } from '#lib/native/plan.js'
import { median, type Row, round } from './report.js'
import { benchRows, buildNet, measureCeiling, measurePeak, netOption } from './setup.js'

export async function* train(args: ParsedArguments): AsyncGenerator<Row> {
  const net = netOption(args)
  const batchSize = integerOption(args, 'batch', 1) ?? 128
  const epochs = integerOption(args, 'epochs', 1) ?? 5
  const { name, images, labels } = await benchRows(net, integerOption(args, 'rows', 1) ?? 60_000)
  const began = performance.now()
  using model = buildNet(net, args)
  const onCpu = model.device === 'cpu'
  const openSeconds = (performance.now() - began) / 1000
  const epoch = async () => {
    const { epochSeconds } = await model.fit(images, labels, { batchSize, verbose: 0 })
    return epochSeconds[0] as number
  }
  // Latency dominates in small networks, so a comparison with large products would mean nothing.
  const isLarge = !onCpu && Math.max(...net) >= 4096
  const precision = (args.values.precision ?? 'float32') as Precision
  const measure = () => (onCpu ? measurePeak(model.threads) : measureCeiling(model.device, precision))
  const peaks: number[] = []
  const seconds: number[] = []
  const coldEpochSeconds = await epoch()
  for (let i = 0; i < epochs; i++) {
    if (onCpu || isLarge) peaks.push(await measure())
    seconds.push(await epoch())
    if (onCpu || isLarge) peaks.push(await measure())
  }
  const gflops = (1e-9 * flopsPerEpoch(net, labels.length)) / median(seconds)
  const peakGflops = peaks.length > 0 ? median(peaks) : undefined
  yield {
    bench: 'train',
    device: model.device,
    isa: model.isa,
    threads: model.threads,
    net,
    batch: batchSize,
    dataset: name,
    rows: labels.length,
    epochs,
    precision,
    openSeconds: round(openSeconds),
    coldEpochSeconds: round(coldEpochSeconds),
    microsecondsPerStep: round((1e6 * median(seconds)) / Math.ceil(labels.length / batchSize)),
    medianEpochSeconds: round(median(seconds)),
    minEpochSeconds: round(Math.min(...seconds)),
    gflops: round(gflops),
    peakGflops: peakGflops === undefined ? null : round(peakGflops),
    percentOfPeak: peakGflops === undefined ? null : round((100 * gflops) / peakGflops),
  }
}

/**
 * Operations of the matrix products, two per multiply-add: forward, weight gradients, and input gradients of all layers but the
 * first.
 */
function flopsPerEpoch(net: readonly number[], rows: number): number {
  const products = net.slice(1).map((units, i) => units * (net[i] as number))
  const all = products.reduce((sum, product) => sum + product, 0)
  return 2 * rows * (3 * all - (products[0] as number))
}
