/** A table of homes, and models of it. */

import { type Table, type TabularOptions, table, tabular } from 'neurode'

export const kinds = ['flat', 'house', 'barn']
export const records = (rows = 200) =>
  Array.from({ length: rows }, (_, i) => {
    const size = (i * 37) % 101
    const kind = kinds[(i * 7) % 3] as string
    return {
      size: i % 11 === 0 ? null : size,
      kind: i % 13 === 0 ? null : kind,
      built: new Date(Date.UTC(1990 + (i % 30), i % 12, 1 + (i % 28))),
      lift: i % 4 === 0,
      price: 1000 + 30 * size + (kind === 'flat' ? 500 : 0),
      zone: size > 50 ? 'north' : 'south',
    }
  })
export const homes = (rows?: number) => table(records(rows))
export const quiet = { verbose: 0 } as const

export const settings = (options: Partial<TabularOptions> = {}): TabularOptions => ({
  target: 'price',
  seed: 1,
  device: 'cpu',
  threads: 1,
  ...options,
})

/** A model that was trained for a while. */
export async function trained(options: Partial<TabularOptions> = {}, data: Table = homes(), epochs = 3) {
  const net = tabular(settings(options))
  await net.fit(data, { epochs, ...quiet })
  return net
}
