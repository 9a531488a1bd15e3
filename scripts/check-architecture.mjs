// Checks the order of the code: which file may import or include which. `check-architecture.mjs [folder]` checks another tree.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkIncludes } from './architecture/includes.mjs'
import { toolFolder } from './toolFolder.mjs'

const home = join(dirname(fileURLToPath(import.meta.url)), '..')
process.chdir(resolve(process.argv[2] ?? home))

const problems = [...checkIncludes(), ...checkImports()]
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

/** Checks the imports of lib/ by the rules in scripts/architecture. */
function checkImports() {
  const tools = toolFolder('architecture')
  const cruiser = join(tools, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs')
  const options = ['lib', '--config', join(tools, 'rules.cjs'), '--output-type', 'json']
  const { status, stdout, stderr } = spawnSync(process.execPath, [cruiser, ...options], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (stdout === '') throw new Error(`dependency-cruiser ended with ${status}: ${stderr}`)
  const { modules, summary } = JSON.parse(stdout)
  const read = new Set(modules.map(({ source }) => source))
  const unread = filesIn('lib').filter((path) => !read.has(path))
  return [
    // A file that the tool did not read would always pass.
    ...unread.map((path) => `${path}: it was not read`),
    ...summary.violations.map(({ from, to, rule, cycle }) => {
      const way = cycle ? cycle.map(({ name }) => name) : [to]
      return `${rule.name}: ${[from, ...way].join(' -> ')}`
    }),
  ]
}

function filesIn(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name).replaceAll('\\', '/'))
}
