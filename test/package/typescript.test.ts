/**
 * The declarations in the tarball in each version of TypeScript: they are found, and are valid in strict mode, with no other
 * package beside them.
 */

import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun, root } from './commands.js'
import { environment, installedWith, lines, programs, target, withTools } from './trees.js'

const current = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const compilerOf = (version: string) =>
  version === '7' ? current : join(programs.fetchPackage(`typescript@${version}`), 'bin', 'tsc')

/** Ways of module resolution, each with the kind of module and the programs that it goes with. */
const resolutions = {
  node10: ['commonjs', 'common.ts'],
  node16: ['node16', 'program.mts', 'common.cts'],
  nodenext: ['nodenext', 'program.mts', 'common.cts'],
  bundler: ['esnext', 'program.mts'],
} as const satisfies Record<string, readonly [module: string, ...programs: string[]]>

type Resolution = keyof typeof resolutions

const all = ['node10', 'node16', 'nodenext', 'bundler'] as const
/** `neurode/serve` needs TypeScript 5.4 or newer; TypeScript 7 has no resolution node10. */
const compilers: readonly (readonly [version: string, ways: readonly Resolution[], ...others: string[]])[] = [
  ['5.0.4', all],
  ['5.4.5', all, 'serving.ts'],
  ['5.9.3', all, 'serving.ts'],
  ['7', all.slice(1), 'serving.ts'],
]

/** The compiler options of the programs, except for those of modules. The library has no names of browsers. */
const compilerOptions = {
  strict: true,
  skipLibCheck: false,
  esModuleInterop: true,
  target: 'es2022',
  lib: ['es2022'],
  types: ['node'],
  typeRoots: [join(root, 'node_modules', '@types')],
}

/** Writes a project for one way of resolution, in `cwd`. */
function writeProject(cwd: string, name: string, resolution: Resolution, files: readonly string[]): string {
  const [module] = resolutions[resolution]
  const options = { ...compilerOptions, module, moduleResolution: resolution, outDir: join('compiled', name) }
  writeFileSync(join(cwd, `${name}.json`), JSON.stringify({ compilerOptions: options, files }))
  return `${name}.json`
}

describe("the package's types", function () {
  this.slow(60_000)

  let cwd: string

  before(() => {
    cwd = installedWith('npm')
    copyFileSync(join(cwd, 'program.ts'), join(cwd, 'program.mts'))
    copyFileSync(join(cwd, 'common.ts'), join(cwd, 'common.cts'))
  })

  for (const [version, ways, ...others] of compilers) {
    it(`check in TypeScript ${version} under ${ways.join(', ')}`, () => {
      const projects = ways.map((way) => {
        const [, ...files] = resolutions[way]
        return writeProject(cwd, `${way}-${version}`, way, [...files, ...others])
      })
      mustRun(process.execPath, [compilerOf(version), '--build', ...projects], { cwd })
    })
  }

  it('let a program in CommonJS be compiled that runs on every Node', () => {
    copyFileSync(join(cwd, 'compiled', 'node10-5.9.3', 'common.js'), join(cwd, 'common.cjs'))
    for (const line of lines) {
      const output = mustRun(programs.nodeBinary(target, line), ['common.cjs'], { cwd, env: environment(line) })
      assert.equal(output.trim(), 'ERR_UNKNOWN_NAME 1 function')
    }
  })

  it("are those of a plugin to the user's own Fastify", () => {
    const project = writeProject(withTools(), 'plugin', 'nodenext', ['plugin.mts'])
    mustRun(process.execPath, [current, '--project', project], { cwd: withTools() })
  })
})
