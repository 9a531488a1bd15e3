/** Tables: their columns and rows, parts of them, and tables made in memory. */

import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type Table, table } from 'neurode'
import { throws } from './data/files.js'

const day = new Date('2024-02-29')
const records = [
  { make: 'Fiat', year: 2019, sold: true, listed: day },
  { make: 'BMW', year: null, sold: false },
  { year: 2021, make: 'Fiat', listed: null, sold: undefined },
]
const cars = () => table(records)
const rowsOf = (each: Table) => [...each]

describe('tables in memory', () => {
  it('have columns of the types of their values, with gaps', () => {
    const { columns, rows } = cars()
    assert.equal(rows, 3)
    assert.deepEqual(
      columns.map(({ name, type, missing }) => [name, type, missing]),
      [
        ['make', 'text', 0],
        ['year', 'number', 1],
        ['sold', 'boolean', 1],
        ['listed', 'date', 2],
      ],
    )
    assert.deepEqual(rowsOf(cars()), [
      { make: 'Fiat', year: 2019, sold: true, listed: day },
      { make: 'BMW', year: null, sold: false, listed: null },
      { make: 'Fiat', year: 2021, sold: null, listed: null },
    ])
    const make = cars().column('make')
    assert.ok(make.type === 'text')
    assert.deepEqual(
      [make.words, [...make.codes]],
      [
        ['Fiat', 'BMW'],
        [0, 1, 0],
      ],
    )
    assert.equal(cars().source, undefined)
  })

  it('are made of columns, and of the types that are asked for', () => {
    const given = { zip: [1067, '00501', null], at: ['2024-02-29', 0, day], x: Float32Array.of(1, Number.NaN, 3) }
    const made = table(given, { types: { zip: 'text', at: 'date' } })
    assert.deepEqual(rowsOf(made), [
      { zip: '1067', at: day, x: 1 },
      { zip: '00501', at: new Date(0), x: null },
      { zip: null, at: day, x: 3 },
    ])
    assert.deepEqual(
      table([], { types: { a: 'text' } }).columns.map(({ name, type }) => [name, type]),
      [['a', 'text']],
    )
    assert.equal(table({ a: [null, Number.NaN] }).column('a').type, 'number')
  })

  it('have dates of texts in UTC, wherever they are read', () => {
    const zone = process.env.TZ
    try {
      process.env.TZ = 'America/New_York'
      const texts = ['2024-03-10T02:30', '2024-03-10T02:30:00.5Z', '2024-03-10T02:30+01:00', '2024-03-10']
      const { values } = table({ at: texts }, { types: { at: 'date' } }).column('at') as { values: Float64Array }
      const first = Date.UTC(2024, 2, 10, 2, 30)
      assert.deepEqual([...values], [first, first + 500, first - 3_600_000, Date.UTC(2024, 2, 10)])
    } finally {
      if (zone === undefined) delete process.env.TZ
      else process.env.TZ = zone
    }
    throws(() => table({ at: ['2023-02-29'] }, { types: { at: 'date' } }), 'ERR_DTYPE', /row 0: expected a date/)
  })

  it('name column and row of a value that does not belong', () => {
    const cases: readonly (readonly [() => unknown, string, RegExp])[] = [
      [() => table([{ a: 1 }, { a: 'x' }]), 'ERR_DTYPE', /column 'a', row 1: expected a finite number.*got "x"/],
      [() => table([{ a: Infinity }]), 'ERR_DTYPE', /column 'a', row 0: .*got Infinity/],
      [() => table([{ a: 'x' }, { a: 1 }]), 'ERR_DTYPE', /column 'a', row 1: expected a text/],
      [() => table([{ a: {} as never }]), 'ERR_DTYPE', /column 'a', row 0: .*got an object/],
      [
        () => table({ a: ['2024-02-30x'] }, { types: { a: 'date' } }),
        'ERR_DTYPE',
        /column 'a', row 0: expected a date/,
      ],
      [() => table({ a: [1], b: [1, 2] }), 'ERR_SHAPE', /'b': expected 1 values as in 'a', got 2/],
      [() => table({ a: [1] }, { types: { b: 'text' } }), 'ERR_UNKNOWN_NAME', /no column 'b'/],
      [() => table({ a: [1] }, { types: { a: 'float' as never } }), 'ERR_ARGUMENT', /types: 'a': expected 'number'/],
      [() => table([]), 'ERR_ARGUMENT', /at least one column/],
    ]
    for (const [make, code, message] of cases) throws(make, code, message)
  })
})

describe('parts of tables', () => {
  it('are rows and columns in the order that was asked for', () => {
    assert.deepEqual(rowsOf(cars().take([2, 0, 2]).select(['year', 'make'])), [
      { year: 2021, make: 'Fiat' },
      { year: 2019, make: 'Fiat' },
      { year: 2021, make: 'Fiat' },
    ])
    assert.deepEqual(
      cars()
        .without('make')
        .columns.map(({ name }) => name),
      ['year', 'sold', 'listed'],
    )
    throws(() => cars().column('yaer'), 'ERR_UNKNOWN_NAME', /no column 'yaer'; did you mean 'year'/)
    throws(() => cars().row(3), 'ERR_ARGUMENT', /index: expected the number of a row, from 0 to 2, got 3/)
    throws(() => cars().take([3]), 'ERR_ARGUMENT', /rows\[0\]/)
    throws(() => cars().select(['make', 'make']), 'ERR_ARGUMENT', /names\[1\]: expected each column once/)
  })

  it('are drawn by a seed, with the same share of each value of a column', () => {
    const many = table({
      row: Array.from({ length: 100 }, (_, row) => row),
      kind: Array.from({ length: 100 }, (_, row) => (row % 10 === 0 ? null : row % 2 === 0 ? 'even' : 'odd')),
    })
    const { train, test } = many.split({ test: 0.2, stratify: 'kind', seed: 1 })
    const countOf = (part: Table, kind: string | null) => rowsOf(part).filter((row) => row.kind === kind).length
    for (const [kind, count] of [
      ['even', 40],
      ['odd', 50],
      [null, 10],
    ] as const) {
      assert.deepEqual([countOf(train, kind), countOf(test, kind)], [count * 0.8, count * 0.2])
    }
    const numbers = (part: Table) => rowsOf(part).map(({ row }) => row)
    assert.deepEqual(new Set([...numbers(train), ...numbers(test)]).size, 100)
    assert.deepEqual(numbers(many.split({ seed: 3 }).test), numbers(many.split({ seed: 3 }).test))
    assert.deepEqual(numbers(many.split({ shuffle: false }).test)[0], 80)
    throws(() => many.split({ stratify: 'row' }), 'ERR_ARGUMENT', /split: stratify: expected at least 2 rows/)
    throws(() => many.split({ test: 1 }), 'ERR_ARGUMENT', /split: test: expected a share/)
    throws(() => many.take([0]).split(), 'ERR_ARGUMENT', /split: expected a table of at least 2 rows/)
  })

  it('have columns by the names of parts of every object', () => {
    const names = ['__proto__', 'constructor', 'toString']
    const text = `{${names.map((name, i) => `"${name}": ${i}`).join(', ')}}`
    const made = table([JSON.parse(text)])
    assert.deepEqual(
      Object.entries(made.row(0)),
      names.map((name, i) => [name, i]),
    )
    assert.equal(Object.getPrototypeOf(made.row(0)), Object.prototype)
    assert.deepEqual(made.select(['__proto__']).columns[0]?.name, '__proto__')
    throws(() => made.column('valueOf'), 'ERR_UNKNOWN_NAME')
  })

  it('print their columns, without characters that steer terminals', () => {
    assert.equal(inspect(table({ a: [1], '\u001b[31m': ['x'] })), 'Table of 1 rows { a: number, \\u001b[31m: text }')
  })
})
