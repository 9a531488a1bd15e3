/** Properties of every public type, read from the declaration files as users' compilers do. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { declarationFiles, optionalProperties } from './support/optionalProperties.js'

const entries = ['neurode', 'neurode/serve', 'neurode/plot'].map((name) =>
  fileURLToPath(import.meta.resolve(name)).replace(/\.js$/, '.d.ts'),
)

describe('public types', () => {
  // lib/native describes the interface to C++, which is not public.
  const files = declarationFiles(entries).filter((file) => !file.includes('/native/'))
  const properties = files.flatMap((file) => {
    const found = optionalProperties(readFileSync(file, 'utf8'))
    return found.map((property) => ({ ...property, file: file.slice(file.indexOf('/dist/') + 1) }))
  })

  it('admit undefined wherever a property may be missing, as exactOptionalPropertyTypes asks', () => {
    assert.ok(files.length > 60 && properties.length > 200, `${properties.length} properties in ${files.length} files`)
    const others = properties.filter(({ admitsUndefined }) => !admitsUndefined)
    assert.deepEqual(
      others.map(({ file, name, type }) => `${file}: ${name}?: ${type}`),
      [],
    )
  })

  it('are read for what they are', () => {
    const text = `
      /** no?: comment */
      interface A<T extends { inner?: number }> {
        readonly plain?: number;
        readonly admits?: (number | undefined);
        right?: number | undefined;
        call?: (x?: number | undefined) => void;
        both?: ((x?: number) => void) | undefined;
        method?(x?: number): void;
        nested?: { deep?: Record<string, number | undefined>; well?: 'a' | undefined } | undefined;
        tuple?: readonly [first?: number] | undefined
      }`
    const found = optionalProperties(text)
    const names = (wanted: boolean) =>
      found.filter(({ admitsUndefined }) => admitsUndefined === wanted).map(({ name }) => name)
    assert.deepEqual(names(true), ['right', 'both', 'nested', 'well', 'tuple'])
    assert.deepEqual(names(false), ['inner', 'plain', 'admits', 'call', 'method', 'deep'])
  })
})
