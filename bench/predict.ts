/** Measures inference: latency and rows per second of `predictSync` and `predict`, by batch size. */

import { array } from 'neurode'
import type { ParsedArguments } from '#lib/cli/options.js'
import { quantile, type Row, round } from './report.js'
import { benchRows, buildNet, netOption } from './setup.js'

const batches = [1, 8, 64, 256, 1024]
const poolRows = 4096
const repeats = 5
const secondsPerRepeat = 0.1
const warmUpCalls = 50

export async function* predict(args: ParsedArguments): AsyncGenerator<Row> {
  const net = netOption(args)
  const inputs = net[0] as number
  const { name, images } = await benchRows(net, poolRows)
  const pool = Float32Array.from(images.data, (byte) => byte / 255)
  using model = buildNet(net, args)
  const methods = {
    predictSync: model.predictSync.bind(model),
    predict: model.predict.bind(model),
  }
  for (const batch of batches) {
    // Each call gets other rows, as in real use.
    const xs = Array.from({ length: Math.floor(poolRows / batch) }, (_, i) =>
      array(pool.subarray(i * batch * inputs, (i + 1) * batch * inputs), [batch, inputs]),
    )
    const out = new Float32Array(batch * (net.at(-1) as number))
    const times = { predictSync: [] as number[], predict: [] as number[] }
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const method of ['predictSync', 'predict'] as const) {
        const call = methods[method]
        for (let i = 0; i < warmUpCalls; i++) await call(xs[i % xs.length] as (typeof xs)[0], { out })
        const end = performance.now() + 1000 * secondsPerRepeat
        for (let i = 0, before = performance.now(); before < end; i++) {
          const result = call(xs[i % xs.length] as (typeof xs)[0], { out })
          if (result instanceof Promise) await result
          const after = performance.now()
          times[method].push(after - before)
          before = after
        }
      }
    }
    for (const [method, milliseconds] of Object.entries(times)) {
      const total = milliseconds.reduce((sum, value) => sum + value, 0)
      yield {
        bench: 'predict',
        method,
        device: model.device,
        isa: model.isa,
        threads: model.threads,
        net,
        dataset: name,
        batch,
        p50Microseconds: round(1000 * quantile(milliseconds, 0.5)),
        p99Microseconds: round(1000 * quantile(milliseconds, 0.99)),
        rowsPerSecond: round((1000 * batch * milliseconds.length) / total),
      }
    }
  }
}
