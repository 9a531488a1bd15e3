// `npm run docs`: generates docs/reference from the docstrings. With --check, only says whether it is up to date: the
// reference remembers a checksum of the declarations that it was made from.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const tools = join('scripts', 'reference')
const cover = join('docs', 'reference', 'README.md')

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
const mark = `<!-- from declarations with the SHA-256 ${checksum()} -->`
if (!process.argv.includes('--check')) {
  generate()
  writeFileSync(cover, `${readFileSync(cover, 'utf8').trimEnd()}\n\n${mark}\n`)
} else if (!existsSync(cover) || !readFileSync(cover, 'utf8').includes(mark)) {
  console.error('docs/reference is older than the declarations of the library: run "npm run docs"')
  process.exitCode = 1
}

/** Of all declarations that the public entries lead to. */
function checksum() {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
  const files = new Set(Object.values(exports).flatMap((target) => (target.types ? [resolve(target.types)] : [])))
  for (const file of files) {
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']*)\.js'/g)) {
      files.add(`${resolve(dirname(file), path)}.d.ts`)
    }
  }
  const hash = createHash('sha256')
  for (const file of [...files].sort()) hash.update(readFileSync(file))
  return hash.digest('hex')
}

function generate() {
  if (!existsSync(join(tools, 'node_modules'))) npm('ci', '--ignore-scripts', '--no-audit', '--no-fund')
  const typedoc = join('node_modules', 'typedoc', 'bin', 'typedoc')
  const { status } = spawnSync(process.execPath, [typedoc], { cwd: tools, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) process.exit(status ?? 1)
}

function npm(...args) {
  const isWindows = process.platform === 'win32'
  const options = { cwd: tools, shell: isWindows, stdio: ['ignore', 'ignore', 'inherit'] }
  const { status } = spawnSync(isWindows ? 'npm.cmd' : 'npm', args, options)
  if (status !== 0) process.exit(status ?? 1)
}
