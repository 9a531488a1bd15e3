/** Tables that stay in their files, read in pieces, and tables that are written. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import {
  type Column,
  NeurodeError,
  type NumberColumn,
  type OpenTableOptions,
  openTable,
  readTable,
  type Table,
  type TableSource,
  table,
  writeTable,
} from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { mutate } from './support/mutations.js'
import { Random } from './support/random.js'
import { warningsOf } from './support/warnings.js'

const open = (text: string | Uint8Array, options?: OpenTableOptions) => openTable(Buffer.from(text as string), options)
async function piecesOf(source: TableSource): Promise<Table[]> {
  const pieces: Table[] = []
  for await (const piece of source) pieces.push(piece)
  return pieces
}
const recordsOf = (tables: readonly Table[]) => tables.flatMap((each) => [...each])
const typed = (columns: readonly Pick<Column, 'name' | 'type'>[]) => columns.map(({ name, type }) => `${name} ${type}`)

describe('tables in pieces', () => {
  const rows = 60_000
  const row = (i: number) =>
    `${i % 50},${i % 7 === 0 ? '' : (i % 900) + 0.25},"w ${i % 300}\n""x""",${i % 2 ? 'ja' : 'nein'},2024-01-${10 + (i % 20)}\n`
  const text = `a,b,c,d,e\n${Array.from({ length: rows }, (_, i) => row(i)).join('')}`

  it('are those of the whole table, as often as they are read', async () => {
    const whole = await readTable(Buffer.from(text))
    for (const given of [text, gzipSync(text)]) {
      const source = await open(given, { rowsAtATime: 7001 })
      assert.equal(source.rows, rows)
      assert.deepEqual(typed(source.columns), ['a number', 'b number', 'c text', 'd boolean', 'e date'])
      for (let i = 0; i < 2; i++) {
        const pieces = await piecesOf(source)
        assert.deepEqual(
          pieces.map((piece) => piece.rows),
          [...Array(8).fill(7001), rows - 8 * 7001],
        )
        const some = (records: readonly object[]) => records.filter((_, place) => place % 97 === 0)
        assert.deepEqual(some(recordsOf(pieces)), some([...whole]))
        assert.deepEqual(typed(pieces[3]?.columns ?? []), typed(source.columns))
        assert.equal(pieces[2]?.source?.lineOf(5), whole.source?.lineOf(2 * 7001 + 5))
      }
    }
  })

  it('hold the columns that are selected, in their order, and nothing of others', async () => {
    const source = await open('a,b,c\n1,x,2\n3,"y\nz",oops\n', { types: { a: 'number', b: 'text', c: 'number' } })
    const part = source.select(['c', 'b', 'a']).select(['a', 'b'])
    assert.deepEqual(typed(part.columns), ['a number', 'b text'])
    assert.deepEqual(recordsOf(await piecesOf(part)), [
      { a: 1, b: 'x' },
      { a: 3, b: 'y\nz' },
    ])
    await rejects(piecesOf(source), 'ERR_FILE_FORMAT', /line 3, column 'c'/)
    assert.throws(() => source.select(['d']), /names\[0\]: there is no column 'd'/)
    assert.throws(() => source.select(['a', 'a']), /each column once/)
  })

  it('have the types that readTable finds, in any file', async () => {
    const tail = '\n1,"1,234.5",word,01067,1/2/2024\n'
    const last = `a,b,c,d,e\n${Array.from({ length: 90_000 }, (_, i) => `${i},${i % 7}.5,${i % 3},${i},1/13/2024`).join('\n')}${tail}`
    const german = `a;b\n${Array.from({ length: 200_000 }, (_, i) => `${i % 10};${(i % 9) + 1}.250\n`).join('')}"3,5";7\n`
    for (const given of [last, german, 'a,b,\n1,x,\n', 'a,b\n,\n', 'a,b\n', 'x;y\n1.234;ja\n']) {
      const whole = await readTable(Buffer.from(given))
      const source = await open(given)
      assert.deepEqual(typed(source.columns), typed(whole.columns))
      assert.equal(source.source.decimal, whole.source?.decimal)
      const [first] = await piecesOf(source)
      assert.deepEqual(first?.row(0), whole.rows > 0 ? whole.row(0) : undefined)
    }
  })

  it('are booleans where digits are named as such', async () => {
    const options: OpenTableOptions = { booleans: [['1', '0']] }
    for (const text of ['a,b\n1,x\n0,y\n', 'a,b\n1,x\n0,y\n2,z\n']) {
      const whole = await readTable(Buffer.from(text), options)
      const source = await open(text, options)
      assert.deepEqual(typed(source.columns), typed(whole.columns))
      assert.deepEqual(recordsOf(await piecesOf(source)), [...whole])
    }
  })

  it('are refused where nothing shows which number a cell is', async () => {
    const asked = { types: { x: 'number' } } as const
    await rejects(open('x;y\n1.234;a\n', asked), 'ERR_FILE_FORMAT', /column 'x': .*the option decimal/)
    const [piece] = await piecesOf(await open('x;y\n1.234;a\n', { ...asked, decimal: ',' }))
    assert.deepEqual(piece?.row(0), { x: 1234, y: 'a' })
  })

  it('are read without counting where options tell all types', async () => {
    const source = await open('a,b\n1,x\n2,y\noops,z\n', {
      types: { a: 'number', b: 'text' },
      decimal: '.',
      rowsAtATime: 2,
    })
    assert.equal(source.rows, undefined)
    const pieces: Table[] = []
    const reading = (async () => {
      for await (const piece of source) pieces.push(piece)
    })()
    await rejects(reading, 'ERR_FILE_FORMAT', /data: line 4, column 'a': expected a number, got "oops"/)
    assert.deepEqual(recordsOf(pieces), [
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ])
  })

  it('end early where nobody wants more, and close their file', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.csv')
      await writeFile(path, text)
      const source = await openTable(path, { rowsAtATime: 10, columns: ['c', 'a'] })
      for await (const piece of source) {
        assert.deepEqual(Object.keys(piece.row(0)), ['c', 'a'])
        break
      }
      await writeFile(path, 'a,b,c,d,e\n1,2\n')
      await rejects(piecesOf(source), 'ERR_FILE_FORMAT', /a\.csv: line 2: expected 5 cells as in line 1, got 2/)
    })
  })

  it('are read or refused as the whole table is, whatever is in a file', async () => {
    const draw = new Random(5)
    const texts = ['row,x\n0,1.5\n1,"a ""b"""\n2,x\n', 'a;b\r\n1,5;2024-01-02\r\n', '\ufeffa\tb\nja\tnein\n']
    const refused = (error: unknown) => {
      assert.ok(error instanceof NeurodeError && error.code === 'ERR_FILE_FORMAT', String(error))
      return error.message
    }
    await warningsOf(async () => {
      for (let i = 0; i < 200; i++) {
        const bytes = mutate(Buffer.from(draw.pick(texts)), draw)
        const whole = await readTable(bytes).then((each) => [...each], refused)
        const pieces = await openTable(bytes, { rowsAtATime: 2 }).then(piecesOf).then(recordsOf, refused)
        assert.deepEqual(pieces, whole)
      }
    })
  })
})

describe('tables that are written', () => {
  const odd = table(
    [
      { 'a,"b"': 'x', n: 0.1 + 0.2, yes: true, day: new Date('2024-02-29'), __p: '' },
      { 'a,"b"': ' ,;"\r\n\t', n: -1e-300, yes: false, day: new Date('2024-02-29T12:30:00.5Z'), __p: '=1+1' },
      { 'a,"b"': null, n: null, yes: null, day: null, __p: 'Łódź 😀' },
    ],
    { types: { yes: 'boolean' } },
  )

  it('are read again with the same values', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.csv')
      for (const options of [
        undefined,
        { delimiter: ';' },
        { delimiter: '\t', decimal: ',' },
        { decimal: ',' },
      ] as const) {
        await writeTable(path, odd, options)
        assert.deepEqual([...(await readTable(path))], [...odd])
        const pieces = await openTable(path, { rowsAtATime: 1 })
        await writeTable(join(folder, 'b.csv'), pieces, options)
        assert.equal(readFileSync(join(folder, 'b.csv'), 'utf8'), readFileSync(path, 'utf8'))
      }
    })
  })

  it('hold numbers of any size and any single column, and are read again as such', async () => {
    const numbers = [2 ** 53 + 2, -1e20, 1e21, -0, 5e-324, Number.MAX_VALUE, 0.1, 2 ** 53 - 1]
    await inFolder(async (folder) => {
      await writeTable(join(folder, 'a.csv'), table({ 'a;b': ['c|d', 'e,f;g'] }))
      assert.deepEqual([...(await readTable(join(folder, 'a.csv')))], [{ 'a;b': 'c|d' }, { 'a;b': 'e,f;g' }])
      for (const decimal of ['.', ','] as const) {
        await writeTable(join(folder, 'a.csv'), table({ x: numbers }), { decimal })
        const { type, values } = (await readTable(join(folder, 'a.csv'))).column('x') as NumberColumn
        assert.equal(type, 'number')
        assert.ok(values.every((value, i) => Object.is(value, numbers[i])))
      }
    })
  })

  it('keep texts that stand for gaps apart from gaps, whatever else there is', async () => {
    const draw = new Random(11)
    const words = [
      'NA',
      '',
      ' ',
      ' NA\t',
      'null',
      '-',
      '?',
      'k. A.',
      '"',
      '""',
      'a,b',
      'sep=;',
      '\ufeff',
      'x\r\ny',
      '1',
      'é',
    ]
    const names = ['a', 'NA', 'a,b', '"', 'x\ny', '1']
    await inFolder(async (folder) => {
      const path = join(folder, 'a.csv')
      for (let i = 0; i < 100; i++) {
        const rows = 1 + Math.floor(draw.next() * 6)
        const cells = () => Array.from({ length: rows }, () => (draw.next() < 0.2 ? null : draw.pick(words)))
        const chosen = [...new Set([draw.pick(names), draw.pick(names)])]
        const types = Object.fromEntries(chosen.map((name) => [name, 'text' as const]))
        const given = table(Object.fromEntries(chosen.map((name) => [name, cells()])), { types })
        const [delimiter, rowsAtATime] = [draw.pick([',', ';', '\t', '|'] as const), 1 + (i % 3)]
        await writeTable(path, given, { delimiter })
        assert.deepEqual([...(await readTable(path, { types }))], [...given], readFileSync(path, 'utf8'))
        const pieces = await piecesOf(await openTable(path, { types, rowsAtATime }))
        assert.deepEqual(recordsOf(pieces), [...given])
      }
    })
  })

  it('have a line for every row, and are whole or not there', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.csv')
      await writeTable(path, table({ a: ['x', null, ''] }))
      assert.equal(readFileSync(path, 'utf8'), 'a\nx\nNA\n""\n')
      const broken = await open('a,b\n1,2\n1\n', { types: { a: 'text', b: 'text' } })
      await rejects(writeTable(path, broken), 'ERR_FILE_FORMAT', /line 3: expected 2 cells/)
      assert.equal(readFileSync(path, 'utf8'), 'a\nx\nNA\n""\n')
      await rejects(writeTable(path, [{ a: 1 }] as never), 'ERR_ARGUMENT', /table: expected a table, got an array/)
      await rejects(writeTable(path, odd, { delimiter: '"' as never }), 'ERR_ARGUMENT', /delimiter/)
      await rejects(writeTable(folder, odd), 'ERR_FILE_WRITE')
      const many = table({ i: Array.from({ length: 30_000 }, (_, i) => i * 1.1) })
      await writeTable(path, many)
      const column = (await readTable(path)).column('i')
      assert.deepEqual(column, many.column('i'))
    })
  })
})
