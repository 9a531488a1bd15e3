// `npm run pack` writes the package as it is published to build/package, and its tarball to build/. It fails without a prebuilt
// addon, and with --release if any prebuilt addon is missing.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { bundle } from './bundle.mjs'
import { licensesOf } from './licenses.mjs'

const prebuilds = [
  'darwin-arm64/neurode.node',
  'darwin-x64/neurode.node',
  'linux-arm64/neurode.glibc.node',
  'linux-arm64/neurode.musl.node',
  'linux-x64/neurode.glibc.node',
  'linux-x64/neurode.musl.node',
  'linux-x64/neurode_cuda.so',
  'win32-x64/neurode.node',
]
/** The sources that `neurode build` compiles, and the documents. */
const copied = [
  'assets',
  'prebuilds',
  'native',
  'cuda',
  'cmake',
  'third_party',
  'CMakeLists.txt',
  'docs',
  'bench/results/README.md',
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'LICENSE',
]
const buildTools = ['cmake-js', 'node-addon-api', 'node-api-headers']

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
const { values } = parseArgs({ options: { release: { type: 'boolean', default: false } } })
const missing = prebuilds.filter((path) => !existsSync(join('prebuilds', path)))
if (values.release && missing.length > 0) {
  console.error(`Not packed: prebuilds/ lacks ${missing.join(', ')}`)
  process.exit(1)
}

if (readPrebuilds().every((path) => !path.endsWith('.node'))) {
  console.error('Not packed: prebuilds/ has no addon, and npm would install none: run "npm run prebuild" first')
  process.exit(1)
}

const stage = join('build', 'package')
mkdirSync('build', { recursive: true })
const {
  scripts: _,
  imports: __,
  devDependencies,
  private: ___,
  ...manifest
} = JSON.parse(readFileSync('package.json', 'utf8'))
rmSync(stage, { recursive: true, force: true })
for (const name of readdirSync('build').filter((name) => name.endsWith('.tgz'))) rmSync(join('build', name))
mkdirSync(stage, { recursive: true })
for (const path of copied.filter((path) => existsSync(path))) cpSync(path, join(stage, path), { recursive: true })
const entries = Object.entries(manifest.exports).filter(([, target]) => typeof target !== 'string')
const inputs = await bundle(
  entries.map(([, target]) => target.default),
  stage,
)
writeFileSync(join(stage, 'THIRD-PARTY.md'), licensesOf(inputs))
await copyExamples()
writeManifest()
console.log(join('build', pack()))

function readPrebuilds() {
  return existsSync('prebuilds') ? readdirSync('prebuilds', { recursive: true, encoding: 'utf8' }) : []
}

/** Copies the examples as TypeScript, to read, and as JavaScript, to run: Node does not strip types within node_modules. */
async function copyExamples() {
  const sources = readdirSync('examples').filter((name) => name.endsWith('.ts'))
  const outdir = join(stage, 'examples')
  const entryPoints = sources.map((name) => join('examples', name))
  await build({ entryPoints, outdir, format: 'esm', platform: 'node', target: 'node20.19', logLevel: 'warning' })
  for (const name of sources) cpSync(join('examples', name), join(outdir, name))
}

/** The condition for bundlers comes first: otherwise a bundler would load an entry twice if a program imports and requires it. */
function exportOf({ default: path }) {
  const file = path.replace(/\.js$/, '')
  return {
    module: { types: `${file}.d.mts`, default: path },
    import: { types: `${file}.d.mts`, default: `${file}.mjs` },
    require: { types: `${file}.d.cts`, default: `${file}.cjs` },
  }
}

function writeManifest() {
  const published = Object.fromEntries(entries.map(([name, target]) => [name, exportOf(target)]))
  manifest.exports = { ...published, './package.json': './package.json' }
  // For tools that do not support `exports`, such as TypeScript's resolution node10.
  const { '.': main, ...others } = published
  manifest.main = main.require.default
  manifest.types = main.require.types
  manifest.typesVersions = {
    '*': Object.fromEntries(Object.entries(others).map(([name, target]) => [name.slice(2), [target.require.types]])),
  }
  const repository = process.env.GITHUB_REPOSITORY
  // The registry checks the provenance of a package against the repository that package.json names.
  if (repository) manifest.repository ??= { type: 'git', url: `git+https://github.com/${repository}.git` }
  manifest.buildTools = Object.fromEntries(buildTools.map((name) => [name, devDependencies[name]]))
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

function pack() {
  const isWindows = process.platform === 'win32'
  const options = { encoding: 'utf8', shell: isWindows, stdio: ['ignore', 'pipe', 'inherit'], cwd: stage }
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', '..']
  const { status, stdout } = spawnSync(isWindows ? 'npm.cmd' : 'npm', args, options)
  if (status !== 0) process.exit(status ?? 1)
  return stdout.trim().split('\n').at(-1)
}
