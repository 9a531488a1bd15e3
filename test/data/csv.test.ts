/** CSV as people and programs write it: the values that are read, the place of an error, and the conversion of numbers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type CsvTable, callbacks, layers, type ReadCsvOptions, readCsv, sequential } from 'neurode'
import { columnFinder } from '#lib/formats/columns.js'
import { codesOf, warningsOf } from '../support/warnings.js'
import { inFolder, rejects, throws } from './files.js'

const read = (text: string, options?: ReadCsvOptions): Promise<CsvTable> =>
  readCsv(new TextEncoder().encode(text), options)
const bad = (text: string | Uint8Array, message: RegExp, options?: ReadCsvOptions) =>
  rejects(
    readCsv(typeof text === 'string' ? new TextEncoder().encode(text) : text, options),
    'ERR_FILE_FORMAT',
    message,
  )

describe('readCsv', () => {
  it('ends lines with LF, CR LF or CR, and leaves blank ones out', async () => {
    const expected = [
      ['1', '2'],
      ['3', '4'],
    ]
    for (const end of ['\n', '\r\n', '\r']) {
      for (const text of ['a,b|1,2|3,4|', 'a,b|1,2|3,4', '|a,b||1,2|||3,4|||']) {
        const { header, rows } = await read(text.replaceAll('|', end))
        assert.deepEqual(header, ['a', 'b'])
        assert.deepEqual(rows, expected, JSON.stringify([text, end]))
      }
    }
    const mixed = await read('a,b\r1,2\n\r3,4\r\r\n5,"6\r"\r\n')
    assert.deepEqual(mixed.rows, [...expected, ['5', '6\r']])
    assert.deepEqual((await read('a,b\n1,2\n  \n3,4\r\n \t\r\n   ')).rows, expected)
    assert.deepEqual((await read('a\tb\n\t\n1\t2\n', { separator: '\t' })).rows, [
      ['', ''],
      ['1', '2'],
    ])
    // A row with one empty cell is not a blank line.
    assert.deepEqual((await read('a\n1\n\n""\n2\n')).rows, [['1'], [''], ['2']])
    const odd = 'a\u2028b,c\n\u00851,2\n'
    assert.deepEqual([(await read(odd)).header, (await read(odd)).rows], [['a\u2028b', 'c'], [['\u00851', '2']]])
  })

  it('takes names of columns without the spaces around them', async () => {
    const table = await read(' a ,\tb,"c ", d e \n1, 2 ,3,4\n\n')
    assert.deepEqual(table.header, ['a', 'b', 'c', 'd e'])
    for (const columns of [
      ['a', 'b'],
      [' a ', 'b '],
    ])
      assert.deepEqual([...table.numbers(columns).data], [1, 2])
    assert.deepEqual(table.texts('b'), [' 2 '])
    const twice = await read('a, a\n1,2\n')
    throws(() => twice.numbers(['a']), 'ERR_ARGUMENT', /'a' names several columns/)
  })

  it('says in which line a row begins, as an editor shows it', async () => {
    const table = await read('a,b\r\n"1\n\r\n",2\r\n\r\n3,"x\ry"\n4,5')
    assert.deepEqual(table.lines, [2, 6, 8])
    assert.deepEqual(
      table.rows.map(([first]) => first),
      ['1\n\r\n', '3', '4'],
    )
  })

  it('names the line of what is wrong, counting the header, blank lines, and line ends in quotes', async () => {
    await bad('a,b\n1,2\n3\n', /^data: line 3: expected 2 cells as in line 1, got 1$/)
    await bad('\na,b\n"1\n2\r\n3",2\n\n3\n', /^data: line 7: expected 2 cells as in line 2, got 1$/)
    await bad('a,b\n1,2,3\n', /^data: line 2: expected 2 cells as in line 1, got 3$/)
    await bad('a,b\n1,2\n"3,4\n5,6\n', /^data: line 3: expected a closing quote/)
    await bad('a,b\n"1\n2"x,3\n', /^data: line 3: expected a separator or the end of the line after a quote/)
    await bad('a,b\n1,2\n3,\0\n', /^data: line 3: expected text, got a NUL character/)
    await bad(Uint8Array.of(97, 10, 49, 13, 50, 13, 10, 0xe9, 10), /^data: line 4: expected text in UTF-8/)
    await bad(Uint8Array.of(97, 10, 49, 10, 0xc3), /^data: line 3: expected text in UTF-8/)
    await bad(Uint8Array.of(0xff, 0xfe, 97, 0), /got UTF-16/)
    await bad(Uint8Array.of(0x1f, 0x8b, 8, 0), /got gzip data: unpack it first/)
    await bad('\n\r\n', /got an empty file/)
    const table = await read('a,b,,a\n1,"\n2",x,4\n5,y,6,z\n')
    throws(() => table.numbers(['b']), 'ERR_FILE_FORMAT', /^data: line 4, column 'b': expected a number, got "y"$/)
    throws(() => table.numbers([2]), 'ERR_FILE_FORMAT', /^data: line 2, column at place 2: expected a number, got "x"$/)
    throws(() => table.numbers([3]), 'ERR_FILE_FORMAT', /^data: line 4, column 'a' at place 3: /)
    const bare = await read('1,2\n3,x\n', { header: false })
    throws(() => bare.numbers(), 'ERR_FILE_FORMAT', /^data: line 2, column at place 1: expected a number, got "x"$/)
  })

  it('reads huge cells and many quotes in linear time', async () => {
    const quotes = await read(`a,b\n"${'""'.repeat(1e6)}",1\n`)
    assert.equal(quotes.rows[0]?.[0]?.length, 1e6)
    const lines = await read(`a,b\n"${'x\n'.repeat(5e5)}",1\n2,3\n`)
    assert.deepEqual(lines.lines, [2, 500003])
    const wide = await read(`${'a,'.repeat(1e5)}a\n${'1,'.repeat(1e5)}2\n`)
    assert.deepEqual(wide.numbers().shape, [1, 100001])
  })
})

describe('numbers of a CSV file', () => {
  const gaps = 'a,b\n1,2\nNA,3\n, NaN \n4,-\n'

  it('refuse what is missing, and say which option takes it', async () => {
    const table = await read(gaps)
    const option =
      /line 3, column 'a': expected a number, got "NA"; the option missing replaces such cells: .*missing: NaN/
    throws(() => table.numbers(['a']), 'ERR_FILE_FORMAT', option)
    throws(
      () => table.numbers(['b']),
      'ERR_FILE_FORMAT',
      /line 4, column 'b': expected a number, got " NaN "; the option missing/,
    )
    const dash = () => table.numbers(['b'], { missing: 0 })
    throws(dash, 'ERR_FILE_FORMAT', /line 5, column 'b': expected a number, got "-"$/)
  })

  it('take missing cells for NaN or a number', async () => {
    const table = await read(gaps)
    assert.deepEqual([...table.numbers(['a'], { missing: Number.NaN }).data], [1, Number.NaN, Number.NaN, 4])
    const missingCells = ['', 'NA', 'NaN', '-']
    assert.deepEqual([...table.numbers(undefined, { missing: -1, missingCells }).data], [1, 2, -1, 3, -1, -1, 4, -1])
    throws(() => table.numbers(['a'], { missing: -1, missingCells: ['-'] }), 'ERR_FILE_FORMAT', /got "NA"$/)
    throws(() => table.numbers(['a'], { missing: '0' as never }), 'ERR_ARGUMENT', /^missing: expected a number or NaN/)
    throws(() => table.numbers(['a'], { missingCells: 'NA' as never }), 'ERR_ARGUMENT', /^missingCells: expected/)
    throws(() => table.numbers(['a'], { dtype: 'int8' as never }), 'ERR_ARGUMENT', /^dtype: expected 'float32'/)
    throws(() => table.numbers(['a'], { mising: 0 } as never), 'ERR_UNKNOWN_NAME', /did you mean 'missing'/)
  })

  it('may have decimal commas, and semicolons between them', async () => {
    const text = 'a;b\n1,5;-,25\n2;3,e2\n'
    const table = await read(text, { decimal: ',' })
    assert.deepEqual([...table.numbers().data], [1.5, -0.25, 2, 300])
    const quoted = await read('a,b\n"1,5","2,5"\n', { decimal: ',', separator: ',' })
    assert.deepEqual([...quoted.numbers().data], [1.5, 2.5])
    const hint = /line 2, column 'a': expected a number, got "1,5"; .*decimal: ','/
    const comma = await read('a\n"1,5"\n')
    throws(() => comma.numbers(), 'ERR_FILE_FORMAT', hint)
    const points = await read('a;b\n1.5;2\n', { decimal: ',' })
    throws(() => points.numbers(), 'ERR_FILE_FORMAT', /line 2, column 'a': expected a number, got "1\.5"$/)
    const thousands = await read('a;b\n1.000,5;2\n', { decimal: ',' })
    throws(() => thousands.numbers(), 'ERR_FILE_FORMAT', /got "1\.000,5"$/)
    await rejects(read(text, { decimal: ';' as never }), 'ERR_ARGUMENT', /^decimal: expected '\.' or ','/)
  })

  it('are float64 where asked for, and warn where float32 would make different ones the same', async () => {
    const table = await read('id,t,x\n1,1700000000,0.1\n2,1700000060,16777217.5\n3,1700000120,1e20\n')
    const rounded = await warningsOf(() => table.numbers(['t']))
    assert.deepEqual(
      rounded.map(({ code }) => code),
      ['NEURODE_ROUNDED'],
    )
    assert.match(
      String(rounded[0]?.message),
      /^data: line 3, column 't': 1700000060 is rounded to 1700000000, .*float64/,
    )
    assert.deepEqual(await codesOf(() => table.numbers(['x'])), ['NEURODE_ROUNDED'])
    const exact = await codesOf(() => {
      const { data, shape } = table.numbers(['t'], { dtype: 'float64' })
      assert.ok(data instanceof Float64Array)
      assert.deepEqual(
        [[...data], shape],
        [
          [1700000000, 1700000060, 1700000120],
          [3, 1],
        ],
      )
      table.numbers(['id'])
    })
    assert.deepEqual(exact, [])
    const ids = await read('id\n9007199254740993\n9007199254740992\n')
    assert.deepEqual(await codesOf(() => ids.numbers(undefined, { dtype: 'float64' })), ['NEURODE_ROUNDED'])
    assert.deepEqual(ids.texts('id'), ['9007199254740993', '9007199254740992'])
    const few = await read('a\n0.123456789\n-3.40282e38\n1e-50\n6.02214076e23\n16777216\n')
    assert.deepEqual(await codesOf(() => few.numbers()), [])
  })

  it('are never Infinity in silence', async () => {
    const table = await read('a,b\n3.5e38,1e999\n')
    throws(
      () => table.numbers(['a']),
      'ERR_FILE_FORMAT',
      /line 2, column 'a': .*float32 holds, got "3.5e38"; .*float64/,
    )
    assert.deepEqual([...table.numbers(['a'], { dtype: 'float64' }).data], [3.5e38])
    const wide = () => table.numbers(['b'], { dtype: 'float64' })
    throws(wide, 'ERR_FILE_FORMAT', /line 2, column 'b': expected a finite number, got "1e999"/)
  })

  it('stand beside columns of text', async () => {
    const table = await read('name,size\nK\u00f6ln,1\n"a,b",2\n')
    assert.deepEqual(table.texts('name'), ['K\u00f6ln', 'a,b'])
    assert.deepEqual(table.texts(1), ['1', '2'])
    throws(() => table.texts('nam'), 'ERR_UNKNOWN_NAME', /no column 'nam'; did you mean 'name'/)
    throws(() => table.texts(2), 'ERR_ARGUMENT', /places from 0 to 1/)
    const bare = await read('x;1\ny;2\n', { header: false, separator: ';' })
    assert.deepEqual(
      [bare.texts(0), [...bare.numbers([1]).data]],
      [
        ['x', 'y'],
        [1, 2],
      ],
    )
  })

  it('are found in a header of any width that is read once', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `n${i}`)
    let reads = 0
    const header = new Proxy(names, {
      get(target, key) {
        if (/^\d+$/.test(String(key))) reads++
        return Reflect.get(target, key) as unknown
      },
    })
    const placeOf = columnFinder(header, names.length)
    assert.deepEqual(names.map(placeOf), [...names.keys()])
    assert.ok(reads <= 2 * names.length, `${reads} reads`)
  })

  it('read what csvLogger writes, where an epoch was not validated', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'log.csv')
      using model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse' })
      const options = { epochs: 3, verbose: 0, validationFreq: 2, callbacks: callbacks.csvLogger(path) } as const
      await model.fit([1, 2], [1, 2], { ...options, validationData: [[1], [1]] })
      const table = await readCsv(path)
      const { data } = table.numbers(['epoch', 'val_loss'], { missing: Number.NaN })
      assert.deepEqual(
        [...data].map((value) => Number.isNaN(value)),
        [false, true, false, false, false, true],
      )
    })
  })
})
