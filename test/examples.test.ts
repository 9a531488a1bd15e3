/** Every example in the docstrings of the library runs. */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runNode } from './support/children.js'

const folder = resolve('build/documentation-examples')
/** These examples need the network, or code around them. */
const notAlone = /datasets\.mnist|^(?![\s\S]*\bimport )/

function examplesIn(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/^( *)\* ```ts\n([\s\S]*?)^ *\* ```$/gm)].map(([, , code = '']) =>
    code.replace(/^ *\* ?/gm, ''),
  )
}

describe('examples of', () => {
  before(() => mkdirSync(folder, { recursive: true }))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  for (const file of files.sort()) {
    const examples = examplesIn(join('lib', file)).filter((code) => !notAlone.test(code))
    if (examples.length === 0) continue
    it(`${file}: ${examples.length}`, async () => {
      for (const [i, code] of examples.entries()) {
        const path = join(folder, `${file.replaceAll(/\W/g, '-')}-${i}.mjs`)
        // The files that examples write stay in the folder.
        writeFileSync(path, `process.chdir(${JSON.stringify(folder)})\n${code}`)
        const { code: status, stderr } = await runNode([path])
        assert.equal(status, 0, `${code}\n${stderr}`)
      }
    })
  }
})
