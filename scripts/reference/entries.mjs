// Makes the pages of the reference: one entry of TypeDoc for each page, since TypeDoc writes one page per entry.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The other entries of the package, with the page that describes each. */
const others = [
  { page: 'plot', about: 'Pictures: `neurode/plot`.', from: 'lib/plot/index.ts' },
  { page: 'serve', about: 'Inference for servers: `neurode/serve`.', from: 'lib/serve/index.ts' },
]

/** Writes the entries of the pages in pages.json to `folder`. Returns all pages. */
export function writeEntries(folder) {
  const pages = JSON.parse(readFileSync('scripts/reference/pages.json', 'utf8'))
  checkNames(pages)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const all = [...pages, ...others]
  for (const { page, about, names, from = 'lib/index.ts' } of all) {
    const exported = names ? `{ ${names.join(', ')} }` : '*'
    const text = `/** ${about} @module ${page} */\nexport ${exported} from '../../${from.replace('.ts', '.js')}'\n`
    writeFileSync(join(folder, `${page}.ts`), text)
  }
  const config = { extends: '../../tsconfig.json', compilerOptions: { rootDir: '../..', noEmit: true } }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, include: ['../../lib', '.'] }))
  return all
}

/** Checks that each public name is on exactly one page. */
function checkNames(pages) {
  const elsewhere = new Set(others.flatMap(({ from }) => exportsOf(from)))
  const wanted = new Set(exportsOf('lib/index.ts').filter((name) => !elsewhere.has(name)))
  const problems = []
  for (const name of pages.flatMap(({ names }) => names)) {
    if (!wanted.delete(name)) problems.push(`${name} is there twice, or no export of lib/index.ts`)
  }
  for (const name of wanted) problems.push(`${name} is on no page`)
  if (problems.length > 0) throw new Error(`scripts/reference/pages.json: ${problems.join('; ')}`)
}

/** The names in the export lists of a file, and of the files of which it exports everything. */
function exportsOf(path) {
  const text = readFileSync(path, 'utf8')
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
  const names = lists
    .flatMap(([, list]) => list.split(','))
    .map((item) =>
      item
        .trim()
        .replace(/^type /, '')
        .replace(/.* as /, ''),
    )
    .filter((name) => name !== '')
  const whole = [...text.matchAll(/^export \* from '(.*)\.js'/gm)]
  return [...names, ...whole.flatMap(([, from]) => exportsOf(join(dirname(path), `${from}.ts`)))]
}
