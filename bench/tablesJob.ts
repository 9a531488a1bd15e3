/** One job of `npm run bench -- tables`: prints its seconds, and the most memory that this process has had. */

import { featureSpace, openTable, readCsv, readTable, type Table, type TableSource, tabular } from 'neurode'

const [job = '', path = '', threads = '1'] = process.argv.slice(2)

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const begin = performance.now()
  const result = await work()
  return [result, (performance.now() - begin) / 1000]
}

/** The features of the columns: numbers, and categories of texts. */
function featuresOf({ columns }: Pick<TableSource, 'columns'>) {
  const entries = columns.filter(({ name }) => name !== 'y')
  return featureSpace({
    features: Object.fromEntries(entries.map(({ name, type }) => [name, type === 'text' ? 'category' : 'number'])),
  })
}

async function learn(table: Table | TableSource, readSeconds: number) {
  const features = featuresOf(table)
  const [, adaptSeconds] = await timed(() => features.adapt(table))
  const net = tabular({ features, target: 'y', seed: 1, threads: Number(threads), device: 'cpu' })
  const [, epochSeconds] = await timed(() => net.fit(table, { epochs: 1, verbose: 0 }))
  return { readSeconds, adaptSeconds, epochSeconds }
}

const jobs: Readonly<Record<string, () => Promise<object>>> = {
  none: async () => ({ readSeconds: 0, adaptSeconds: null, epochSeconds: null }),
  readCsv: async () => ({ readSeconds: (await timed(() => readCsv(path)))[1], adaptSeconds: null, epochSeconds: null }),
  readTable: async () => ({
    readSeconds: (await timed(() => readTable(path)))[1],
    adaptSeconds: null,
    epochSeconds: null,
  }),
  fit: async () => learn(...(await timed(() => readTable(path)))),
  fitStream: async () => learn(...(await timed(() => openTable(path)))),
}

const measured = await jobs[job]?.()
console.log(JSON.stringify({ ...measured, peakBytes: process.resourceUsage().maxRSS * 1024 }))
