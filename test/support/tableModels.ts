/** A model of a table with features of several kinds, to damage its file. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import {
  type Functional,
  feature,
  featureSpace,
  load,
  type Sequential,
  type TabularModel,
  table,
  tabular,
} from 'neurode'

const tableRows = () =>
  Array.from({ length: 40 }, (_, i) => ({
    size: i % 7 ? i : null,
    kind: i % 3 ? 'a' : 'b',
    code: `c${i}`,
    built: new Date(i * 1e9),
    notes: i % 2 ? 'by the sea' : 'new',
    sold: i % 4 === 0,
  }))

export async function saveTableModel(path: string): Promise<void> {
  const features = featureSpace({
    features: { size: 'number', kind: 'hash', code: 'category', built: 'date', notes: feature.text({ maxTokens: 3 }) },
    crosses: [['kind', 'code']],
  })
  const net = tabular({ target: 'sold', features, hidden: [3], seed: 1 })
  await net.fit(table(tableRows()), { epochs: 1, verbose: 0 })
  await net.save(path)
  net.dispose()
}

/** Reads a damaged file of the model; without the part of the table it is a graph. */
export async function readTableModel(bytes: Uint8Array, path: string): Promise<void> {
  writeFileSync(path, bytes)
  const loaded = await load<TabularModel | Functional | Sequential>(path)
  try {
    if (loaded.kind !== 'tabular') return
    assert.ok(loaded.columns.length > 0)
    await loaded.predict(tableRows()).catch((error: { code: string }) => {
      assert.match(error.code, /^ERR_(?:UNKNOWN_NAME|DTYPE|LABEL_RANGE)$/)
    })
  } finally {
    loaded.dispose()
  }
}
