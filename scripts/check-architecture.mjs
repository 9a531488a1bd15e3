// The order of the code: what may import and include what. `check-architecture.mjs [folder]`: of another tree.

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

/** Of lib/, by the rules beside the tool. */
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
    // Nothing is found in what is not read.
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
