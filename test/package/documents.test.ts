/** The documents and examples in the package, and that packing fails without the files that the package is for. */

import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderWith, mustRun, root, run } from './commands.js'
import { drawingPackages, packageFolder, projectWith } from './project.js'

const readme = readFileSync(join(packageFolder, 'README.md'), 'utf8')
const programs = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
const ofImages = programs.find((code) => code.includes('datasets.mnist()')) ?? ''
const data = process.env.NEURODE_DATA

describe("the package's README", function () {
  this.slow(20_000)

  it('has programs that run in a folder made by npm init -y', () => {
    using project = projectWith({}, {})
    mustRun('npm', ['init', '-y'], { cwd: project.path })
    assert.match(readme, /Save this as `train\.mjs` and run `node train\.mjs`/)
    // Without local files, MNIST would be downloaded.
    const program = data ? ofImages : ofImages.replace('datasets.mnist()', 'datasets.syntheticDigits()')
    writeFileSync(join(project.path, 'train.mjs'), program)
    const output = mustRun(process.execPath, ['train.mjs'], { cwd: project.path })
    const [, accuracy] = /accuracy: ([\d.]+) \}\s*$/.exec(output) ?? assert.fail(output)
    assert.ok(Number(accuracy) > 0.9, output)
    cpSync(join(packageFolder, 'docs', 'data', 'cars.csv'), join(project.path, 'cars.csv'))
    writeFileSync(join(project.path, 'table.mjs'), programs[0] ?? '')
    assert.match(mustRun(process.execPath, ['table.mjs'], { cwd: project.path }), /predictions/)
  })

  it('has programs that are TypeScript, too', () => {
    using project = projectWith(Object.fromEntries(programs.map((code, i) => [`${i}.mts`, code])), {})
    mustRun('npm', ['init', '-y'], { cwd: project.path })
    const options = [
      '--strict',
      '--noEmit',
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable',
      '--module',
      'nodenext',
    ]
    options.push('--types', 'node', '--typeRoots', join(root, 'node_modules', '@types'))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    mustRun(process.execPath, [tsc, ...options, ...programs.map((_, i) => `${i}.mts`)], { cwd: project.path })
  })
})

describe("the package's examples", function () {
  this.slow(20_000)

  it('run where they lie', () => {
    using project = projectWith({}, drawingPackages)
    const [, path = ''] = /node (node_modules\/neurode\/examples\/main\.js) linear-regression/.exec(readme) ?? []
    const output = mustRun(process.execPath, [path, 'linear-regression', '--out', 'out'], { cwd: project.path })
    assert.match(output, /^RMSE +0\.[567]/m)
    for (const file of ['results.json', 'predictions.png']) assert.ok(existsSync(join(project.path, 'out', file)), file)
  })

  it('say before they train that nothing can be drawn, and name all that takes', () => {
    using project = projectWith({}, {})
    const path = join('node_modules', 'neurode', 'examples', 'main.js')
    const { code, output } = run(process.execPath, [path, 'linear-regression', '--out', 'out'], { cwd: project.path })
    assert.equal(code, 1)
    const install = 'npm install @observablehq/plot linkedom @resvg/resvg-js'
    const warning = `neurode/plot draws nothing without @observablehq/plot and linkedom. Pictures take: ${install}`
    assert.ok(output.includes(warning), output)
    assert.ok(output.includes(`needs the package @observablehq/plot. Pictures take: ${install}`), output)
  })
})

describe('neurode train --report', () => {
  it('refuses before it trains what it could not draw', () => {
    using project = projectWith({}, {})
    const main = join('node_modules', 'neurode', 'dist', 'cli', 'main.js')
    const args = [main, 'train', 'mnist', '--dataset', 'synthetic', '--report', 'report.html']
    const { code, stdout, output } = run(process.execPath, args, { cwd: project.path })
    assert.equal(code, 1)
    assert.match(output, /needs the package @observablehq\/plot\. Pictures take: npm install/)
    assert.equal(stdout, '')
  })
})

describe('npm run pack', () => {
  it('packs nothing without a prebuilt addon', () => {
    using clone = folderWith({ 'package.json': readFileSync(join(root, 'package.json'), 'utf8') })
    cpSync(join(root, 'scripts'), join(clone.path, 'scripts'), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(clone.path, 'node_modules'), 'junction')
    const { code, output } = run(process.execPath, [join(clone.path, 'scripts', 'pack.mjs')])
    assert.equal(code, 1)
    assert.match(output, /Not packed: prebuilds\/ has no addon, .*run "npm run prebuild" first/)
    assert.ok(!existsSync(join(clone.path, 'build')))
  })
})
