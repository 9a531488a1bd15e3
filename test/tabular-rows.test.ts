/** Models of tables and the rows that they are given: parts of files, streams, records and features that others share. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { feature, featureSpace, load, readTable, type TabularModel, table, tabular } from 'neurode'
import { inFolder, rejects, throws } from './data/files.js'
import { homes, quiet, records, settings, trained } from './support/homes.js'

describe('models of tables and their rows', () => {
  it('take no words of a file for others that it does not show', async () => {
    const csv = (words: readonly string[]) =>
      readTable(
        Buffer.from(`size,plan\n${Array.from({ length: 60 }, (_, i) => `${i},${words[i % words.length]}\n`).join('')}`),
      )
    const net = await trained({ target: 'size' }, await csv(['Yes', 'No', 'No phone']))
    const part = await csv(['Yes', 'No'])
    assert.equal(part.column('plan').type, 'boolean')
    await inFolder(async (folder) => {
      await net.save(join(folder, 'a.neurode'))
      const again = await load<TabularModel>(join(folder, 'a.neurode'))
      const remedy = /column 'plan': expected a column of type text.*types: \{ 'plan': 'text' \}/
      for (const each of [net, again]) await rejects(each.predict(part), 'ERR_DTYPE', remedy)
      again.dispose()
    })
    net.dispose()
    const sizes = await trained({ target: 'size' }, await csv(['S', '1.50', '38']))
    await rejects(sizes.predict(await csv(['1.50', '38'])), 'ERR_DTYPE', /column 'plan': .*got one of type number/)
    assert.deepEqual(await sizes.predict(await csv(['38'])), await sizes.predict(Array(60).fill({ plan: '38' })))
    sizes.dispose()
    const flags = await trained({ target: 'size' }, part)
    const [yes] = await flags.predict(await csv(['Yes']))
    assert.deepEqual(yes, await flags.predict({ plan: true }))
    flags.dispose()
  })

  it('leave out what numbers the rows, in whatever order they are', async () => {
    const rows = table(records().map((row, i) => ({ ...row, id: 1000 + 3 * i })))
    for (const each of [rows, rows.split({ seed: 2 }).train]) {
      const net = tabular(settings())
      await net.fit(each, { epochs: 1, earlyStopping: true, ...quiet })
      assert.deepEqual(net.leftOut, [{ name: 'id', why: 'it numbers the rows' }])
      net.dispose()
    }
  })

  it('are compared with records as with tables, and go on with rows of few classes', async () => {
    const net = await trained({ target: 'zone' })
    const rows = records(40).map(({ size, zone }) => ({ size, zone }))
    const filled = rows.map((row) => ({ ...row, kind: null, built: null, lift: null, price: null }))
    assert.deepEqual(await net.evaluate(rows), await net.evaluate(filled))
    const few = records(40).map((row, i) => ({ ...row, zone: i === 7 ? 'north' : 'south' }))
    assert.equal((await net.fit(table(few), { epochs: 1, earlyStopping: true, ...quiet })).epochs, 1)
    const once = (function* () {
      yield homes()
    })()
    await rejects(net.fit(once, quiet), 'ERR_ARGUMENT', /fit: expected a stream that can be read more than once/)
    await rejects(net.predict({ size: Infinity }), 'ERR_DTYPE', /'size': expected a number, got Infinity/)
    await rejects(net.predict({ size: -1e300 }), 'ERR_DTYPE', /'size': expected a number that float32 holds/)
    net.dispose()
  })

  it('keep what they learned, whatever their features learn for others', async () => {
    const space = featureSpace({ features: { size: 'number', kind: 'category', built: 'date' } })
    const own = { features: space, target: 'price' }
    const [first, second] = [tabular(settings(own)), tabular(settings(own))]
    const other = table(records(60).map((row, i) => ({ ...row, kind: `kind ${i % 9}`, size: 5 + (row.size ?? 0) })))
    await Promise.all([first.fit(homes(), { epochs: 2, ...quiet }), second.fit(other, { epochs: 2, ...quiet })])
    assert.deepEqual(first.columns.find(({ name }) => name === 'kind')?.words?.length, 3)
    assert.deepEqual(second.columns.find(({ name }) => name === 'kind')?.words?.length, 9)
    const answers = await first.predict(homes())
    await space.adapt(other)
    assert.deepEqual(await first.predict(homes()), answers)
    const learned = space.learned('size')
    await space.adapt({ [Symbol.iterator]: () => [other][Symbol.iterator]() })
    assert.deepEqual(space.learned('size'), learned)
    await rejects(first.predict({ [Symbol.iterator]: () => [other][Symbol.iterator]() } as never), 'ERR_ARGUMENT')
    await rejects(space.adapt([{ size: 1, kind: 'a' }, { size: 'x' }]), 'ERR_DTYPE')
    assert.deepEqual(space.learned('size'), learned)
    for (const each of [first, second]) each.dispose()
  })

  it('refuse features that tell the target, or that weigh rows', async () => {
    const space = featureSpace({ features: { size: 'number', price: 'number' } })
    throws(() => tabular({ target: 'price', features: space }), 'ERR_ARGUMENT', /without the target.*"price"/)
    const net = tabular(settings({ target: 'zone', features: space }))
    await rejects(net.fit(homes(), { sampleWeight: 'size', ...quiet }), 'ERR_ARGUMENT', /neither a feature/)
    await rejects(net.fit(homes(), { sampleWeight: 'zone', ...quiet }), 'ERR_ARGUMENT', /neither a feature/)
  })

  it('tell apart numbers that are small or close together', async () => {
    const rows = table(Array.from({ length: 100 }, (_, i) => ({ charge: 1.6e-19 * (i + 1), y: i })))
    const net = await trained({ target: 'y', task: 'regression' }, rows, 60)
    const report = await net.evaluate(rows)
    assert.ok(report.task === 'regression' && report.r2 > 0.9, JSON.stringify(report))
    net.dispose()
    const crossed = featureSpace({
      features: { a: feature.stringCategorical({ numOovIndices: 0 }), b: 'category' },
      crosses: [['a', 'b']],
    })
    await crossed.adapt([{ a: 'x', b: 'y' }])
    assert.equal(crossed.parts.at(-1)?.name, 'a_X_b')
  })
})
