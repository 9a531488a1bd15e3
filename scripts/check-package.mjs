// What the package may hold: `check-package.mjs [--only gate] <tarball or unpacked folder>`. Its files, its package.json, its types as
// each way of resolving modules finds them, and its binaries.

import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const mostBytes = 20_000_000
const mayHold =
  /^(?:assets|dist|prebuilds|native|cuda|cmake)\/|^(?:CMakeLists\.txt|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
const mayBeInDist = /\.js$|\.d\.ts$/
const mayBeInPrebuilds = /^prebuilds\/\w+-\w+\/(?:neurode(?:\.glibc|\.musl)?\.node|neurode_cuda\.so)$/

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
const [subject] = positionals

/** Each gives what is wrong, as a list of sentences. */
const gates = {
  size: ({ bytes }) => (bytes < mostBytes ? [] : [`it has ${bytes} bytes, and may have ${mostBytes}`]),
  files: ({ files }) => [
    ...files.filter((path) => !mayHold.test(path)).map((path) => `it holds ${path}`),
    ...files.filter((path) => /(?:^|[/_.])tests?(?=[/_.])/.test(path)).map((path) => `it holds a test: ${path}`),
    ...files.filter((path) => path.startsWith('dist/') && !mayBeInDist.test(path)).map((path) => `it holds ${path}`),
    ...files
      .filter((path) => path.startsWith('prebuilds/') && !mayBeInPrebuilds.test(path))
      .map((path) => `it holds ${path}`),
  ],
  'source maps': ({ folder, files }) =>
    files
      .filter((path) => /\.(?:js|d\.ts)$/.test(path))
      .filter((path) => /^\/\/# sourceMappingURL=/m.test(readFileSync(join(folder, path), 'utf8')))
      .map((path) => `${path} names a source map`),
  prebuilds: ({ files }) =>
    files.some((path) => path.startsWith('prebuilds/')) ? [] : ['it has no prebuilt addon: run "npm run prebuild"'],
  scripts: ({ manifest }) => [
    ...Object.keys(manifest.scripts ?? {}).map((name) => `it has a script: ${name}`),
    ...(manifest.gypfile === false ? [] : ['npm would add an install script: gypfile is not false']),
  ],
  exports: ({ folder, manifest }) => Object.entries(manifest.exports).flatMap((entry) => checkExport(folder, ...entry)),
  publint: async ({ folder }) => {
    const { messages, pkg } = await publint({ pkgDir: folder, pack: false, strict: true })
    return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code)
  },
  types: checkTypes,
  binaries: ({ folder, files }) => {
    const binaries = files.filter((path) => path.startsWith('prebuilds/')).map((path) => join(folder, path))
    if (binaries.length === 0) return []
    const { status, stdout, stderr } = runNode(join(root, 'scripts', 'check-binaries.mjs'), ...binaries)
    return status === 0 ? [] : [(stdout + stderr).trim()]
  },
}

if (!subject) throw new Error('usage: check-package.mjs [--only gate] <tarball or unpacked folder>')
const scratch = mkdtempSync(join(tmpdir(), 'neurode-package-'))
try {
  const facts = unpack(resolve(subject))
  for (const [name, gate] of Object.entries(gates)) {
    if (values.only !== undefined && values.only !== name) continue
    for (const problem of await gate(facts)) {
      console.log(`${name}: ${problem}`)
      process.exitCode = 1
    }
  }
  const { bytes, files } = facts
  const unpacked = files.reduce((sum, path) => sum + statSync(join(facts.folder, path)).size, 0)
  console.log(`${subject}: ${bytes} bytes, ${unpacked} unpacked, ${files.length} files`)
} finally {
  rmSync(scratch, { recursive: true })
}

function unpack(path) {
  const folder = join(scratch, 'node_modules', 'neurode')
  mkdirSync(folder, { recursive: true })
  const isTarball = statSync(path).isFile()
  if (isTarball) spawnSync('tar', ['-xzf', path, '-C', folder, '--strip-components=1'], { stdio: 'inherit' })
  else cpSync(path, folder, { recursive: true })
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
  const bytes = isTarball
    ? statSync(path).size
    : files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
  return { folder, files, bytes, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }
}

function checkExport(folder, name, target) {
  if (typeof target === 'string') return existsSync(join(folder, target)) ? [] : [`${name}: there is no ${target}`]
  const [first] = Object.keys(target)
  return [
    ...(first === 'types' ? [] : [`${name}: 'types' must come first, and '${first}' does`]),
    ...Object.values(target)
      .filter((path) => !existsSync(join(folder, path)))
      .map((path) => `${name}: there is no ${path}`),
  ]
}

/**
 * Every export, and a misuse of the first, in strict programs that check the declarations themselves, too: in a module for each
 * way of resolving, and in CommonJS for those that let it require modules.
 */
function checkTypes({ manifest }) {
  const subpaths = Object.entries(manifest.exports).filter(([, target]) => typeof target !== 'string')
  const names = subpaths.map(([name]) => `neurode${name.slice(1)}`)
  const uses = [
    ...names.map((_, i) => `export type IsUntyped${i} = 0 extends 1 & typeof module${i} ? true : false`),
    ...names.map((_, i) => `export const isTyped${i}: IsUntyped${i} = false`),
    '// @ts-expect-error: no such name',
    'module0.nothingOfThatName',
  ]
  const importing = names.map((name, i) => `import * as module${i} from '${name}'`)
  const requiring = names.map((name, i) => `import module${i} = require('${name}')`)
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(scratch, 'program.ts'), [...importing, ...uses].join('\n'))
  writeFileSync(join(scratch, 'program.cts'), [...requiring, ...uses].join('\n'))
  for (const name of Object.keys(manifest.dependencies ?? {})) linkDependency(name)
  return [
    ['node16', 'node16', 'program.ts'],
    ['nodenext', 'nodenext', 'program.ts', 'program.cts'],
    ['esnext', 'bundler', 'program.ts'],
  ].flatMap(([module, resolution, ...programs]) => {
    const options = ['--module', module, '--moduleResolution', resolution, '--target', 'es2023']
    options.push('--lib', 'es2023,esnext.disposable', '--types', 'node', '--strict', '--noEmit')
    options.push('--typeRoots', join(root, 'node_modules', '@types'), ...programs.map((name) => join(scratch, name)))
    const { status, stdout, stderr } = runNode(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ...options)
    return status === 0 ? [] : [`${resolution}: ${(stdout + stderr).trim()}`]
  })
}

/** Declarations may name the types of what the package depends on. */
function linkDependency(name) {
  const link = join(scratch, 'node_modules', name)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(join(root, 'node_modules', name), link, 'junction')
}

function runNode(...args) {
  return spawnSync(process.execPath, args, { encoding: 'utf8', cwd: scratch })
}
