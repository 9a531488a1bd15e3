/** Projects in which a package manager has installed the tarball, as users get it. Each is made once, for all tests. */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { folderWith, mustRun, root } from './commands.js'
import { files } from './programs.js'
import { toolFiles } from './toolPrograms.js'

export const programs: typeof import('../../scripts/node-binary.mjs') = await import(
  join(root, 'scripts', 'node-binary.mjs')
)
export const target = `${process.platform}-${process.arch}`
export const isWindows = process.platform === 'win32'
export const tarball = join(root, 'build', readdirSync(join(root, 'build')).find(isTarball) ?? 'none')
/** The major versions of Node on which the package is tested, the oldest first. */
export const lines = programs.nodeLines(target)
export const [oldest = ''] = lines

function isTarball(name: string): boolean {
  return name.endsWith('.tgz')
}

/** The path of npm's program, whichever Node runs this test. */
function npmProgram(): string {
  const { npm_execpath: running } = process.env
  if (running && /npm-cli\.c?js$/.test(running)) return running
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.flatMap((folder) =>
    readdirIn(folder).includes('npm') ? [realpathSync(join(folder, 'npm'))] : [],
  )
  assert.ok(found[0], 'npm is not on PATH')
  return found[0]
}

function readdirIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const registry =
  mustRun(isWindows ? 'npm.cmd' : 'npm', ['config', 'get', 'registry'], { shell: isWindows })
    .trim()
    .split('\n')
    .at(-1) ?? ''

const folder = folderWith({})
process.on('exit', () => folder[Symbol.dispose]())

/** An environment whose PATH holds this Node and a shell, and no compiler, no CMake and no Python. */
export function environment(line: string): NodeJS.ProcessEnv {
  const node = programs.nodeBinary(target, line)
  const bin = join(folder.path, `bin-${line}`)
  const home = join(folder.path, 'home')
  for (const path of [bin, home]) mkdirSync(path, { recursive: true })
  if (!isWindows) {
    linkTo(node, join(bin, 'node'))
    linkTo('/bin/sh', join(bin, 'sh'))
  }
  return {
    PATH: isWindows ? `${join(node, '..')};C:\\Windows\\System32` : bin,
    HOME: home,
    ...(isWindows ? { SystemRoot: process.env.SystemRoot, USERPROFILE: home, APPDATA: home, LOCALAPPDATA: home } : {}),
    // The machine's own certificates, if it has any.
    ...(process.env.NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS } : {}),
    npm_config_cache: join(folder.path, 'cache'),
    npm_config_registry: registry,
    npm_config_update_notifier: 'false',
    npm_config_manage_package_manager_versions: 'false',
  }
}

function linkTo(path: string, link: string): void {
  if (!existsSync(link)) symlinkSync(path, link)
}

/**
 * A package manager: its JavaScript program, and arguments with which it installs the tarball on the oldest Node and refuses
 * packages that this Node is too old for.
 */
interface Manager {
  readonly program: () => string
  readonly args: readonly string[]
}

const npmOptions = ['--ignore-scripts', '--no-audit', '--no-fund']
const managers = {
  npm: { program: npmProgram, args: ['install', '--engine-strict', ...npmOptions] },
  pnpm: {
    program: () => join(programs.fetchPackage('pnpm@10.34.8'), 'bin', 'pnpm.cjs'),
    args: ['add', '--config.engine-strict=true', `--store-dir=${join(folder.path, 'store')}`],
  },
  // Yarn refuses such packages by default.
  yarn: {
    program: () => join(programs.fetchPackage('yarn@1.22.22'), 'bin', 'yarn.js'),
    args: ['add', '--no-progress', `--cache-folder=${join(folder.path, 'yarn')}`, `--registry=${registry}`],
  },
} satisfies Record<string, Manager>

const made = new Map<string, string>()

/** The folder of a project with users' programs, in which that package manager has installed the tarball. */
export function installedWith(name: keyof typeof managers): string {
  return once(name, { type: 'module' }, files, (cwd) => {
    const { program, args } = managers[name]
    mustRun(programs.nodeBinary(target, oldest), [program(), ...args, tarball], { cwd, env: environment(oldest) })
  })
}

/** The folder of a CommonJS project that has test runners and a Fastify of its own. */
export function withTools(): string {
  return once('tools', {}, toolFiles, (cwd) => {
    const tools = ['jest@30.5.2', 'vitest@3.2.4', 'fastify@5.12.8', tarball]
    mustRun(process.execPath, [npmProgram(), 'install', '--prefer-offline', ...npmOptions, ...tools], { cwd })
  })
}

function once(name: string, manifest: object, texts: Record<string, string>, install: (cwd: string) => void): string {
  const done = made.get(name)
  if (done !== undefined) return done
  const cwd = join(folder.path, `with-${name}`)
  mkdirSync(cwd, { recursive: true })
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ name, version: '1.0.0', private: true, ...manifest }))
  for (const [file, text] of Object.entries(texts)) writeFileSync(join(cwd, file), text)
  install(cwd)
  made.set(name, cwd)
  return cwd
}
