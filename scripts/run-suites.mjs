// run-suites.mjs [suite...] [option...]: runs suites of build/test, all but those of the package if none is named, and reports
// them as mocha's reporter `spec` does. Each suite is a process of its own. As many run at a time as there are processors, up
// to 8, or as NEURODE_TEST_JOBS says. Options are those of mocha, such as `--grep`.

import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Mocha from 'mocha'

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))

/** The suites that take longest, which begin first, so that none of them is left for the end. */
const longest = [
  'fuzz-arguments',
  'golden-training',
  'add-a-layer',
  'lifetime',
  'fault-injection',
  'golden-folder',
  'documentation',
  'examples',
]
/** More at a time gain nothing: the longest suite takes an eighth of the time of all. */
const mostJobs = 8
/** The memory that a suite may need. */
const bytesPerJob = 1.5 * 2 ** 30
const { EVENT_HOOK_BEGIN, EVENT_RUN_BEGIN, EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_SUITE_END } = Mocha.Runner.constants
const { EVENT_TEST_BEGIN, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants

const args = process.argv.slice(2)
const isSuite = (argument) => /\.test\.js$/.test(argument)
const named = args.filter(isSuite)
const options = args.filter((argument) => !isSuite(argument))
const folder = mkdtempSync(join(tmpdir(), 'neurode-suites-'))
/** The processes that run, by the suite of each. */
const running = new Map()
const seconds = new Map()
const stats = { passes: 0, pending: 0, failures: 0, duration: 0 }
const reported = Object.assign(new EventEmitter(), { stats })
new Mocha.reporters.Spec(reported, {})

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
await main()

async function main() {
  const start = performance.now()
  const suites = inOrder(named.length > 0 ? named : allSuites())
  reported.emit(EVENT_RUN_BEGIN)
  reported.emit(EVENT_SUITE_BEGIN, { title: '', root: true })
  await Promise.all(Array.from({ length: jobs() }, () => runFrom(suites)))
  reported.emit(EVENT_SUITE_END, {})
  stats.duration = Math.round(performance.now() - start)
  console.log(`  longest: ${slowest()}`)
  reported.emit(EVENT_RUN_END)
  process.exitCode = stats.failures > 0 ? 1 : 0
}

function allSuites() {
  const names = readdirSync('build/test', { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => isSuite(name) && !name.startsWith('package/'))
    .sort()
  return names.map((name) => `build/test/${name}`)
}

/** Puts the longest suites first. */
function inOrder(suites) {
  const ranks = new Map(longest.map((name, rank) => [name, rank]))
  const rankOf = (suite) => ranks.get(nameOf(suite)) ?? longest.length
  return suites.toSorted((a, b) => rankOf(a) - rankOf(b))
}

function nameOf(suite) {
  return suite.replace(/^build\/test\//, '').replace(/\.test\.js$/, '')
}

function jobs() {
  const given = Number(process.env.NEURODE_TEST_JOBS)
  if (given >= 1) return given
  const memory = Math.min(totalmem(), process.constrainedMemory?.() || Infinity)
  return Math.max(1, Math.min(availableParallelism(), mostJobs, Math.floor(memory / bytesPerJob)))
}

async function runFrom(suites) {
  for (let suite = suites.shift(); suite !== undefined; suite = suites.shift()) await run(suite)
}

async function run(suite) {
  const start = performance.now()
  const name = join(folder, suite.replaceAll(/\W/g, '-'))
  const files = { events: `${name}.events`, output: `${name}.output` }
  const output = openSync(files.output, 'w')
  const reporter = ['--reporter', 'scripts/suites/events.cjs', '--reporter-option', `output=${files.events}`]
  const mocha = ['--expose-gc', 'node_modules/mocha/lib/cli/cli.js', ...reporter, ...options, suite]
  const child = spawn(process.execPath, mocha, { stdio: ['ignore', output, output] })
  running.set(suite, { child, files })
  const [code, signal] = await new Promise((resolve) => child.once('exit', (...end) => resolve(end)))
  running.delete(suite)
  closeSync(output)
  seconds.set(suite, (performance.now() - start) / 1000)
  report(suite, files, signal ?? `exit code ${code}`)
}

/** Reports what a suite wrote, and a failure if it ended otherwise than its tests did. */
function report(suite, files, end) {
  const output = readFileSync(files.output, 'utf8')
  process.stdout.write(output)
  const events = readEvents(files)
  let depth = 0
  for (const { name, title, path, ...more } of events) {
    if (name === EVENT_SUITE_BEGIN) depth++
    if (name === EVENT_SUITE_END) depth--
    emit(name, { title, titlePath: () => path, duration: more.duration, slow: () => more.slow }, more.error)
  }
  const last = events.at(-1)
  const expected = last?.name === EVENT_RUN_END ? `exit code ${Math.min(last.failures, 255)}` : undefined
  if (end !== expected) {
    const title = `${suite} ended with ${end}${atWork(events)}`
    const message = output.trimEnd().split('\n').slice(-30).join('\n')
    emit(EVENT_TEST_FAIL, { title, titlePath: () => [title] }, { message, stack: message, showDiff: false })
  }
  for (; depth > 0; depth--) reported.emit(EVENT_SUITE_END, {})
}

function emit(name, runnable, error) {
  if (name === EVENT_TEST_PASS) stats.passes++
  if (name === EVENT_TEST_PENDING) stats.pending++
  if (name === EVENT_TEST_FAIL) stats.failures++
  if (name !== EVENT_RUN_END) reported.emit(name, runnable, error)
}

function readEvents({ events }) {
  if (!existsSync(events)) return []
  const lines = readFileSync(events, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line))
}

/** The test or hook that began last. */
function atWork(events) {
  const last = events.findLast(({ name }) => name === EVENT_TEST_BEGIN || name === EVENT_HOOK_BEGIN)
  return last === undefined ? '' : ` in or after: ${last.path.join(' ')}`
}

function slowest() {
  const ordered = [...seconds].sort((a, b) => b[1] - a[1]).slice(0, 10)
  return ordered.map(([suite, value]) => `${nameOf(suite)} ${value.toFixed()} s`).join(', ')
}

/** Says what was running, and ends it. */
function stop() {
  for (const [suite, { child, files }] of running) {
    console.log(`${suite} was running${atWork(readEvents(files))}`)
    child.kill()
  }
  process.exit(1)
}
