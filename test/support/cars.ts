/** A table of cars with columns of every type, and models of it. */

import { type Cell, feature, featureSpace, type TableRecord, type TabularModel, table, tabular } from 'neurode'
import { Random } from './random.js'

/** Names and words with characters that mean something elsewhere. */
export const oddName = '<b>"km" & \'x\''
export const oddWord = '</script><img src=x onerror=alert(1)>'

const makes = ['Škoda', 'VW', 'Fiat', oddWord]

/** Rows of a drawn table; some cells are gaps. */
export function carRows(count = 120, seed = 1): TableRecord[] {
  const draw = new Random(seed)
  const gap = (cell: Cell, share = 10) => (draw.below(share) === 0 ? null : cell)
  return Array.from({ length: count }, () => {
    const year = 1995 + draw.below(28)
    const make = draw.pick(makes)
    const mileage = Math.round(draw.uniform(0, 200_000))
    const price = Math.round(500 + (year - 1995) * 600 + makes.indexOf(make) * 900 - mileage / 50)
    return {
      year: gap(year),
      make: gap(make),
      listed: gap(new Date(Date.UTC(2024, draw.below(12), 1 + draw.below(28)))),
      damaged: gap(draw.below(4) === 0),
      [oddName]: gap(mileage),
      notes: gap(draw.pick(['one owner, new tyres', 'needs work; rust', 'garage kept', 'sold as it is'])),
      price,
      sold: price > 8000 ? 'yes, sold' : 'no',
    }
  })
}

const columns = {
  year: feature.number(),
  make: feature.category(),
  listed: feature.date(),
  damaged: feature.boolean(),
  [oddName]: feature.number(),
  notes: feature.text(),
}

/** Without columns that say what another target is. */
const without = (name: string) => carRows().map(({ [name]: _, ...row }) => row)

/** A model of the price. */
export async function priceModel(device = 'cpu'): Promise<TabularModel> {
  return await trained('price', without('sold'), device)
}

/** A model of whether a car was sold. */
export async function soldModel(device = 'cpu'): Promise<TabularModel> {
  return await trained('sold', without('price'), device)
}

async function trained(target: string, rows: readonly TableRecord[], device: string): Promise<TabularModel> {
  const features = featureSpace({ features: columns })
  const net = tabular({ target, features, hidden: [8], seed: 1, device: device as 'cpu', threads: 1 })
  await net.fit(table(rows), { epochs: 3, verbose: 0 })
  return net
}
