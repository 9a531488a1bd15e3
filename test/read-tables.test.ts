/** `readTable`: what it guesses, what it is told, and what its errors name. */

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Cell, type ReadTableOptions, readCsv, readTable, type Table } from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { Random } from './support/random.js'
import { warningsOf } from './support/warnings.js'

const read = (text: string | Uint8Array, options?: ReadTableOptions) => readTable(Buffer.from(text as string), options)
const typesOf = ({ columns }: Table) => Object.fromEntries(columns.map(({ name, type }) => [name, type]))
const valuesOf = (table: Table, name: string) => [...table].map((record) => record[name])
const column = (cells: readonly string[], delimiter = ',') =>
  `row${delimiter}x\n${cells.map((cell, row) => `${row}${delimiter}${cell}\n`).join('')}`
const failed = (text: string | Uint8Array, message: RegExp, options?: ReadTableOptions) =>
  rejects(read(text, options), 'ERR_FILE_FORMAT', message)

describe('types of columns', () => {
  it('are decided by all cells, also those behind the first megabytes', async () => {
    const rows = 150_000
    const cells = Array.from({ length: rows }, (_, row) => `${row},${row % 7}.5,${row % 3},${row},${row % 9}\n`)
    cells[rows - 1] = '1,"1,234.5",word,01067,\n'
    const table = await read(`a,b,c,d,e\n${cells.join('')}`)
    assert.deepEqual(typesOf(table), { a: 'number', b: 'number', c: 'text', d: 'text', e: 'number' })
    assert.deepEqual(table.row(rows - 1), { a: 1, b: 1234.5, c: 'word', d: '01067', e: null })
    assert.deepEqual(table.row(rows - 2), {
      a: rows - 2,
      b: ((rows - 2) % 7) + 0.5,
      c: String((rows - 2) % 3),
      d: `${rows - 2}`,
      e: (rows - 2) % 9,
    })
    assert.equal(table.source?.lineOf(rows - 1), rows + 1)
  })

  it('are those of a decimal comma where only the last row shows it', async () => {
    const rows = 250_000
    const cells = Array.from({ length: rows }, (_, row) => `${row % 10};${(row % 9) + 1}.250\n`)
    const table = await read(`a;b\n${cells.join('')}"3,5";7\n`)
    assert.equal(table.source?.decimal, ',')
    assert.deepEqual(
      [table.row(0), table.row(rows)],
      [
        { a: 0, b: 1250 },
        { a: 3.5, b: 7 },
      ],
    )
  })

  it('stay text where a mark could be a decimal one or one between thousands', async () => {
    assert.deepEqual(typesOf(await read(column(['"1,234"', '"2,345"']))), { row: 'number', x: 'text' })
    assert.deepEqual(typesOf(await read(column(['1.234', '2.345'], ';'))), { row: 'number', x: 'text' })
    assert.deepEqual(valuesOf(await read(column(['1.234', '2.345'])), 'x'), [1.234, 2.345])
    assert.deepEqual(valuesOf(await read(column(['1.234', '2.5'], ';')), 'x'), [1.234, 2.5])
    assert.deepEqual(valuesOf(await read(column(['1.234', '2,5'], ';')), 'x'), [1234, 2.5])
    assert.deepEqual(valuesOf(await read(column(['1.234', '5'], ';'), { decimal: ',' }), 'x'), [1234, 5])
    assert.deepEqual(valuesOf(await read(column(['1.234', '5'], ';'), { decimal: '.' }), 'x'), [1.234, 5])
    assert.deepEqual(valuesOf(await read(column(["1'234.5", '5'])), 'x'), [1234.5, 5])
    assert.equal(typesOf(await read(column(["1'234.5", '5']), { thousands: '' })).x, 'text')
    assert.equal(typesOf(await read(column(['030 123 456', '555 123 456']))).x, 'text')
  })

  it('are dates only where day and month can be told apart', async () => {
    const dates = async (cells: readonly string[], options?: ReadTableOptions) => {
      const table = await read(column(cells), options)
      return valuesOf(table, 'x').map((cell) => (cell instanceof Date ? cell.toISOString().slice(0, 16) : cell))
    }
    assert.deepEqual(await dates(['1/2/2024', '13/2/2024']), ['2024-02-01T00:00', '2024-02-13T00:00'])
    assert.deepEqual(await dates(['1/2/2024', '2/13/2024']), ['2024-01-02T00:00', '2024-02-13T00:00'])
    assert.deepEqual(await dates(['1/2/2024', '3/4/2024']), ['1/2/2024', '3/4/2024'])
    assert.deepEqual(await dates(['1/2/2024', '3/4/2024'], { dates: 'mdy' }), ['2024-01-02T00:00', '2024-03-04T00:00'])
    assert.deepEqual(await dates(['13/2/2024', '2/13/2024']), ['13/2/2024', '2/13/2024'])
    assert.deepEqual(await dates(['2024-02-29T12:30:15.5+02:00', 'NA']), ['2024-02-29T10:30', null])
    assert.deepEqual(await dates(['29.2.2024 12:30', '1.1.1969']), ['2024-02-29T12:30', '1969-01-01T00:00'])
    assert.deepEqual(await dates(['29.2.2023', '1.1.1969']), ['29.2.2023', '1.1.1969'])
  })

  it('are booleans where both words of a pair stand, or the words are named', async () => {
    assert.equal(typesOf(await read(column(['Y', 'N', 'n']))).x, 'boolean')
    assert.equal(typesOf(await read(column(['NO', 'NO']))).x, 'text')
    assert.deepEqual(valuesOf(await read(column(['TRUE', 'true'])), 'x'), [true, true])
    assert.deepEqual(valuesOf(await read(column(['an', 'aus', '']), { booleans: [['An', 'Aus']] }), 'x'), [
      true,
      false,
      null,
    ])
    assert.deepEqual(valuesOf(await read(column(['1', '0']), { booleans: [['1', '0']] }), 'x'), [true, false])
    assert.deepEqual(valuesOf(await read(column(['1', '0']), { types: { x: 'boolean' } }), 'x'), [true, false])
  })

  it('are those that are asked for, or an error names line and column', async () => {
    const table = await read(column(['007', ' 5 ', '1e400']), { types: { x: 'text', row: 'text' } })
    assert.deepEqual(valuesOf(table, 'x'), ['007', ' 5 ', '1e400'])
    assert.deepEqual(valuesOf(await read(column(['007', '"1,234"']), { types: { x: 'number' } }), 'x'), [7, 1234])
    await failed(column(['1', '"a\nb"', 'oops']), /^data: line 3, column 'x': expected a number, got "a\\nb"/, {
      types: { x: 'number' },
    })
    const doubtful = column(['1.234', '99.316'], ';')
    await failed(doubtful, /column 'x': expected numbers that show their decimal mark, or the option decimal/, {
      types: { x: 'number' },
    })
    assert.deepEqual(valuesOf(await read(doubtful, { types: { x: 'number' }, decimal: ',' }), 'x'), [1234, 99316])
    await failed(column(['true', '', 'oops']), /line 4, column 'x': expected true or false, got "oops"/, {
      types: { x: 'boolean' },
    })
    await failed(column(['2024-01-01', '2024-02-30']), /line 3, column 'x': expected a date/, { types: { x: 'date' } })
    await rejects(read(column(['1']), { types: { y: 'text' } }), 'ERR_UNKNOWN_NAME', /data: there is no column 'y'/)
  })
})

describe('files of tables', () => {
  it('have gaps, of which others can be named', async () => {
    const cells = ['NA', 'k. A.', '', '  ', 'a']
    assert.deepEqual(valuesOf(await read(column(cells)), 'x'), [null, null, null, null, 'a'])
    assert.deepEqual(valuesOf(await read(column(cells), { gaps: ['a'] }), 'x'), ['NA', 'k. A.', null, null, null])
    assert.deepEqual(valuesOf(await read(column(['-999', '5']), { gaps: ['-999'] }), 'x'), [null, 5])
    assert.equal((await read(column(['', '']))).column('x').missing, 2)
  })

  it('tell texts in quotes from gaps, unless all names are in quotes', async () => {
    const rows = async (text: string, options?: ReadTableOptions) => [...(await read(text, options))]
    const cells = (a: Cell[], b: Cell[]) => a.map((each, row) => ({ a: each, b: b[row] }))
    const body = '"NA",""\nNA,1\n"",\n,"NA"\n"x",2\n'
    assert.deepEqual(await rows(`a,b\n${body}`), cells(['NA', null, '', null, 'x'], [null, 1, null, null, 2]))
    assert.deepEqual(await rows(`"a",b\n${body}`), cells(['NA', null, '', null, 'x'], [null, 1, null, null, 2]))
    assert.deepEqual(await rows(`"a","b"\n${body}`), cells([null, null, null, null, 'x'], [null, 1, null, null, 2]))
    assert.deepEqual(await rows('a,b\n"","NA"\n', { types: { a: 'text' } }), [{ a: '', b: null }])
    assert.deepEqual(await rows('a\n"-"\n"x"\n', { gaps: ['x'] }), [{ a: '-' }, { a: 'x' }])
  })

  it('are divided by the character that the first row shows', async () => {
    for (const delimiter of [',', ';', '\t', '|']) {
      const table = await read(['a,b', '1,x', '2,"p,q"', ''].join('\n').replace(/,(?!q)/g, delimiter))
      assert.deepEqual(valuesOf(table, 'b'), ['x', 'p,q'])
      assert.equal(table.source?.delimiter, delimiter)
    }
    assert.deepEqual((await read('sep=:\na:b\n1:2\n')).row(0), { a: 1, b: 2 })
    assert.deepEqual((await read('a b\n1 2\n', { delimiter: ' ' })).row(0), { a: 1, b: 2 })
    assert.deepEqual((await read('1,2\n3,4', { header: false })).row(1), { column_1: 3, column_2: 4 })
  })

  it('may hold other encodings, packed or not', async () => {
    const text = 'a,b\n1,Köln\n2,Łódź 😀\n'
    const expected = ['Köln', 'Łódź 😀']
    const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le')
    assert.deepEqual(valuesOf(await read(utf16), 'b'), expected)
    assert.deepEqual(valuesOf(await read(Buffer.from(utf16).swap16()), 'b'), expected)
    assert.deepEqual(valuesOf(await read(Buffer.from(text, 'utf16le'), { encoding: 'utf-16le' }), 'b'), expected)
    assert.deepEqual(valuesOf(await read(gzipSync(text)), 'b'), expected)
    assert.deepEqual(valuesOf(await read(gzipSync(utf16)), 'b'), expected)
    assert.deepEqual(valuesOf(await read(Buffer.from('b\nK\xf6ln\n', 'latin1'), { encoding: 'latin1' }), 'b'), ['Köln'])
    await failed(Buffer.from(text, 'utf16le'), /got what looks like UTF-16; name it: { encoding: 'utf-16le' }/)
    await failed(gzipSync(text.repeat(1000)).subarray(0, 60), /data: the gzip data is damaged, or ends too early/)
    await failed(Buffer.from('b\nK\xf6ln\n', 'latin1'), /line 2: expected text in UTF-8/)
    await rejects(read(text, { encoding: 'klingon' }), 'ERR_ARGUMENT', /encoding: expected the name of an encoding/)
  })

  it('give some of their columns, in the order that is asked for', async () => {
    const table = await read('a,b,c\n1,x,2\n', { columns: ['c', 'a'] })
    assert.deepEqual(Object.entries(table.row(0)), [
      ['c', 2],
      ['a', 1],
    ])
    await rejects(read('a,b\n1,2\n', { columns: ['d'] }), 'ERR_UNKNOWN_NAME', /there is no column 'd'/)
  })

  it('get names for columns that have none, unless these are empty', async () => {
    const warnings = await warningsOf(async () => {
      assert.deepEqual((await read(',b,column_1\n1,2,3\n')).row(0), { column_1_: 1, b: 2, column_1: 3 })
    })
    assert.match(String(warnings), /line 1: columns without names are called 'column_1_'/)
    assert.deepEqual((await read('a,b,\n1,2,\n')).row(0), { a: 1, b: 2 })
    await failed('a,b,a\n1,2,3\n', /line 1: expected columns of different names, got 'a' twice, as 1 and 3/)
    await failed(',,\n1,2,3\n', /line 1: expected names of columns/)
  })

  it('know the lines of their rows, also of parts', async () => {
    const table = await read('\n\na,b\n1,"x\ny"\r\n\n2,z\n3,"q\r\n\r\nr"\n4,s')
    assert.deepEqual(
      [0, 1, 2, 3].map((row) => table.source?.lineOf(row)),
      [4, 7, 8, 11],
    )
    assert.equal(table.take([3, 1]).source?.lineOf(1), 7)
  })

  it('hold rows of any length, and quotes across any parts of a file', async () => {
    const long = 'äß"\n,'.repeat(500_000)
    const rows = Array.from({ length: 40_000 }, (_, row) => `${row},"a\n""${row % 100}"",b"\n`).join('')
    const table = await read(`id,x\n${rows}-1,"${long.replaceAll('"', '""')}"\n${rows}`)
    assert.equal(table.rows, 80_001)
    assert.equal(table.row(40_000).x, long)
    assert.deepEqual(table.row(80_000), { id: 39_999, x: 'a\n"99",b' })
    assert.equal(table.source?.lineOf(40_000), 80_002)
    await failed(`id,x\n${rows}5,"open\n${'xyz\n'.repeat(900_000)}`, /line 80002: expected a closing quote/)
  })

  it('have the numbers that JavaScript reads, to the last bit', async () => {
    const draw = new Random(7)
    const numbers = Array.from({ length: 3000 }, () => {
      const value = draw.uniform(-1, 1) * 10 ** draw.below(30)
      return draw.pick([
        String(value),
        value.toFixed(draw.below(12)),
        value.toPrecision(1 + draw.below(20)),
        value.toExponential(),
      ])
    }).filter((text) => numberIsPlain(text))
    const table = await read(column(numbers))
    assert.deepEqual(valuesOf(table, 'x'), numbers.map(Number))
  })

  it('have the cells that readCsv reads', async () => {
    const draw = new Random(11)
    const pieces = ['a', 'ö', '1', '.', ',', '"', '\n', '\r\n', ' ', ';', '😀', '0', '-']
    for (let i = 0; i < 200; i++) {
      const width = 1 + draw.below(4)
      const cell = () => Array.from({ length: draw.below(5) }, () => draw.pick(pieces)).join('')
      const format = (text: string) =>
        /["\n\r,]|^\s*$/.test(text) || draw.below(3) === 0 ? `"${text.replaceAll('"', '""')}"` : text
      const names = Array.from({ length: width }, (_, place) => `c${place}`)
      const end = draw.pick(['\n', '\r\n', '\r'])
      const rows = Array.from({ length: 1 + draw.below(6) }, () => names.map(() => format(cell())).join(','))
      const text = [names.join(','), ...rows].join(end)
      const csv = await readCsv(Buffer.from(text))
      const types = Object.fromEntries(names.map((name) => [name, 'text' as const]))
      const table = await read(text, { delimiter: ',', types, gaps: [] })
      const blank = (cell: unknown) => (/^[ \t]*$/.test(String(cell ?? '')) ? '' : cell)
      assert.deepEqual(
        [...table].map((record) => names.map((name) => blank(record[name]))),
        csv.rows.map((row) => row.map(blank)),
        JSON.stringify(text),
      )
      assert.deepEqual(
        csv.lines,
        csv.rows.map((_, row) => table.source?.lineOf(row)),
      )
    }
  })

  it('have messages with names cut short and without characters that steer terminals', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.csv')
      await writeFile(path, `\u001b[2J${'n'.repeat(5000)},b\nx,1\n`)
      const types = { [`\u001b[2J${'n'.repeat(5000)}`]: 'number' } as const
      await rejects(
        readTable(path, { types }),
        'ERR_FILE_FORMAT',
        /a\.csv: line 2, column '\\u001b\[2Jn{40,60}\.\.\.': exp/,
      )
    })
  })

  it('take options of the right kind only', async () => {
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ delimiter: 'ab' }, /delimiter: expected one character/],
      [{ delimiter: '5' }, /delimiter: expected one character/],
      [{ decimal: ';' }, /decimal: expected '.' or ','/],
      [{ decimal: ',', thousands: ',' }, /thousands: /],
      [{ types: { a: 'float' } }, /types: 'a': expected 'number'/],
      [{ columns: ['a', 'a'] }, /columns: expected each column once/],
      [{ gaps: 'NA' }, /gaps: expected a list of texts/],
      [{ booleans: [['a']] }, /booleans\[0\]: expected two different words/],
      [{ dates: 'ymd' }, /dates: expected 'dmy' or 'mdy'/],
    ]
    for (const [options, message] of cases) await rejects(read('a\n1\n', options), 'ERR_ARGUMENT', message)
  })
})

/** Whether a number is one in a table: others stay text. */
function numberIsPlain(text: string): boolean {
  return !(/^-?\d+$/.test(text) && Math.abs(Number(text)) > Number.MAX_SAFE_INTEGER)
}
