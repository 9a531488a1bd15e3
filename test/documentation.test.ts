/** The documentation: its programs run, its links have targets, and it mentions everything public. */

import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { errorCodes, warningCodes } from 'neurode'
import { runNode } from './support/children.js'
import { type Block, blocksOf, linksOf, type Program, programsOf, slugsOf } from './support/markdown.js'

const folder = resolve('build/documentation')
const pages = ['README.md', ...markdownIn('docs')]
/**
 * Each of these pages has a test of its own that follows it literally: add-a-layer.test.ts, add-an-op.test.ts,
 * serve/guide.test.ts, package/bundlers.test.ts, searches.test.ts, command-ranks.test.ts.
 */
const followed = [
  'docs/add-a-layer.md',
  'docs/add-an-op.md',
  'docs/serving.md',
  'docs/deployment.md',
  'docs/searches.md',
  'docs/distributed.md',
]
const generated = [join('docs', 'reference'), join('docs', 'api')]
/** The commands of this page belong together: your-table.test.ts runs them. */
const commandsFollowed = ['docs/your-table.md']
const written = pages.filter((page) => !generated.includes(dirname(page)) && !followed.includes(page))
/** The pages of the reference. */
const reference = markdownIn(join('docs', 'reference')).filter((page) => basename(page) !== 'README.md')

function markdownIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
    .sort()
}

/** The texts in `code` of a page that look like a file or folder of the repository. */
function pathsIn(text: string): string[] {
  const spans = [...text.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, code = '']) => code)
  return spans.filter(
    (code) =>
      /^[\w./-]+\.(?:cc|cu|h|ts|mjs)$/.test(code) || /^(?:lib|native|cuda|tools|test|scripts)\/[\w/-]*$/.test(code),
  )
}

const sources = ['lib', 'native', 'cuda', 'tools', 'test', 'bench', 'scripts', 'examples'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules'))
    .map((name) => `/${join(folder, name)}`),
)

/** Whether the path exists, or, for shorter names, whether some path ends with it. */
function isThere(path: string): boolean {
  return existsSync(path) || sources.some((source) => source.endsWith(`/${path}`))
}

/** One thread: small networks gain nothing from more, and other tests run at the same time. */
const oneThread = { NEURODE_THREADS: '1' }

/** Files that programs read and that their users have. */
const given = [
  ['docs/data/cars.csv', 'cars.csv'],
  ['test/golden/files/dense.onnx', 'model.onnx'],
] as const
/** Without local files, MNIST would be downloaded. */
const lacksData = (code: string) => code.includes('datasets.mnist()') && !process.env.NEURODE_DATA

const read = (page: string) => readFileSync(page, 'utf8')

/** Turns a line of a shell block into a test. The first pattern that matches counts. */
const shellLines: readonly (readonly [line: RegExp, test: (match: RegExpExecArray) => Promise<void> | void])[] = [
  [/^npm run (\S+)(?: -- (.*))?$/, ([, name = '', rest = '']) => checkScript(name, rest.split(' '))],
  [/^npm test$/, () => checkScript('test', [])],
  [/^node node_modules\/neurode\/examples\/main\.js (\S+)/, ([, name = '']) => checkScript('example', [name])],
  [/^npm install (.*)$/, ([, names = '']) => checkPeers(names.split(' '))],
  [/^npx neurode train mnist(.*)$/, ([, options = '']) => runNeurode(['train', 'mnist', ...words(options), ...quick])],
  [/^npm i neurode$/, () => assert.equal(JSON.parse(read('package.json')).name, 'neurode')],
  [/^npx neurode (doctor)(.*)$/, ([, name = '', options = '']) => runNeurode([name, ...words(options)])],
  // Such a command runs long or changes the machine, so only its existence is tested.
  [/^npx neurode (\w+)/, ([, name = '']) => runNeurode([name, '--help'])],
]
/** If an option is given twice, the last one counts, so these override the page's. */
const quick = ['--epochs', '1', '--dataset', 'synthetic', '--device', 'cpu', '--threads', '1']

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

function checkScript(name: string, [first = '']: readonly string[]): void {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  assert.ok(name in scripts, `package.json has no script ${name}`)
  if (name === 'example') assert.ok(existsSync(join('examples', `${first}.ts`)), `there is no example ${first}`)
}

function checkPeers(names: readonly string[]): void {
  const { peerDependencies } = JSON.parse(read('package.json')) as { peerDependencies: Record<string, string> }
  for (const name of names) assert.ok(name in peerDependencies, `${name} is not a peer dependency`)
}

async function runNeurode(args: readonly string[]): Promise<void> {
  const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
  const program = `process.chdir(${JSON.stringify(folder)}); process.argv.splice(1, 1, 'neurode'); await import(${JSON.stringify(pathToFileURL(main).href)})`
  // npm sets INIT_CWD to the folder in which it was started; files would be written there.
  const env = { ...oneThread, INIT_CWD: folder }
  const { code, stderr } = await runNode(['--input-type=module', '-e', program, 'x', ...args], env, 200_000)
  assert.equal(code, 0, stderr)
}

/** Compiles all programs in one run, each as a module in the folder. */
async function compile(programs: readonly Program[]): Promise<void> {
  for (const { name, code } of programs) writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {}\n`)
  const options = { rootDir: '.', outDir: '.', noUnusedLocals: false, noUnusedParameters: false, types: ['node'] }
  const project = { extends: '../../tsconfig.base.json', compilerOptions: options, include: ['*.ts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
  const { code, stdout } = await runNode(['node_modules/typescript/bin/tsc', '-p', folder], {}, 200_000)
  assert.equal(code, 0, stdout)
}

describe('the documentation', function () {
  this.slow(20_000)
  const programs = written.flatMap((page) => programsOf(page, blocksOf(read(page))))

  before(async () => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    for (const [from, to] of given) copyFileSync(from, join(folder, to))
    await compile(programs)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const { page, name, isRun, code: text } of programs) {
    it(`has a program that ${isRun ? 'runs' : 'compiles'}: ${page}, ${name}`, async function () {
      assert.ok(existsSync(join(folder, `${name}.js`)))
      if (!isRun) return
      if (lacksData(text)) this.skip()
      const program = `process.chdir(${JSON.stringify(folder)}); await import('./${name}.js')`
      writeFileSync(join(folder, `${name}.run.mjs`), program)
      const { code, stderr } = await runNode([join(folder, `${name}.run.mjs`)], oneThread, 200_000)
      assert.equal(code, 0, stderr)
    })
  }

  const shell = written
    .filter((page) => !commandsFollowed.includes(page))
    .flatMap((page) => blocksOf(read(page)).map((block) => ({ page, ...block })))
  for (const { page, language, code, reason } of shell) {
    if (language !== 'sh' || reason !== undefined) continue
    for (const line of code.split('\n').map((text) => text.replace(/\s*#.*$/, ''))) {
      if (line.trim() === '') continue
      it(`has commands that work: ${page}: ${line}`, async () => {
        const [test, match] = shellLines
          .map(([pattern, run]) => [run, pattern.exec(line)] as const)
          .find(([, found]) => found) ?? [undefined, null]
        assert.ok(test && match, 'no way is known to test this line')
        await test(match)
      })
    }
  }

  const blocks = written.flatMap((page) => blocksOf(read(page)))
  const isProgram = ({ language }: Block) => language === 'ts' || language === 'sh'
  const notRun = blocks.filter((block) => isProgram(block) && block.reason !== undefined)
  it(`has ${notRun.length} of ${blocks.filter(isProgram).length} blocks that are not run, each with its reason`, () => {
    for (const { reason } of notRun) assert.ok((reason ?? '').length > 10)
    assert.ok(blocks.filter(isProgram).length > 20)
    assert.deepEqual(
      blocks.map(({ language }) => language).filter((language) => !['ts', 'sh', ''].includes(language)),
      [],
    )
    assert.ok(notRun.length * 5 <= blocks.length, 'most blocks are run')
  })

  const slugsIn = new Map<string, Set<string>>()
  for (const page of pages) {
    it(`has links that lead somewhere: ${page}`, () => {
      for (const { target } of linksOf(read(page))) {
        if (/^[a-z]+:/.test(target)) continue
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? page : join(dirname(page), decodeURIComponent(path))
        assert.ok(existsSync(file), `${target}: there is no ${file}`)
        if (anchor === undefined || !file.endsWith('.md')) continue
        // The generator adds numbers even to some headings that occur only once.
        const numbered = file.startsWith(join('docs', 'reference')) ? anchor.replace(/-\d+$/, '') : anchor
        const slugs = slugsIn.get(file) ?? slugsOf(read(file))
        slugsIn.set(file, slugs)
        assert.ok(slugs.has(anchor) || slugs.has(numbered), `${target}: ${basename(file)} has no such heading`)
      }
    })
  }

  for (const page of ['docs/design.md', 'CONTRIBUTING.md', 'test/README.md']) {
    it(`names files that are there: ${page}`, () => {
      for (const path of pathsIn(read(page))) assert.ok(isThere(path), `${path} is not there`)
    })
  }

  it('describes every error code, and none that there is not', () => {
    const described = [...read('docs/errors.md').matchAll(/^\| `(ERR_\w+)` \|/gm)].map(([, code]) => code)
    assert.deepEqual(described.sort(), Object.keys(errorCodes).sort())
    const warned = [...read('docs/errors.md').matchAll(/^\| `(NEURODE_\w+)` \|/gm)].map(([, code]) => code)
    assert.deepEqual(warned.sort(), Object.keys(warningCodes).sort())
  })

  const own = ['plot', 'serve'].map((name) => join('docs', 'reference', `${name}.md`))
  for (const [source, pagesOf] of [
    ['lib/index.ts', reference],
    ['lib/plot/index.ts', own.slice(0, 1)],
    ['lib/serve/index.ts', own.slice(1)],
  ] as const) {
    it(`has every export of ${source} in its reference: else run "npm run docs"`, () => {
      const headings = pagesOf.flatMap((page) => [...read(page).matchAll(/^### (?:`abstract` )?(\w+)/gm)])
      const described = new Set(headings.map(([, name]) => name))
      const missing = exportsOf(read(source)).filter((name) => !described.has(name))
      assert.deepEqual(missing, [])
    })
  }

  it('lists every page of its reference, and pages that are short enough to read', () => {
    const listed = linksOf(read('docs/reference/README.md')).map(({ target }) => join('docs', 'reference', target))
    assert.deepEqual(listed.sort(), [...reference].sort())
    for (const page of reference) assert.ok(statSync(page).size < 80_000, `${page}: give some of it a page of its own`)
  })
})

/** The names that a file exports. */
function exportsOf(source: string): string[] {
  const lists = [...source.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = '']) => list.split(','))
  const own = [...source.matchAll(/^export (?:const|class|function|interface|type) (\w+)/gm)].map(
    ([, name = '']) => name,
  )
  return [
    ...lists.map((item) =>
      item
        .trim()
        .replace(/^type /, '')
        .replace(/.* as /, ''),
    ),
    ...own,
  ].filter((name) => name !== '')
}
