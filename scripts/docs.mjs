// `npm run docs`, or docs.mjs [--check] [tree]: generates docs/reference from the docstrings, and the report of the public API.
// With --check it only checks that both are up to date: the reference holds a checksum of the declarations that it was made
// from.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeEntries } from './reference/entries.mjs'
import { toolFolder } from './toolFolder.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const isCheck = process.argv.includes('--check')
const given = process.argv.slice(2).find((argument) => argument !== '--check')
const cover = join('docs', 'reference', 'README.md')

process.chdir(resolve(given ?? join(here, '..')))
const mark = `<!-- from declarations with the SHA-256 ${checksum()} -->`
if (!isCheck) {
  const rows = generate().map(({ page, about }) => `| [${page}](${page}.md) | ${about} |`)
  const table = ['| page | what it describes |', '| --- | --- |', ...rows].join('\n')
  writeFileSync(cover, `# Reference\n\n${table}\n\n${mark}\n`)
} else if (!existsSync(cover) || !readFileSync(cover, 'utf8').includes(mark)) {
  console.error('docs/reference is older than the declarations of the library: run "npm run docs"')
  process.exitCode = 1
}
const { status } = spawnSync(
  process.execPath,
  [join(here, 'api.mjs'), ...(isCheck ? ['--check'] : []), process.cwd()],
  { stdio: 'inherit' },
)
if (status !== 0) process.exitCode = 1

/** The checksum of all declarations that the public entries refer to, and of the list of pages. */
function checksum() {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
  const files = new Set(Object.values(exports).flatMap((target) => (target.types ? [resolve(target.types)] : [])))
  for (const file of files) {
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*['"](\.[^'"]*)\.js['"]/g)) {
      files.add(`${resolve(dirname(file), path)}.d.ts`)
    }
  }
  const hash = createHash('sha256').update(readFileSync(join(here, 'reference', 'pages.json')))
  for (const file of [...files].sort()) hash.update(readFileSync(file))
  return hash.digest('hex')
}

function generate() {
  const tools = toolFolder('reference')
  const typedoc = join('node_modules', 'typedoc', 'bin', 'typedoc')
  const folder = resolve('build', 'reference')
  const pages = writeEntries(folder)
  const entries = pages.map(({ page }) => join(folder, `${page}.ts`))
  const { status } = spawnSync(process.execPath, [typedoc, ...entries], {
    cwd: tools,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) process.exit(status ?? 1)
  return pages
}
