/** Which public names of Keras exist in Neurode, under which name, and which do not: docs/coming-from-keras.md says so correctly. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  activations,
  callbacks,
  constraints,
  initializers,
  layers,
  losses,
  metrics,
  optimizers,
  regularizers,
  schedules,
} from 'neurode'
import { ownFolder } from './support/golden.js'

const { modules } = JSON.parse(readFileSync(join(ownFolder, 'keras-names.json'), 'utf8')) as {
  readonly modules: Readonly<Record<string, readonly string[]>>
}

const groups: Readonly<Record<string, object>> = {
  layers,
  losses,
  metrics,
  optimizers,
  'optimizers.schedules': schedules,
  activations,
  initializers,
  regularizers,
  constraints,
  callbacks,
}

/** The page says once that these are in no module. */
const nowhere = ['get', 'serialize', 'deserialize']

const normalize = (name: string) => name.replaceAll('_', '').toLowerCase()
const has = (module: string, name: string) =>
  Object.keys(groups[module] ?? {}).some((key) => normalize(key) === normalize(name))

const page = readFileSync('docs/coming-from-keras.md', 'utf8')

/** The text under a heading, up to the next heading of its level or above. */
function sectionOf(heading: string): string {
  const level = heading.indexOf(' ')
  const [, after = ''] = page.split(`\n${heading}\n`)
  return after.split(new RegExp(`\n#{1,${level}} `))[0] as string
}

/** The rows of all tables in a text: the names of Keras, and the text beside them. */
function rowsOf(text: string): { readonly names: readonly string[]; readonly beside: string }[] {
  const rows = [...text.matchAll(/^\| (`.*?) \| (.*) \|$/gm)]
  return rows.map(([, names = '', beside = '']) => ({
    names: [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
    beside,
  }))
}

const renamed = rowsOf(sectionOf('## What has another name'))
const missing = (module: string) => rowsOf(sectionOf(`### keras.${module}`))

describe("Keras' names", () => {
  it('that are other names here lead to what is there', () => {
    assert.ok(renamed.length > 5)
    for (const { names, beside } of renamed) {
      for (const name of names) {
        const module = name.slice(0, name.lastIndexOf('.'))
        assert.ok(modules[module]?.includes(name.slice(module.length + 1)), `Keras has ${name}`)
      }
      const [, module, name] = /^`(\w+)\.(\w+)`/.exec(beside) ?? []
      if (module && groups[module]) assert.ok(name !== undefined && name in groups[module], `${beside} is there`)
      assert.notEqual(beside, '')
    }
  })

  for (const [module, names] of Object.entries(modules)) {
    it(`of keras.${module} are here, have another name, or are listed as missing`, () => {
      const listed = missing(module)
      const others = renamed.flatMap((row) => row.names).filter((name) => name.startsWith(`${module}.`))
      const known = [...listed.flatMap((row) => row.names), ...others.map((name) => name.slice(module.length + 1))]
      assert.deepEqual(
        names.filter((name) => !has(module, name) && !known.includes(name) && !nowhere.includes(name)),
        [],
        'neither here nor in the list',
      )
      assert.deepEqual(
        listed.flatMap((row) => row.names).filter((name) => has(module, name) || !names.includes(name)),
        [],
        'in the list, and here all the same, or not in Keras',
      )
      assert.equal(new Set(known).size, known.length, 'nothing is listed twice')
      for (const { beside } of listed) assert.match(beside, /\w/, 'a reason')
    })
  }
})
