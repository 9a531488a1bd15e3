/** Reads the IDX files of the golden folder, undamaged and damaged. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readIdx } from 'neurode'
import { rejects } from './files.js'

const folder = join(process.env.NEURODE_GOLDEN ?? 'test/golden', 'files')

type Nested = number | string | readonly Nested[]

interface FileCase {
  readonly name: string
  readonly config: { readonly format: string }
  readonly outputs: { readonly type: string; readonly shape: readonly number[]; readonly value: Nested }
}

interface BadCase {
  readonly name: string
  readonly file: string
  readonly format: string
  readonly wrong: string
  readonly must: 'reject' | 'safe'
}

function readCases<T>(file: string): readonly T[] {
  return (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { readonly cases: readonly T[] }).cases
}

function flatten(value: Nested): number[] {
  return typeof value === 'object' ? value.flatMap(flatten) : [Number(value)]
}

const kinds: Readonly<Record<string, string>> = {
  ubyte: 'Uint8Array',
  byte: 'Int8Array',
  short: 'Int16Array',
  int: 'Int32Array',
  float: 'Float32Array',
  double: 'Float64Array',
}

describe('golden IDX files', () => {
  for (const { name, outputs } of readCases<FileCase>('expected.json').filter(
    ({ config }) => config.format === 'idx',
  )) {
    it(`reads ${name}`, async () => {
      const { data, shape } = await readIdx(join(folder, name))
      assert.equal(data.constructor.name, kinds[outputs.type])
      assert.deepEqual(shape, outputs.shape)
      assert.deepEqual(Array.from(data), flatten(outputs.value))
    })
  }
})

describe('golden damaged IDX files', () => {
  const cases = readCases<BadCase>('bad/manifest.json').filter(({ format }) => format === 'idx')
  for (const { file, wrong, must } of cases) {
    const path = join(folder, 'bad', file)
    if (must === 'reject') {
      it(`refuses ${file}: ${wrong}`, () => rejects(readIdx(path), 'ERR_FILE_FORMAT', new RegExp(file)))
      continue
    }
    it(`refuses ${file} or reads what it declares: ${wrong}`, async () => {
      const result = await readIdx(path).catch((error: unknown) => error)
      if (result instanceof Error) return rejects(Promise.reject(result), 'ERR_FILE_FORMAT', new RegExp(file))
      const { data, shape } = result as Awaited<ReturnType<typeof readIdx>>
      assert.equal(
        data.length,
        shape.reduce((a, b) => a * b, 1),
      )
    })
  }
})
