/** Models of tables: from rows in the user's words to answers in them. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { feature, featureSpace, load, type Table, type TabularModel, table, tabular } from 'neurode'
import { inFolder, rejects, throws } from './data/files.js'
import { homes, kinds, quiet, records, settings, trained } from './support/homes.js'
import { warningsOf } from './support/warnings.js'

const numberOf = (answer: unknown) => (answer as { price: number }).price
const labelOf = (answer: unknown) => (answer as { label: unknown }).label

describe('models of tables', () => {
  it("answer in the target's own unit", async () => {
    using net = (await trained({}, homes().without('zone'), 60)) as TabularModel & Disposable
    assert.equal(net.task, 'regression')
    assert.equal(net.classes, undefined)
    const report = await net.evaluate(homes().without('zone'))
    assert.ok(report.task === 'regression' && report.r2 > 0.9, JSON.stringify(report))
    assert.equal(report.rows, 200)
    const answer = numberOf(await net.predict({ size: 50, kind: 'flat', lift: true }))
    assert.ok(answer > 2000 && answer < 4000, String(answer))
  })

  it('answer in classes with probabilities', async () => {
    using net = (await trained({ target: 'zone' }, homes().without('price'), 40)) as TabularModel & Disposable
    assert.deepEqual(net.classes, ['north', 'south'])
    const report = await net.evaluate(homes().without('price'))
    assert.ok(report.task === 'classification' && report.accuracy > 0.85, JSON.stringify(report))
    const answers = await net.predict([{ size: 95 }, { size: 3 }])
    assert.deepEqual(answers.map(labelOf), ['north', 'south'])
    for (const answer of answers) {
      const { probabilities } = answer as { probabilities: Record<string, number> }
      assert.deepEqual(Object.keys(probabilities), ['north', 'south'])
      assert.ok(Math.abs((probabilities.north as number) + (probabilities.south as number) - 1) < 1e-6)
    }
  })

  it('have numbers and booleans as classes too', async () => {
    for (const labels of [
      [0, 1],
      [true, false],
      [3, 7, 11],
    ] as const) {
      const rows = records(90).map((row, i) => ({ ...row, zone: labels[i % labels.length] as number | boolean }))
      using net = (await trained({ target: 'zone' }, table(rows), 1)) as TabularModel & Disposable
      assert.deepEqual([...(net.classes ?? [])].sort(), [...labels].sort())
      assert.equal(typeof labelOf(await net.predict({ size: 1 })), typeof labels[0])
    }
  })

  it('know their columns, for a form', async () => {
    const net = await trained()
    const [built, kind, , size, zone] = net.columns
    assert.deepEqual(
      net.columns.map(({ name, type, kind: of, optional }) => [name, type, of, optional]),
      [
        ['built', 'date', 'date', false],
        ['kind', 'text', 'category', true],
        ['lift', 'boolean', 'boolean', false],
        ['size', 'number', 'number', true],
        ['zone', 'text', 'category', false],
      ],
    )
    assert.deepEqual([...(kind?.words ?? [])].sort(), [...kinds].sort())
    assert.deepEqual(zone?.words?.length, 2)
    assert.deepEqual([size?.min, size?.max], [0, 100])
    assert.equal(built?.min, Date.UTC(1990, 0, 1))
    assert.match(net.summary({ print: false }).text, /size: number\n[\s\S]*Target: price, a number/)
    net.dispose()
    await rejects(net.predict({ size: 1 }), 'ERR_DISPOSED')
  })

  it('fill gaps with the median, and tell the network where training had some', async () => {
    const net = await trained()
    const { median } = net.columns.find(({ name }) => name === 'size') ?? {}
    const { numbers } = await shapesOf(net)
    assert.equal(numbers, 3 + 1 + 2, 'date, boolean, size and its gaps')
    const [gap, none, middle] = await net.predict([
      { kind: 'flat', size: null },
      { kind: 'flat' },
      { kind: 'flat', size: median },
    ])
    assert.deepEqual(gap, none)
    assert.notDeepEqual(gap, middle)
    const plain = await trained({ markGaps: false })
    const [filled, same] = await plain.predict([{ kind: 'flat' }, { kind: 'flat', size: median }])
    assert.deepEqual(filled, same)
    const open = await trained(
      { fillGaps: false },
      homes().take(Array.from({ length: 200 }, (_, i) => i).filter((i) => i % 11 !== 0)),
    )
    assert.ok(Number.isNaN(numberOf(await open.predict({ kind: 'flat' }))))
    for (const each of [net, plain, open]) each.dispose()
  })

  it('give words that they never saw no weight', async () => {
    const net = await trained({}, table(records().map((row) => ({ ...row, kind: row.kind ?? 'flat' }))))
    const [fresh, other, gap] = await net.predict([{ size: 5, kind: 'castle' }, { size: 5, kind: 'tent' }, { size: 5 }])
    assert.deepEqual(fresh, other)
    assert.deepEqual(fresh, gap, 'there were no gaps either')
    net.dispose()
  })

  it('leave out rows without a target, and tell', async () => {
    const rows = records(60).map((row, i) => ({ ...row, price: i === 4 || i === 7 ? null : row.price }))
    const warnings = await warningsOf(async () => (await trained({}, table(rows), 1)).dispose())
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['NEURODE_ROWS_LEFT_OUT'],
    )
    assert.match(warnings[0]?.message ?? '', /^2 rows were left out: their target 'price' is a gap, first in row 4$/)
  })

  it('refuse a target that says nothing', async () => {
    const same = table(records(30).map((row) => ({ ...row, price: 5, zone: 'north' })))
    await rejects(tabular(settings()).fit(same, quiet), 'ERR_ARGUMENT', /'price'.*all rows have the target 5/)
    await rejects(tabular(settings({ target: 'zone' })).fit(same, quiet), 'ERR_ARGUMENT', /"north"/)
    await rejects(tabular(settings()).fit(homes().take([]), quiet), 'ERR_ARGUMENT', /rows that have a target/)
    await rejects(tabular(settings({ target: 'cost' })).fit(homes(), quiet), 'ERR_UNKNOWN_NAME', /'cost'/)
    const names = table(records(30).map((row, i) => ({ ...row, zone: `zone ${i}` })))
    const warnings = await warningsOf(async () => (await trained({ target: 'zone' }, names, 1)).dispose())
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['NEURODE_FEW_ROWS'],
    )
  })

  it('name the column and the row of a cell that they cannot read', async () => {
    const net = await trained()
    await rejects(net.predict({ size: 'big' }), 'ERR_DTYPE', /column 'size': expected a number, got "big"/)
    await rejects(
      net.predict([{ size: 1 }, { lift: 3 }]),
      'ERR_DTYPE',
      /column 'lift', row 1: expected true or false, got 3/,
    )
    await rejects(net.predict({ built: '2024-13-01' }), 'ERR_DTYPE', /column 'built': expected a date/)
    await rejects(net.predict({ sise: 1 }), 'ERR_UNKNOWN_NAME', /'sise' in the model; did you mean 'size'/)
    await rejects(net.predict(homes().without('kind')), 'ERR_UNKNOWN_NAME', /the column 'kind' is missing/)
    const texts = table({
      ...columnsOf(homes()),
      size: Array.from({ length: 200 }, (_, i) => (i === 3 ? 'n/a' : String(i))),
    })
    await rejects(net.predict(texts), 'ERR_DTYPE', /column 'size', row 3: expected a number, got the text "n\/a"/)
    await rejects(net.evaluate(table([{ ...records(1)[0], price: 'much' }])), 'ERR_DTYPE', /'price'/)
    const answers = await net.predict([{ built: '2001-05-04', price: 1 }, { built: new Date('2001-05-04') }])
    assert.deepEqual(answers[0], answers[1])
    assert.deepEqual(await net.predict([]), [])
    assert.deepEqual(await net.predict(homes().take([])), [])
    net.dispose()
    throws(() => tabular(settings()).network, 'ERR_NOT_BUILT')
  })

  it('take names of JavaScript for columns, words and classes', async () => {
    const names = ['__proto__', 'constructor', 'toString']
    const rows = Array.from({ length: 60 }, (_, i) =>
      Object.fromEntries([
        ['__proto__', names[i % 3]],
        ['hasOwnProperty', i],
        ['constructor', names[i % 3]],
      ]),
    )
    const net = await trained({ target: 'constructor' }, table(rows as never), 30)
    await inFolder(async (folder) => {
      await net.save(join(folder, 'a.neurode'))
      const again = await load<TabularModel>(join(folder, 'a.neurode'))
      const record = Object.fromEntries([['__proto__', '__proto__']]) as never
      const answer = await again.predict(record)
      assert.deepEqual(answer, await net.predict(record))
      assert.equal(labelOf(answer), '__proto__')
      assert.deepEqual(Object.keys((answer as { probabilities: object }).probabilities), [
        '__proto__',
        'constructor',
        'toString',
      ])
      again.dispose()
    })
    net.dispose()
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  })

  it('come back from their file, and go on with the bits of a training that never ended', async () => {
    const space = () =>
      featureSpace({
        features: {
          size: feature.number({ log: true }),
          kind: 'category',
          built: 'date',
          lift: 'boolean',
        },
      })
    await inFolder(async (folder) => {
      const path = join(folder, 'homes.neurode')
      const [whole, half] = [tabular(settings({ features: space() })), tabular(settings({ features: space() }))]
      await whole.fit(homes(), { epochs: 6, ...quiet })
      await half.fit(homes(), { epochs: 3, ...quiet })
      await half.save(path)
      const again = await load<TabularModel>(path, { device: 'cpu', threads: 1 })
      assert.equal(again.kind, 'tabular')
      assert.deepEqual(again.columns, half.columns)
      assert.deepEqual(await again.predict(homes()), await half.predict(homes()))
      await again.fit(homes(), { epochs: 6, resume: true, ...quiet })
      assert.deepEqual(await again.predict(homes()), await whole.predict(homes()))
      const { leftOut } = await again.network.save(join(folder, 'homes.onnx'))
      assert.ok(leftOut.some((text) => text.startsWith('the columns of the table')))
      for (const each of [whole, half, again]) each.dispose()
    })
  })

  it('train on streams as on tables', async () => {
    const parts = {
      *[Symbol.iterator]() {
        for (let i = 0; i < 200; i += 50) yield homes().take(Array.from({ length: 50 }, (_, k) => i + k))
      },
    }
    const net = tabular(settings())
    const { epochs } = await net.fit(parts, { epochs: 20, validationData: parts, ...quiet })
    assert.equal(epochs, 20)
    const whole = await trained({}, homes(), 1)
    assert.deepEqual(net.columns, whole.columns)
    assert.deepEqual(await net.evaluate(parts), await net.evaluate(homes()))
    const report = await net.evaluate(parts)
    assert.ok(report.task === 'regression' && report.r2 > 0.8)
    await rejects(net.fit(parts, { validationSplit: 0.2, ...quiet }), 'ERR_ARGUMENT')
    for (const each of [net, whole]) each.dispose()
  })

  it('weigh classes and rows by name', async () => {
    const rows = table(records().map((row, i) => ({ ...row, weight: i % 2 })))
    const net = tabular(settings({ target: 'zone' }))
    await net.fit(rows, { classWeight: { north: 0, south: 1 }, sampleWeight: 'weight', epochs: 30, ...quiet })
    assert.ok(!net.columns.some(({ name }) => name === 'weight'))
    assert.equal(labelOf(await net.predict({ size: 99 })), 'south')
    await rejects(
      net.fit(rows, { classWeight: { west: 1 }, ...quiet }),
      'ERR_UNKNOWN_NAME',
      /'west'; there are north, south/,
    )
    net.dispose()
  })

  it('take features of every kind', async () => {
    const words = 'a quiet street by the sea with a long garden'.split(' ')
    const rows = records().map((row, i) => ({
      ...row,
      code: `c${(i * 31) % 97}`,
      rooms: i % 5,
      notes: i % 9 ? `${words[i % 10]}, ${words[(i * 3) % 10]}!` : null,
    }))
    const features = featureSpace({
      features: {
        size: feature.bins({ quantiles: 5 }),
        kind: feature.category({ minCount: 2 }),
        code: 'category',
        rooms: 'integerCategorical',
        lift: 'float',
        notes: feature.text({ maxTokens: 8 }),
        zone: feature.hash({ bins: 8 }),
      },
      crosses: [feature.cross(['kind', 'size'], { bins: 200 })],
    })
    const net = await trained({ features }, table(rows), 30)
    const report = await net.evaluate(table(rows))
    assert.ok(report.task === 'regression' && report.r2 > 0.8, JSON.stringify(report))
    assert.deepEqual(await shapesOf(net), { numbers: 1, categories: 4, words: 2, texts: 2 })
    await inFolder(async (folder) => {
      await net.save(join(folder, 'a.neurode'))
      const again = await load<TabularModel>(join(folder, 'a.neurode'))
      assert.deepEqual(await again.predict(table(rows)), await net.predict(table(rows)))
      again.dispose()
    })
    net.dispose()
  })
})

const columnsOf = ({ columns, rows }: Table) =>
  Object.fromEntries(columns.map(({ name }) => [name, Array.from({ length: rows }, () => null)]))

async function shapesOf({ network }: TabularModel): Promise<Record<string, number>> {
  return Object.fromEntries(network.inputs.map(({ shape }, i) => [network.inputNames[i], shape[0] as number]))
}
