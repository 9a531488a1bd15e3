/** The package inside of bundles: the files that bundles find, the messages if files are missing, and the page that documents it. */

import assert from 'node:assert/strict'
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { build } from 'esbuild'
import { folderWith, mustRun, root, run } from './commands.js'
import { bundlerPackages, drawingPackages, link, packageFolder, projectWith } from './project.js'

/** A program that trains, serves and draws, and prints the results. */
const program = `
import { layers, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { serve } from 'neurode/serve'
async function main() {
  const model = sequential({ layers: [layers.dense({ units: 1, inputShape: [2] })], seed: 1 })
  const { history } = await model.compile({ loss: 'mse', device: 'cpu' }).fit([[0, 1], [1, 0]], [1, 2], { epochs: 3, verbose: 0 })
  const server = await serve({ models: { model }, port: 0, device: 'cpu' })
  const { version } = await fetch(server.url + '/v2').then((answer) => answer.json())
  const page = await fetch(server.url + '/')
  await server.close()
  const picture = await plot.line({ a: [1, 2] })
  const png = await picture.png().then(({ length }) => length > 1000, ({ code }) => code)
  return { losses: [...history.loss], version, page: page.status, svg: picture.svg.length > 1000, png }
}
main().then((report) => console.log(JSON.stringify(report)), ({ name, code, message }) => console.log(JSON.stringify({ name, code, message })))
`

/** Bundles program.mjs of the folder into `out`, a path without its ending, and returns that ending. */
type Bundle = (folder: string, out: string) => Promise<'.mjs' | '.cjs'>

const withEsbuild =
  (format: 'esm' | 'cjs', minify: boolean): Bundle =>
  async (folder, out) => {
    const ending = format === 'esm' ? '.mjs' : '.cjs'
    const outfile = join(folder, `${out}${ending}`)
    const common = { absWorkingDir: folder, bundle: true, platform: 'node', logLevel: 'silent' } as const
    await build({ ...common, entryPoints: ['program.mjs'], format, minify, outfile })
    return ending
  }

const withWebpack =
  (format: 'esm' | 'cjs', mode: 'production' | 'development'): Bundle =>
  async (folder, out) => {
    const ending = format === 'esm' ? '.mjs' : '.cjs'
    const output = { path: folder, filename: `${out}${ending}`, asyncChunks: false }
    const toModule = { experiments: { outputModule: true }, output: { ...output, library: { type: 'module' } } }
    const common = {
      mode,
      target: 'node20',
      context: folder,
      entry: './program.mjs',
      devtool: false,
      optimization: { minimize: false },
    }
    const config = { ...common, output, ...(format === 'esm' ? toModule : {}) }
    const text = `require(${JSON.stringify(join(bundlerPackages(), 'webpack'))})(${JSON.stringify(config)}, (error, stats) => {
      if (error ?? stats.hasErrors()) throw error ?? new Error(stats.toString('errors-only'))
    })`
    mustRun(process.execPath, ['--eval', text], { cwd: folder })
    return ending
  }

const bundlers: Readonly<Record<string, Bundle>> = {
  'esbuild to a module': withEsbuild('esm', false),
  'esbuild to CommonJS': withEsbuild('cjs', true),
  'webpack to a module': withWebpack('esm', 'development'),
  'webpack to CommonJS': withWebpack('cjs', 'production'),
}

function report(file: string, env: NodeJS.ProcessEnv = {}) {
  const clean = { ...process.env, NEURODE_NATIVE_PATH: undefined, NODE_OPTIONS: undefined, ...env }
  return JSON.parse(mustRun(process.execPath, [file], { cwd: root, env: clean }).trim())
}

describe('bundles that hold the package', function () {
  this.slow(20_000)
  const target = `${process.platform}-${process.arch}`
  const prebuilt = join(packageFolder, 'prebuilds', target)
  const addon = join(prebuilt, readdirSync(prebuilt).find((name) => name.endsWith('.node')) ?? 'none')
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))

  /** By bundler: the path of a bundle outside of any project, and the results of the bundle inside of one. */
  const bundles = new Map<string, string>()
  const inProject = new Map<string, unknown>()
  let elsewhere: ReturnType<typeof folderWith>
  let unbundled: unknown

  before(async () => {
    elsewhere = folderWith({})
    using project = projectWith({ 'program.mjs': program }, drawingPackages)
    unbundled = report(join(project.path, 'program.mjs'))
    for (const [name, bundle] of Object.entries(bundlers)) {
      const out = join('out', name.replaceAll(' ', '-'), 'program')
      const file = `${out}${await bundle(project.path, out)}`
      inProject.set(name, report(join(project.path, file)))
      cpSync(join(project.path, file, '..'), join(elsewhere.path, name), { recursive: true })
      bundles.set(name, join(elsewhere.path, name, file.slice(file.lastIndexOf('program'))))
    }
  })
  after(() => elsewhere?.[Symbol.dispose]())

  /** Copies a bundle into a folder of its own. */
  function moved(name: string) {
    const folder = folderWith({})
    const bundle = bundles.get(name) ?? assert.fail(`${name} was bundled`)
    cpSync(join(bundle, '..'), folder.path, { recursive: true })
    return Object.assign(folder, { file: join(folder.path, bundle.slice(bundle.lastIndexOf('program'))) })
  }

  it('do what the program does unbundled', () => {
    const { losses, ...rest } = unbundled as { losses: number[] }
    assert.equal(losses.length, 3)
    assert.deepEqual(rest, { version, page: 200, svg: true, png: true })
    for (const [name, found] of inProject) assert.deepEqual(found, unbundled, name)
    assert.deepEqual([...inProject.keys()], Object.keys(bundlers))
  })

  it('take the addon of an installed package of their own version alone', () => {
    using bundle = moved('webpack to a module')
    const installed = join(bundle.path, 'node_modules', 'neurode')
    cpSync(join(packageFolder, 'prebuilds'), join(installed, 'prebuilds'), { recursive: true })
    const install = (installedVersion: string) => {
      const manifest = { name: 'neurode', version: installedVersion }
      writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest))
    }
    install(version)
    assert.equal(report(bundle.file).version, version)
    install('0.0.1')
    assert.equal(report(bundle.file).code, 'ERR_NATIVE_LOAD')
  })

  for (const bundler of Object.keys(bundlers)) {
    describe(bundler, () => {
      it('without the package says where it looked, and that neurode is to be external', () => {
        using bundle = moved(bundler)
        const { name, code, message } = report(bundle.file)
        assert.deepEqual([name, code], ['NeurodeError', 'ERR_NATIVE_LOAD'])
        assert.ok(message.includes(`${join(bundle.path, 'prebuilds', target)}/neurode.`), message)
        for (const word of ['esbuild: --external:neurode', 'webpack: externals', 'Vite', 'NEURODE_NATIVE_PATH']) {
          assert.ok(message.includes(word), message)
        }
      })

      it('takes the addon that NEURODE_NATIVE_PATH names, and does without what else is missing', () => {
        using bundle = moved(bundler)
        const missing = { ...(unbundled as object), page: 404, png: 'ERR_PACKAGE_MISSING' }
        assert.deepEqual(report(bundle.file, { NEURODE_NATIVE_PATH: addon }), missing)
      })

      it('takes what lies beside it: an addon, fonts and the page of a server', () => {
        using bundle = moved(bundler)
        cpSync(addon, join(bundle.path, 'neurode-1a2b3c.node'))
        link(join(root, 'node_modules', '@resvg'), join(bundle.path, 'node_modules', '@resvg'))
        const missing = { ...(unbundled as object), page: 404, png: 'ERR_FILE_NOT_FOUND' }
        assert.deepEqual(report(bundle.file), missing)
        rmSync(join(bundle.path, 'neurode-1a2b3c.node'))
        for (const path of ['prebuilds', 'assets', 'dist/serve/page/client.js']) {
          cpSync(join(packageFolder, path), join(bundle.path, path), { recursive: true })
        }
        assert.deepEqual(report(bundle.file), unbundled)
      })
    })
  }
})

describe('docs/deployment.md', function () {
  this.slow(20_000)
  const text = readFileSync(join(root, 'docs', 'deployment.md'), 'utf8')
  const blocks = (language: string) =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) => code)

  it('has commands and a configuration that work, one after the other', () => {
    const [config = ''] = blocks('js')
    const files = { 'program.mjs': program, 'program.test.mjs': program, 'webpack.config.mjs': config }
    const esbuild = join(root, 'node_modules', 'esbuild')
    using project = projectWith(files, { ...drawingPackages, esbuild })
    const bin = join(project.path, 'bin')
    mkdirSync(bin)
    const programs = {
      esbuild: join(esbuild, 'bin', 'esbuild'),
      webpack: join(bundlerPackages(), 'webpack-cli', 'bin', 'cli.js'),
    }
    const cases = Object.entries(programs).map(
      ([name, path]) => `${name}) shift; exec '${process.execPath}' '${path}' "$@";;`,
    )
    writeFileSync(join(bin, 'npx'), `#!/bin/sh\ncase $1 in ${cases.join(' ')} esac\nexit 1\n`)
    chmodSync(join(bin, 'npx'), 0o755)
    const commands = blocks('sh')
    assert.ok(commands.length >= 4)
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, NODE_OPTIONS: undefined }
    const { code, output } = run('bash', ['-euo', 'pipefail', '-c', commands.join('\n')], { cwd: project.path, env })
    assert.equal(code, 0, output)
    // The page's commands run three bundles once each.
    assert.equal([...output.matchAll(/^\{"losses":\[.*"page":200,/gm)].length, 3, output)
    const left = readdirSync(join(project.path, 'node_modules', 'neurode'))
    assert.ok(left.includes('dist') && !left.includes('docs'))
    // The bundle still works with the files that remain for a cloud function.
    assert.equal(report(join(project.path, 'out', 'program.mjs')).page, 200)
  })

  it('has images that are built as it says', () => {
    const known =
      /^(?:FROM node:\d+-(?:slim|alpine)|WORKDIR \/\S+|COPY (?:\S+ )+\S+|USER node|RUN npm ci( --\S+)+|CMD \[.*\])$/
    const images = blocks('dockerfile')
    assert.ok(images.length > 0)
    for (const line of images.flatMap((image) => image.trim().split('\n'))) {
      assert.match(line, known)
      if (line.startsWith('CMD')) assert.ok(Array.isArray(JSON.parse(line.slice(4))))
    }
  })
})
