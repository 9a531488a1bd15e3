/** `neurode train` under launchers of MPI, and docs/distributed.md: ranks train together, and the first one speaks and writes. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { type Ended, runCommand, runNode } from './support/children.js'
import { suiteFolder } from './support/folders.js'
import { firstHost, onSecondHost } from './support/hosts.js'
import { blocksOf } from './support/markdown.js'
import { launcherCalled, runNodeRanks } from './support/ranks.js'

type Event = Readonly<Record<string, unknown>>

const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
const eventsIn = (stdout: string) =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event)

describe('neurode train by several ranks', function () {
  this.slow(60_000)
  const folder = suiteFolder()
  const at = (name: string) => join(folder.path, name)
  const common = (epochs: number) => ['--parts', '4', '--epochs', `${epochs}`, '--json']
  const mnist = (epochs: number) => [
    ...['train', 'mnist', '--dataset', 'synthetic', '--batch-size', '256'],
    ...common(epochs),
  ]
  const table = () => ['train', at('table.csv'), '--target', 'y', ...common(6)]
  const one = { NEURODE_THREADS: '1' }

  /** Those of one process. */
  const runs: Ended[] = []

  before(async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i % 97},${(i * 7919) % 101},${(i % 97) + (i % 13)}`)
    writeFileSync(at('table.csv'), `a,b,y\n${lines.join('\n')}\n`)
    for (const args of [mnist(2), table()]) runs.push(await runNode([main, ...args], one))
  })

  for (const name of ['Open MPI', 'MPICH'] as const) {
    it(`gives the bits of one process, and lets the first rank speak and write: ${name}`, async function () {
      const launcher = launcherCalled(this, name)
      for (const [i, args] of [mnist(2), table()].entries()) {
        const alone = runs[i] as Ended
        assert.equal(alone.code, 0, alone.stderr)
        const files = ['--save', at(`${name} ${i}.neurode`), '--metrics-file', at(`${name} ${i}.jsonl`)]
        const together = await runNodeRanks(launcher, 2, [main, ...args, ...files])
        assert.equal(together.code, 0, together.stderr)
        const [own, theirs] = [alone, together].map(({ stdout }) => eventsIn(stdout))
        assert.equal(theirs?.length, own?.length)
        assert.equal(theirs?.at(-1)?.weightsSha256, own?.at(-1)?.weightsSha256)
        assert.ok(existsSync(at(`${name} ${i}.neurode`)))
      }
    })
  }

  it('stops on SIGTERM, and goes on with another number of ranks to the same bits', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    // Epochs of some tenths of a second, so that the signal comes before the last one.
    const whole = [main, ...mnist(6)]
    const args = [...whole, '--backup', at('backup')]
    const { command, options } = launcher
    const env = { ...process.env, ...one, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
    const child = spawn(command, [...options, '-n', '2', process.execPath, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const isBefore = !stdout.includes('"epoch":2,')
      stdout += text
      if (isBefore && stdout.includes('"epoch":2,')) child.kill('SIGTERM')
    })
    const [code] = await once(child, 'close')
    // Open MPI's own exit code is 1 where it was stopped itself, and it may not pass on what ranks write after that.
    assert.notEqual(code, 0, stderr)
    assert.ok(readdirSync(at('backup')).length > 0)
    const resumed = await runNodeRanks(launcher, 4, args)
    assert.equal(resumed.code, 0, resumed.stderr)
    const alone = await runNode(whole, one)
    assert.equal(eventsIn(resumed.stdout).at(-1)?.weightsSha256, eventsIn(alone.stdout).at(-1)?.weightsSha256)
  })
})

describe('docs/distributed.md', function () {
  this.slow(60_000)
  const folder = suiteFolder()
  const at = (...names: readonly string[]) => join(folder.path, ...names)
  const blocks = blocksOf(readFileSync('docs/distributed.md', 'utf8')).filter(({ reason }) => reason === undefined)
  const codesIn = (language: string) => blocks.filter((block) => block.language === language).map(({ code }) => code)

  function command(name: string, lines: string): void {
    writeFileSync(at('bin', name), `#!/bin/sh\n${lines}\n`)
    chmodSync(at('bin', name), 0o755)
  }

  function shell(script: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const allowed = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
    const own = { PATH: `${at('bin')}:${process.env.PATH}`, INIT_CWD: folder.path, NEURODE_THREADS: '1', ...allowed }
    return runCommand('bash', ['-c', `cd '${folder.path}' && ${script}`], { ...own, ...env })
  }

  before(function () {
    const launcher = launcherCalled(this, 'Open MPI')
    mkdirSync(at('bin'))
    // One epoch on synthetic digits is enough to see that a command works.
    const quick = 'case "$1" in train) set -- "$@" --option epochs=1 --option dataset=synthetic;; esac'
    const size = `printf %s "\${OMPI_COMM_WORLD_SIZE:-1}" >'${at('size')}'`
    command('neurode', `${quick}\n${size}\nexec '${process.execPath}' '${main}' "$@"`)
    command('mpirun', `exec ${launcher.command} ${launcher.options.join(' ')} "$@"`)
    command('srun', `case "$1" in --mpi=pmix) shift;; esac\nexec mpirun -n 2 "$@"`)
  })

  it('has commands that run', async () => {
    const commands = codesIn('sh')
    assert.ok(commands.length >= 2)
    const { code, stdout, stderr } = await shell(`set -euo pipefail\n${commands.join('\n')}`)
    assert.equal(code, 0, stderr)
    assert.equal(stdout.match(/^Test accuracy/gm)?.length, 1, stdout)
    assert.match(stdout, /2 ranks on 1 host, joined by Open MPI/)
    assert.ok(existsSync(at('digits.neurode')))
  })

  // They are run alone with those of other pages.
  it('has programs that run by two ranks', async () => {
    const codes = codesIn('ts')
    const paths = [...codes.keys(), 'all'].map((name) =>
      fileURLToPath(new URL(`../../build/distributed-guide-${name}.mjs`, import.meta.url)),
    )
    const all = paths.pop() ?? ''
    for (const [i, path] of paths.entries()) writeFileSync(path, codes[i] ?? '')
    writeFileSync(all, paths.map((path) => `await import('${path}')\n`).join(''))
    const { code, stdout, stderr } = await shell(`mpirun -n 2 '${process.execPath}' '${all}'`)
    assert.equal(code, 0, stderr)
    assert.equal(stdout.match(/^trained by 2/gm)?.length, codes.length, stdout)
  })

  it('has a script for Slurm that runs', async () => {
    writeFileSync(at('digits.sh'), codesIn('bash')[0] ?? '')
    const { code, stderr } = await shell('bash digits.sh', { SLURM_CPUS_PER_TASK: '1', SLURM_JOB_ID: '1' })
    assert.equal(code, 0, stderr)
  })

  it('has an MPIJob whose launcher starts as many ranks as there are slots, and whose command runs', async () => {
    const [document] = parseAllDocuments(codesIn('yaml')[0] ?? '', { strict: true, uniqueKeys: true })
    assert.deepEqual(document?.errors, [])
    const { apiVersion, kind, spec } = document?.toJS() ?? {}
    assert.deepEqual([apiVersion, kind], ['kubeflow.org/v2beta1', 'MPIJob'])
    const { Launcher: start, Worker: work } = spec.mpiReplicaSpecs
    const [{ command: program, args }] = start.template.spec.containers
    assert.deepEqual(args.slice(0, 2), ['-n', String(spec.slotsPerWorker * work.replicas)])
    const [{ volumeMounts }] = work.template.spec.containers
    assert.deepEqual([volumeMounts[0].name], [work.template.spec.volumes[0].name])
    mkdirSync(at('backups-of-job'))
    const words = [...program, ...args].map((word) => word.replace('=/backups', `=${at('backups-of-job')}`))
    const { code, stderr } = await shell(words.join(' '))
    assert.equal(code, 0, stderr)
    assert.ok(existsSync(at('backups-of-job', 'digits.neurode')))
  })

  it('has a job of AWS Batch whose script starts a rank for each slot of all nodes', async function () {
    const { type, nodeProperties } = JSON.parse(codesIn('json')[0] ?? '')
    const { numNodes, mainNode, nodeRangeProperties } = nodeProperties
    const [{ targetNodes, container }] = nodeRangeProperties
    assert.deepEqual([type, mainNode, targetNodes], ['multinode', 0, `0:${numNodes - 1}`])
    const [{ containerPath, sourceVolume }] = container.mountPoints
    assert.deepEqual([containerPath, sourceVolume], ['/shared', container.volumes[0].name])
    const script = codesIn('bash')[1] ?? ''
    mkdirSync(at('shared'))
    // Folders of the test, and the agent of the tests instead of a server.
    const here = script.replace(/\/(shared|tmp)\//g, `${at('shared')}/`).replace('/usr/sbin/sshd', '')
    writeFileSync(at('job.sh'), here)
    const node = (index: number) => `AWS_BATCH_JOB_NODE_INDEX=${index} bash ${at('job.sh')}`
    const prefix = firstHost(this).join(' ')
    writeFileSync(at('nodes.sh'), `${onSecondHost(node(1))} &\n${node(0)}\n`)
    const { code, stdout, stderr } = await shell(`timeout 300 ${prefix} bash nodes.sh`, {
      AWS_BATCH_JOB_ID: 'a1#0',
      AWS_BATCH_JOB_ATTEMPT: '1',
      AWS_BATCH_JOB_MAIN_NODE_INDEX: `${mainNode}`,
      AWS_BATCH_JOB_NUM_NODES: `${numNodes}`,
    })
    assert.equal(code, 0, stderr)
    assert.equal(stdout.match(/^Test accuracy/gm)?.length, 1, stdout)
    assert.equal(readFileSync(at('shared', 'nodes'), 'utf8'), '10.0.0.1 slots=2\n10.0.0.2 slots=2\n')
    assert.equal(readFileSync(at('size'), 'utf8'), '4')
    assert.ok(existsSync(at('shared', 'digits.neurode')))
  })
})
