/** Tables in Parquet and Arrow, where the packages are installed that read them, as CI does before the tests. */

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createRequire, register } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openTable, readTable, type Table } from 'neurode'
import { inFolder, rejects } from './data/files.js'

const folder = pathToFileURL(resolve('build/peers/package.json'))
const packages = ['hyparquet', 'hyparquet-writer', 'apache-arrow']

function isThere(name: string): boolean {
  try {
    return createRequire(folder).resolve(name) !== ''
  } catch (error) {
    // A package of modules alone is there, but not for require.
    return (error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
  }
}

/** Lets the packages be imported as if they lay beside Neurode. */
function usePackages(): void {
  const of = `${JSON.stringify(packages)}.includes(name) ? { ...context, parentURL: ${JSON.stringify(folder.href)} } : context`
  register(
    `data:text/javascript,${encodeURIComponent(`export const resolve = (name, context, next) => next(name, ${of})`)}`,
  )
}

// biome-ignore lint/suspicious/noExplicitAny: packages without types here
const load = async (name: string): Promise<any> => import(name)

const rows = 1000
const at = (i: number) => new Date(Date.UTC(2024, 0, 1 + (i % 300)))
const expected = (i: number) => ({
  id: i,
  price: i % 5 === 0 ? null : i / 4,
  make: i % 7 === 0 ? null : `Škoda ${i % 3}`,
  sold: i % 2 === 0,
  listed: at(i),
  __proto: 'x',
})
const all = Array.from({ length: rows }, (_, i) => expected(i))
const values = (name: keyof ReturnType<typeof expected>) => all.map((record) => record[name])

async function parquet(codec: string): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await load('hyparquet-writer')
  const columnData = [
    { name: 'id', data: values('id').map((id) => BigInt(id as number)), type: 'INT64' },
    { name: 'price', data: values('price'), type: 'DOUBLE', nullable: true },
    { name: 'make', data: values('make'), type: 'STRING', nullable: true },
    { name: 'sold', data: values('sold'), type: 'BOOLEAN' },
    { name: 'listed', data: values('listed'), type: 'TIMESTAMP' },
    { name: '__proto', data: values('__proto'), type: 'STRING' },
  ]
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 300, codec }))
}

async function arrow(): Promise<Uint8Array> {
  const { tableFromArrays, tableToIPC, vectorFromArray, TimestampMillisecond, Int64, Utf8, Float64, Bool } =
    await load('apache-arrow')
  const table = tableFromArrays({
    id: vectorFromArray(
      values('id').map((id) => BigInt(id as number)),
      new Int64(),
    ),
    price: vectorFromArray(values('price'), new Float64()),
    make: vectorFromArray(values('make')),
    sold: vectorFromArray(values('sold'), new Bool()),
    listed: vectorFromArray(values('listed'), new TimestampMillisecond()),
    __proto: vectorFromArray(values('__proto'), new Utf8()),
  })
  return tableToIPC(table, 'file')
}

async function assertRead(bytes: Uint8Array): Promise<void> {
  await inFolder(async (own) => {
    const path = join(own, 'a.data')
    await writeFile(path, bytes)
    for (const source of [bytes, path]) {
      const table = await readTable(source)
      assert.deepEqual(
        table.columns.map(({ type }) => type),
        ['number', 'number', 'text', 'boolean', 'date', 'text'],
      )
      assert.deepEqual([...table], all)
      assert.equal(table.source?.lineOf(5), 6)
      const opened = await openTable(source, { rowsAtATime: 130, columns: ['make', 'id'], types: { id: 'text' } })
      assert.equal(opened.rows, rows)
      for (let i = 0; i < 2; i++) {
        const pieces: Table[] = []
        for await (const piece of opened) pieces.push(piece)
        assert.ok(pieces.every((piece) => piece.rows <= 130))
        assert.deepEqual(
          pieces.flatMap((piece) => [...piece]),
          all.map(({ make, id }) => ({ make, id: String(id) })),
        )
      }
    }
    await rejects(
      readTable(path, { columns: ['nothing'] }),
      'ERR_UNKNOWN_NAME',
      /a\.data: there is no column 'nothing'/,
    )
    await rejects(
      readTable(path, { types: { make: 'number' } }),
      'ERR_FILE_FORMAT',
      /a\.data: column 'make', row 1: exp/,
    )
    await writeFile(path, bytes.subarray(0, bytes.length / 2))
    await rejects(readTable(path), 'ERR_FILE_FORMAT', /a\.data/)
  })
}

describe('tables of columns without the packages that read them', () => {
  it('name the package', async () => {
    await rejects(readTable(Buffer.from('PAR1....PAR1')), 'ERR_PACKAGE_MISSING', /npm install hyparquet/)
    await rejects(openTable(Buffer.from('ARROW1..')), 'ERR_PACKAGE_MISSING', /npm install apache-arrow/)
  })
})

describe('tables in Parquet', () => {
  before(usePackages)
  const test = isThere('hyparquet') && isThere('hyparquet-writer') ? it : it.skip
  for (const codec of ['UNCOMPRESSED', 'SNAPPY']) {
    test(`are read by their groups of rows: ${codec}`, async () => assertRead(await parquet(codec)))
  }

  test('refuse what a table cannot hold', async () => {
    const { parquetWriteBuffer } = await load('hyparquet-writer')
    const write = (data: unknown[], type?: string) =>
      new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'x', data, ...(type && { type }) }] }))
    const large = write([1n, 2n ** 53n], 'INT64')
    await rejects(
      readTable(large),
      'ERR_FILE_FORMAT',
      /data: column 'x', row 1: expected a whole number of at most 2\^53/,
    )
    assert.deepEqual([...(await readTable(large, { types: { x: 'text' } }))][1], { x: '9007199254740992' })
    await rejects(
      readTable(write([Infinity], 'DOUBLE')),
      'ERR_FILE_FORMAT',
      /column 'x', row 0: expected a finite number/,
    )
  })
})

describe('tables in Arrow', () => {
  before(usePackages)
  const test = isThere('apache-arrow') ? it : it.skip
  test('are read by their batches', async () => assertRead(await arrow()))
})
