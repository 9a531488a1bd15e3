/** Files of tables are read as people read them: golden cells, whole tables, and broken files. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { crc32, gunzipSync } from 'node:zlib'
import {
  type Cell,
  type Column,
  type ColumnType,
  NeurodeError,
  type ReadTableOptions,
  readTable,
  type Table,
} from 'neurode'
import { inFolder } from './data/files.js'
import { goldenFolder } from './support/golden.js'
import { warningsOf } from './support/warnings.js'

// biome-ignore lint/suspicious/noExplicitAny: data of golden cases
type Anything = any

const folder = join(goldenFolder, 'tables')
const readJson = (path: string): Anything => JSON.parse(readFileSync(path, 'utf8'))
const quoted = (cell: string) => (/[",;\t|\r\n]|^\s*$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
const cellsOf = (table: Table, column: Column): Cell[] =>
  Array.from({ length: table.rows }, (_, row) => table.row(row)[column.name] as Cell)
const withZone = (iso: string) => (/T.*(?:Z|[+-]\d\d:\d\d)$/.test(iso) ? iso : iso.includes('T') ? `${iso}Z` : iso)

describe('golden tables: cells', () => {
  for (const { cell, type, accept, value, or: other } of readJson(join(folder, 'tables', 'cells.json')).cases) {
    it(`${JSON.stringify(cell)} is ${type}`, async () => {
      const text = `row,x\n${[1, 2, 3].map((row) => `${row},${quoted(cell)}\n`).join('')}`
      const table = await readTable(Buffer.from(text))
      const column = table.column('x')
      const found = column.missing === table.rows ? 'gap' : column.type
      assert.ok(accept.includes(found), `${found}, not one of ${accept}`)
      for (const given of cellsOf(table, column)) {
        if (found === 'gap') assert.equal(given, null)
        else if (found === 'text') assert.equal(given, cell)
        else if (found === 'date') assert.equal((given as Date).getTime(), Date.parse(withZone(value)))
        else if (found !== type) continue
        else assert.ok(Object.is(given, value) || (table.source?.decimal === ',' && given === other), String(given))
      }
    })
  }
})

describe('golden tables: whole files', () => {
  const root = join(folder, 'tables')
  for (const name of readdirSync(root).filter((each) => existsSync(join(root, each, 'expected.json')))) {
    const expected = readJson(join(root, name, 'expected.json'))
    const read = (file: Anything, options: ReadTableOptions = {}) => readTable(join(root, name, file.file), options)

    it(`${name}: types, statistics and rows`, async () => {
      const table = await read(expected.files[0])
      assert.equal(table.rows, expected.rows)
      assert.deepEqual(
        table.columns.map((column) => column.name),
        expected.columns.map((column: Anything) => column.name),
      )
      for (const column of expected.columns) assertColumn(table, column)
      for (const [row, record] of Object.entries<Anything>(expected.sample)) {
        for (const [key, value] of Object.entries(record)) {
          const cell = table.row(Number(row))[key] as Cell
          const is = cell instanceof Date ? cell.toISOString().slice(0, String(value).length) : cell
          if (cell === null || typeof is === typeof value) assert.equal(is, value, `row ${row}, ${key}`)
        }
      }
    })

    for (const file of expected.files.slice(1)) {
      it(`${name}: ${file.file} holds the same values`, async () => {
        const first = await read(expected.files[0])
        assertSame(first, await read(file, optionsOf(file)), () => false)
        assertSame(first, await read(file, { ...optionsOf(file), gaps: undefined }), () => false)
        const unsure = file.must === undefined ? [] : ['text']
        const guessed = await read(file).catch((error: unknown) => {
          assert.ok(error instanceof NeurodeError && file.must !== undefined, String(error))
        })
        const truths = new Set((file.truth ?? []).flat())
        const isLeft = (column: Column, to: Column) =>
          unsure.includes(to.type) || (column.type === 'boolean' && to.type !== 'boolean' && truths.size > 0)
        if (guessed) assertSame(first, guessed, isLeft)
      })
    }
  }
})

/** The options of reading that the description of a file stands for. */
function optionsOf({ delimiter, decimal, thousands, dates, truth, gaps }: Anything): ReadTableOptions {
  const order =
    dates === undefined ? undefined : dates.startsWith('d') ? 'dmy' : dates.startsWith('m') ? 'mdy' : undefined
  return { delimiter, decimal, thousands, gaps, dates: order, booleans: truth }
}

function assertSame(first: Table, other: Table, isLeft: (a: Column, b: Column) => boolean): void {
  assert.equal(other.rows, first.rows)
  for (const column of first.columns) {
    const same = other.column(column.name)
    if (column.missing === first.rows || isLeft(column, same)) continue
    assert.equal(same.type, column.type, column.name)
    assert.deepEqual(cellsOf(other, same), cellsOf(first, column), column.name)
  }
}

function assertColumn(table: Table, expected: Anything): void {
  const column = table.column(expected.name)
  const label = `${expected.name}: `
  assert.ok(expected.accept.includes(column.type), `${label}${column.type}, not one of ${expected.accept}`)
  assert.equal(column.missing, expected.missing, `${label}missing`)
  const cells = cellsOf(table, column).filter((cell) => cell !== null)
  const keys = cells.map((cell) => (cell instanceof Date ? cell.getTime() : cell))
  assert.equal(new Set(keys).size, expected.distinct, `${label}distinct`)
  if (column.type !== expected.type) return
  const count = (value: Cell) => keys.filter((each) => each === value).length
  if (column.type === 'text') {
    for (const [word, times] of Object.entries(expected.values ?? {})) assert.equal(count(word), times, label + word)
  } else if (column.type === 'boolean') {
    assert.deepEqual([count(true), count(false)], [expected.true, expected.false], label)
  } else if (column.type === 'date') {
    const days = [Math.min(...(keys as number[])), Math.max(...(keys as number[]))]
    assert.deepEqual(
      days,
      [expected.min, expected.max].map((day) => Date.parse(withZone(day))),
      label,
    )
  } else {
    const numbers = keys as number[]
    const mean = numbers.reduce((sum, each) => sum + each, 0) / numbers.length
    const variance = numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / numbers.length
    assert.deepEqual([Math.min(...numbers), Math.max(...numbers)], [expected.min, expected.max], label)
    assertClose(mean, expected.mean, `${label}mean`)
    assertClose(Math.sqrt(variance), expected.std, `${label}std`)
  }
}

function assertClose(actual: number, expected: number, label: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.abs(expected) + 1e-12, `${label}: ${actual}, not ${expected}`)
}

describe('golden tables: broken and hostile files', () => {
  const bad = join(folder, 'bad')
  const { cases } = readJson(join(bad, 'manifest.json'))
  // Files to be predicted belong to a model.
  for (const golden of cases.filter(({ after }: Anything) => after === undefined)) {
    it(`${golden.name}: ${golden.wrong}`, async () => {
      const packed = readFileSync(join(bad, golden.file))
      const bytes = golden.compressed === 'gzip' ? gunzipSync(packed) : packed
      if (golden.crc32 !== undefined && crc32 !== undefined) {
        assert.equal(crc32(bytes).toString(16).padStart(8, '0'), golden.crc32)
      }
      await inFolder(async (own) => {
        const path = join(own, basename(golden.file, '.gz'))
        await writeFile(path, bytes)
        await warningsOf(() => assertBad(golden, path))
      })
      assert.deepEqual(Object.keys(Object.prototype), [])
      assert.equal(({} as Anything).polluted, undefined)
    })
  }
})

async function assertBad({ must, line, expect }: Anything, path: string): Promise<void> {
  const result: unknown = await readTable(path).catch((error: unknown) => error)
  if (result instanceof Error) {
    assert.ok(result instanceof NeurodeError, String(result))
    assert.notEqual(must, 'read', result.message)
    assert.equal(result.code, 'ERR_FILE_FORMAT')
    assert.ok(result.message.includes(basename(path)), result.message)
    if (line !== undefined) assert.match(result.message, new RegExp(`line ${line}\\b`))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: messages hold none
    assert.doesNotMatch(result.message, /[\u0000-\u001f\u007f-\u009f]/)
    assert.ok(result.message.length < 2100)
    return
  }
  assert.notEqual(must, 'reject', 'it was read')
  const table = result as Table
  const types = Object.fromEntries(table.columns.map(({ name }) => [name, 'text' as ColumnType]))
  const texts = await readTable(path, { types: table.columns.length > 1000 ? {} : types, gaps: [] })
  if (expect !== undefined) assertExpected(expect, texts)
  if (table.rows * table.columns.length <= 10_000) assertNothingLost(table, texts)
}

function assertExpected({ columns, rows, cells, letters }: Anything, texts: Table): void {
  assert.deepEqual(
    texts.columns.map(({ name }) => name),
    columns,
  )
  assert.equal(texts.rows, rows)
  const read = () => [...texts].map((record) => Object.values(record).map((cell) => cell ?? ''))
  if (cells !== undefined) assert.deepEqual(read(), cells)
  if (letters !== undefined)
    assert.equal(
      Math.max(
        ...read()
          .flat()
          .map((cell) => [...String(cell)].length),
      ),
      letters,
    )
}

/** Asserts that each value is that of its text: no number is another, and gaps are documented. */
function assertNothingLost(table: Table, texts: Table): void {
  const mark = table.source?.decimal ?? '.'
  for (const column of table.columns) {
    const words = cellsOf(texts, texts.column(column.name))
    for (const [row, cell] of cellsOf(table, column).entries()) {
      const text = String(words[row] ?? '')
      if (cell === null) assert.match(text.trim(), /^(?:|NA|N\/A|NaN|null|-|\?)$/)
      else if (typeof cell === 'number') assert.equal(cell, Number(mark === ',' ? text.replace(',', '.') : text))
      else if (typeof cell === 'string') assert.equal(cell, text)
    }
  }
}
