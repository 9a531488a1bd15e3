// Checks a package: `check-package.mjs [--only gate] <tarball or unpacked folder>`. The gates check its files, its
// package.json, its types as each way of module resolution finds them, and its binaries.

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
  /^(?:assets|dist|prebuilds|native|cuda|cmake|third_party|docs|examples)\/|^(?:CMakeLists\.txt|package\.json|LICENSE|bench\/results\/README\.md|[A-Z-]+\.md)$/
const mayBeInDist = /\.[cm]?js$|\.d\.[cm]ts$/
/** The conditions that every export must have; some exports have further ones for bundlers. */
const conditions = ['import', 'require']
const mayBeInPrebuilds = /^prebuilds\/\w+-\w+\/(?:neurode(?:\.glibc|\.musl)?\.node|neurode_cuda\.so)$/

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
const [subject] = positionals

/** Each gate returns the problems that it finds, as a list of sentences. */
const gates = {
  size: ({ folder, tarball }) => {
    const bytes = tarball ?? packedBytes(folder)
    return bytes < mostBytes ? [] : [`it has ${bytes} bytes when it is packed, and may have ${mostBytes}`]
  },
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
      .filter((path) => mayBeInDist.test(path))
      .filter((path) => /^\/\/# sourceMappingURL=/m.test(readFileSync(join(folder, path), 'utf8')))
      .map((path) => `${path} names a source map`),
  links: ({ folder, files }) =>
    files
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) =>
        linksOf(readFileSync(join(folder, path), 'utf8'))
          .filter((target) => !existsSync(join(folder, dirname(path), target)))
          .map((target) => `${path} leads to ${target}, which is not in the package`),
      ),
  prebuilds: ({ files }) =>
    files.some((path) => path.startsWith('prebuilds/')) ? [] : ['it has no prebuilt addon: run "npm run prebuild"'],
  scripts: ({ manifest }) => [
    ...Object.keys(manifest.scripts ?? {}).map((name) => `it has a script: ${name}`),
    ...(manifest.gypfile === false ? [] : ['npm would add an install script: gypfile is not false']),
  ],
  exports: ({ folder, manifest }) => [
    ...Object.entries(manifest.exports).flatMap((entry) => checkExport(folder, ...entry)),
    ...checkOldEntries(manifest),
  ],
  // On the oldest Node, npm, pnpm and Yarn may install other versions of dependencies than this repository's lock file names.
  dependencies: ({ manifest }) =>
    Object.keys(manifest.dependencies ?? {})
      .filter((name) => name !== 'node-gyp-build')
      .map((name) => `it depends on ${name}: bundle it`),
  licenses: checkLicenses,
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
  const { files, tarball } = facts
  const unpacked = files.reduce((sum, path) => sum + statSync(join(facts.folder, path)).size, 0)
  const packed = tarball === undefined ? '' : `${tarball} bytes, `
  console.log(`${subject}: ${packed}${unpacked} unpacked, ${files.length} files`)
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
  const tarball = isTarball ? statSync(path).size : undefined
  return { folder, files, tarball, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }
}

/** Number of bytes of the tarball that a folder makes. */
function packedBytes(folder) {
  return spawnSync('tar', ['-czf', '-', '-C', folder, '.'], { maxBuffer: 2 ** 30 }).stdout.length
}

/** The paths of the links of a page, without those in its code blocks. */
function linksOf(markdown) {
  const text = markdown.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
  const targets = [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, target]) => decodeURIComponent(target))
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

function checkExport(folder, name, target) {
  if (typeof target === 'string') return existsSync(join(folder, target)) ? [] : [`${name}: there is no ${target}`]
  const lacking = conditions.filter((condition) => !Object.hasOwn(target, condition))
  return [
    ...lacking.map((condition) => `${name}: there is no condition '${condition}'`),
    ...Object.entries(target).flatMap(([condition, branch]) => checkBranch(folder, `${name}: ${condition}`, branch)),
  ]
}

function checkBranch(folder, name, branch) {
  const [first] = Object.keys(branch)
  return [
    ...(first === 'types' ? [] : [`${name}: 'types' must come first, and '${first}' does`]),
    ...Object.values(branch)
      .filter((path) => !existsSync(join(folder, path)))
      .map((path) => `${name}: there is no ${path}`),
  ]
}

/** Tools that do not support `exports` must find the same files. */
function checkOldEntries({ exports, main, types, typesVersions }) {
  const { '.': first, ...others } = Object.fromEntries(
    Object.entries(exports).filter(([, target]) => typeof target !== 'string'),
  )
  return [
    ...(main === first.require?.default ? [] : [`main is ${main}, and not what require gives`]),
    ...(types === first.require?.types ? [] : [`types is ${types}, and not what require gives`]),
    ...Object.entries(others)
      .filter(([name, target]) => typesVersions?.['*']?.[name.slice(2)]?.[0] !== target.require?.types)
      .map(([name]) => `typesVersions does not name the types of ${name}`),
  ]
}

/** esbuild writes the path of each bundled file in front of the file's code. */
function checkLicenses({ folder, files }) {
  const bundled = files
    .filter((path) => path.startsWith('dist/'))
    .flatMap((path) => [
      ...readFileSync(join(folder, path), 'utf8').matchAll(
        /^ *(?:\/\/ |")(?:.*\/)?node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm,
      ),
    ])
    .map(([, name]) => name)
  const path = join(folder, 'THIRD-PARTY.md')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const sections = [...text.matchAll(/^## (\S+) \S+ \(.+\)\n\n```text\n([\s\S]*?)\n```$/gm)]
  const licensed = new Set(sections.filter(([, , license]) => license.length > 200).map(([, name]) => name))
  if (!bundled.includes('fastify')) return ['it does not show what is bundled in it']
  return [...new Set(bundled)]
    .filter((name) => !licensed.has(name))
    .map((name) => `THIRD-PARTY.md has no licence of ${name}`)
}

/**
 * Compiles strict programs that use every export and misuse the first. The declarations themselves are checked, too, with no
 * other package than @types/node: in an ES module for each way of module resolution, and in CommonJS where the resolution
 * supports it.
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
  return [
    ['node16', 'node16', 'program.ts', 'program.cts'],
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

function runNode(...args) {
  return spawnSync(process.execPath, args, { encoding: 'utf8', cwd: scratch })
}
