// Runs every suite on the real CUDA device, then compute-sanitizer if it is installed. JSON Lines report what ran and what did
// not.
//   node scripts/test-gpu.mjs [--small]
// Without a GPU it fails and gives the reason. If NEURODE_CUDA_LIBRARY names a library, such as the emulator's, it uses that
// one.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
const small = process.argv.includes('--small')
const folder = mkdtempSync(join(tmpdir(), 'neurode-'))
const steps = []

/** Prints the name of a step, its status (`passed`, `failed` or `not run`), and further fields. */
function report(step, status, more = {}) {
  steps.push(status)
  process.stdout.write(`${JSON.stringify({ step, status, ...more })}\n`)
}

async function main() {
  const { devices } = await import('neurode')
  const cuda = devices().find(({ name }) => name === 'cuda:0')
  if (!cuda?.available) return report('a CUDA device', 'failed', { reason: cuda?.reason ?? 'none was found' })
  const { description, precisions } = cuda
  report('a CUDA device', 'passed', { description, precisions, emulated: description.startsWith('Emulated') })
  runSuites()
  runSanitizer('memcheck')
  if (!small) for (const tool of ['racecheck', 'synccheck', 'initcheck']) runSanitizer(tool)
}

/** Runs the suites of all devices with the installed CUDA library; the emulator is used only if the environment names it. */
function runSuites() {
  const output = join(folder, 'mocha.json')
  const suites = small ? ['build/test/dense.test.js', 'build/test/gpu.test.js'] : ['build/test/**/*.test.js']
  const mocha = ['node_modules/mocha/bin/mocha.js', '--no-config', '--timeout', '180000', '--node-option', 'expose-gc']
  const reporter = [
    '--require',
    'build/test/support/setup.js',
    '--reporter',
    'json',
    '--reporter-option',
    `output=${output}`,
  ]
  const { stderr } = spawnSync(process.execPath, [...mocha, ...reporter, ...suites], { encoding: 'utf8' })
  let results
  try {
    results = JSON.parse(readFileSync(output, 'utf8'))
  } catch (error) {
    return report('suites', 'failed', { reason: `mocha left no results: ${error.message}; ${stderr.slice(-2000)}` })
  }
  const { tests, passes, failures, pending } = results
  for (const { fullTitle, err } of failures) report(fullTitle, 'failed', { reason: err.message?.slice(0, 2000) })
  for (const { fullTitle } of pending) report(fullTitle, 'not run')
  report('suites', failures.length > 0 || passes.length === 0 ? 'failed' : 'passed', {
    tests: tests.length,
    passed: passes.length,
    failed: failures.length,
    pending: pending.length,
  })
}

function runSanitizer(tool) {
  const step = `compute-sanitizer ${tool}`
  const program = ['build/test/support/programs/cuda-train.js', 'all']
  const options = ['--tool', tool, '--error-exitcode', '9', '--target-processes', 'all', process.execPath, ...program]
  const { status, error, stdout, stderr } = spawnSync('compute-sanitizer', options, {
    encoding: 'utf8',
    timeout: 300_000,
  })
  if (error?.code === 'ENOENT') return report(step, 'not run', { reason: 'there is no compute-sanitizer on the path' })
  const text = `${stdout}${stderr}`
  report(step, status === 0 ? 'passed' : 'failed', {
    reason: status === 0 ? undefined : (error?.message ?? text.slice(-2000)),
  })
}

try {
  await main()
} finally {
  rmSync(folder, { recursive: true })
}
process.exitCode = steps.includes('failed') ? 1 : 0
