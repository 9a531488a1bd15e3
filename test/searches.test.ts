/** docs/searches.md: its commands run, its manifests are read as their schedulers read them, and its programs train. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { asyncLocalStorage, Context } from '@temporalio/activity'
import { parseAllDocuments } from 'yaml'
import { type Ended, runCommand, runNode } from './support/children.js'
import { suiteFolder } from './support/folders.js'
import { collectJson } from './support/katib.js'
import { blocksOf } from './support/markdown.js'

const blocks = blocksOf(readFileSync('docs/searches.md', 'utf8'))
const codesIn = (language: string) => blocks.filter((block) => block.language === language).map(({ code }) => code)
const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
/** These commands need a cluster or a cloud. */
const elsewhere = /^(kubectl|sbatch|aws) /

/** A container of a manifest, or of AWS Batch's definition. */
interface Container {
  readonly command: readonly string[]
  readonly args?: readonly string[]
}

describe('docs/searches.md', function () {
  this.slow(60_000)
  const folder = suiteFolder()
  const at = (...names: readonly string[]) => join(folder.path, ...names)

  /** Makes a program of these lines of shell that is found by its name. */
  function command(name: string, lines: string): void {
    writeFileSync(at('bin', name), `#!/bin/sh\n${lines}\n`)
    chmodSync(at('bin', name), 0o755)
  }

  const environment = () => ({
    PATH: `${at('bin')}:${process.env.PATH}`,
    INIT_CWD: folder.path,
    NEURODE_THREADS: '1',
    NEURODE_DEVICE: 'cpu',
  })

  function shell(script: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return runCommand('bash', ['-c', `cd '${folder.path}' && ${script}`], { ...environment(), ...env })
  }

  // biome-ignore lint/suspicious/noExplicitAny: manifests are of many kinds
  const manifests = (): any[] =>
    codesIn('yaml').flatMap((code) =>
      parseAllDocuments(code, { strict: true, uniqueKeys: true }).map((document) => {
        assert.deepEqual(document.errors, [])
        return document.toJS()
      }),
    )
  const manifestOf = (kind: string) => manifests().find((each) => each.kind === kind) ?? assert.fail(kind)

  /** The command line of a container, whose mounted folders are in that of the suite. */
  const lineOf = ({ command: start, args = [] }: Container) =>
    [...start, ...args].map((word) => word.replace(/(^|=)\/(search|results|katib)(?=\/)/, `$1${folder.path}/$2`))

  const runContainer = (container: Container, env: Readonly<Record<string, string>>): Promise<Ended> => {
    const [name = '', ...args] = lineOf(container)
    assert.equal(name, 'neurode')
    return runCommand(at('bin', name), args, { ...environment(), ...env })
  }

  const lossesIn = (file: string) => collectJson(readFileSync(at(file), 'utf8'), ['valLoss'])

  before(async function () {
    if (process.platform === 'win32') this.skip()
    mkdirSync(at('bin'))
    // Two epochs are enough to see that a command works.
    const quick = `case "$1" in train) set -- "$@" --option epochs=2;; esac`
    command('neurode', `${quick}\nexec '${process.execPath}' '${main}' "$@"`)
    writeFileSync(at('space.json'), codesIn('json').find((code) => code.includes('logUniform')) ?? assert.fail())
    for (const name of ['search', 'search/results', 'results', 'katib']) mkdirSync(at(name))
    for (const name of ['cars.csv', 'search/cars.csv']) copyFileSync('docs/data/cars.csv', at(name))
    writeFileSync(at('best.mjs'), codesIn('js').find((code) => code.includes('readdirSync')) ?? assert.fail())
    const { code, stderr } = await shell(
      'neurode trials space.json --count 20 --seed 1 > search/trials.jsonl && cp search/trials.jsonl .',
    )
    assert.equal(code, 0, stderr)
  })

  it('has commands that run trials on one machine, and a program that lists the best', async () => {
    const commands = codesIn('sh').filter((code) => !elsewhere.test(code))
    assert.ok(commands.length >= 3)
    const { code, stdout, stderr } = await shell(`set -euo pipefail\n${commands.join('\n')}`)
    assert.equal(code, 0, stderr)
    for (let index = 0; index < 6; index++) assert.equal(lossesIn(`results/${index}.jsonl`).length, 2)
    assert.equal(stdout.match(/trial: '\d', valLoss: [\d.]+/g)?.length, 3, stdout)
  })

  it('has an Indexed Job whose trials are those of their indices, and whose exit codes are those of neurode', async () => {
    const { apiVersion, metadata, spec } = manifestOf('Job')
    assert.deepEqual(
      [apiVersion, spec.completionMode, spec.template.spec.restartPolicy],
      ['batch/v1', 'Indexed', 'Never'],
    )
    assert.match(metadata.name, /^[a-z][a-z0-9-]*$/)
    const { containers, volumes } = spec.template.spec
    const [container] = containers
    const rules: readonly { action: string; onExitCodes?: { containerName: string; values: readonly number[] } }[] =
      spec.podFailurePolicy.rules
    const actionOf = (code: number) => rules.find(({ onExitCodes }) => onExitCodes?.values.includes(code))?.action
    assert.deepEqual([75, 1, 2].map(actionOf), ['Ignore', 'FailIndex', 'FailIndex'])
    for (const { onExitCodes } of rules) assert.ok([undefined, container.name].includes(onExitCodes?.containerName))
    assert.ok(spec.backoffLimitPerIndex > 0, 'FailIndex needs it')
    assertMounts(container, volumes)
    const { code, stderr } = await runContainer(container, { JOB_COMPLETION_INDEX: '3' })
    assert.equal(code, 0, stderr)
    assert.equal(lossesIn('results/3.jsonl').length, 2)
    assert.ok(existsSync(at('results', '3.neurode')))
    assert.equal(spec.completions, readFileSync(at('trials.jsonl'), 'utf8').trimEnd().split('\n').length)
  })

  describe('Katib', () => {
    /** The command as Katib's webhook makes it (`wrapWorkerContainer`): the words, unquoted, in a shell that marks the end. */
    function wrapped(words: readonly string[], { earlyStopping = false } = {}): string {
      const mark = `${at('katib')}/$$.pid`
      const stopped = `if test -f ${mark} && [ $(head -n 1 ${mark}) = early-stopped ]; then echo stopped; else exit 1; fi`
      const more = earlyStopping ? ['||', stopped] : []
      return [...words, ...more, '&&', `echo completed > ${mark}`].join(' ')
    }

    /** The words of a trial with parameters from the middle of their ranges. */
    function wordsOf({ parameters, trialTemplate }: ReturnType<typeof manifestOf>['spec']): readonly string[] {
      const names = new Map<string, string>(
        trialTemplate.trialParameters.map((each: { name: string; reference: string }) => [each.name, each.reference]),
      )
      const valueOfParameter = (reference: string | undefined): string => {
        const { parameterType, feasibleSpace } =
          parameters.find(({ name }: { name: string }) => name === reference) ?? assert.fail(reference)
        if (parameterType === 'categorical') return feasibleSpace.list.at(-1)
        const middle = (Number(feasibleSpace.min) + Number(feasibleSpace.max)) / 2
        return String(parameterType === 'int' ? Math.round(middle) : middle)
      }
      const used = new Set<string>()
      const [container] = trialTemplate.trialSpec.spec.template.spec.containers
      assert.equal(container.name, trialTemplate.primaryContainerName)
      const words = lineOf(container).map((word) =>
        word.replaceAll(/\$\{trialParameters\.(\w+)\}/g, (_, name: string) => {
          used.add(name)
          return valueOfParameter(names.get(name))
        }),
      )
      assert.deepEqual([...used].sort(), [...names.keys()].sort())
      return words
    }

    const start = (script: string) => spawn('sh', ['-c', script], { env: { ...process.env, ...environment() } })

    it('has an Experiment whose trial reports its metrics where the collector reads them', async () => {
      const { apiVersion, spec } = manifestOf('Experiment')
      assert.equal(apiVersion, 'kubeflow.org/v1beta1')
      const { collector, source } = spec.metricsCollectorSpec
      assert.deepEqual(
        [collector.kind, source.fileSystemPath.kind, source.fileSystemPath.format],
        ['File', 'File', 'JSON'],
      )
      const { containers, volumes } = spec.trialTemplate.trialSpec.spec.template.spec
      assertMounts(containers[0], volumes)
      const child = start(wrapped(wordsOf(spec)))
      const [code] = await once(child, 'close')
      assert.equal(code, 0)
      const names = [spec.objective.objectiveMetricName, ...spec.objective.additionalMetricNames]
      const path = source.fileSystemPath.path.replace(/^\/katib/, at('katib'))
      const logs = collectJson(readFileSync(path, 'utf8'), names)
      for (const name of names)
        assert.ok(
          logs.some((log) => log.name === name),
          `${name} is not reported`,
        )
      assert.equal(readFileSync(at('katib', `${child.pid}.pid`), 'utf8'), 'completed\n')
    })

    it('has a trial that Katib can stop early', async () => {
      const words = [...wordsOf(manifestOf('Experiment').spec), '--option', 'epochs=100000', '--option', 'batch-size=1']
      const neurode = words.map((word) => (word === 'neurode' ? `'${process.execPath}' '${main}'` : word))
      rmSync(at('katib', 'metrics.jsonl'), { force: true })
      const child = start(wrapped(neurode, { earlyStopping: true }))
      let stdout = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text
      })
      while (!existsSync(at('katib', 'metrics.jsonl'))) await new Promise((resolve) => setTimeout(resolve, 50))
      // The collector marks the shell's number and ends its only child.
      writeFileSync(at('katib', `${child.pid}.pid`), 'early-stopped')
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
      assert.equal(children.length, 1)
      process.kill(Number(children[0]), 'SIGTERM')
      const [code] = await once(child, 'close')
      assert.equal(code, 0)
      assert.match(stdout, /stopped\n$/)
      assert.ok(lossesIn('katib/metrics.jsonl').length >= 1)
    }).timeout(600_000)
  })

  describe('Slurm', () => {
    const script = () => codesIn('bash').find((code) => code.includes('#SBATCH')) ?? assert.fail()
    const run = () =>
      shell(`bash search.sh`, { SLURM_ARRAY_TASK_ID: '4', SLURM_JOB_ID: '1234', SLURM_CPUS_PER_TASK: '1' })

    before(() => {
      writeFileSync(at('search.sh'), script())
      command('scontrol', `echo "$@" >> '${at('requeued')}'`)
    })

    it('has an array whose script runs the trial of its index', async () => {
      assert.match(script(), /^#!\/bin\/bash\n(#SBATCH --[a-z-]+(=\S+)?\n)+srun /)
      command('srun', 'exec "$@"')
      const { code, stderr } = await run()
      assert.equal(code, 0, stderr)
      assert.equal(lossesIn('results/4.jsonl').length, 2)
      assert.ok(!existsSync(at('requeued')))
    })

    it('puts a trial that SIGTERM stopped back into the queue, and no other', async () => {
      command('srun', 'exit 2')
      assert.equal((await run()).code, 2)
      assert.ok(!existsSync(at('requeued')))
      command('srun', 'exit 75')
      assert.equal((await run()).code, 75)
      assert.equal(readFileSync(at('requeued'), 'utf8'), 'requeue 1234\n')
    })
  })

  it('has a job definition of AWS Batch whose array runs the trials of its indices', async () => {
    const definition = JSON.parse(codesIn('json').find((code) => code.includes('jobDefinitionName')) ?? assert.fail())
    const { containerProperties, retryStrategy, type } = definition
    assert.equal(type, 'container')
    assert.deepEqual(
      retryStrategy.evaluateOnExit.find(({ onExitCode }: { onExitCode?: string }) => onExitCode === '75')?.action,
      'RETRY',
    )
    assert.equal(retryStrategy.evaluateOnExit.at(-1).action, 'EXIT')
    const { volumes, mountPoints } = containerProperties
    assert.deepEqual(
      mountPoints.map(({ sourceVolume }: { sourceVolume: string }) => sourceVolume),
      volumes.map(({ name }: { name: string }) => name),
    )
    const { code, stderr } = await runContainer(containerProperties, { AWS_BATCH_JOB_ARRAY_INDEX: '5' })
    assert.equal(code, 0, stderr)
    assert.equal(lossesIn('search/results/5.jsonl').length, 2)
  })

  describe('programs', () => {
    const programs = resolve('build/searches')
    let bullmq: { processTrial(job: object, token?: string, signal?: AbortSignal): Promise<{ readonly loss: number }> }
    let temporal: { trial(index: number): Promise<number> }
    const previous = process.cwd()

    before(async () => {
      rmSync(programs, { recursive: true, force: true })
      mkdirSync(programs, { recursive: true })
      const sources = codesIn('ts')
      const write = (name: string, mark: string) =>
        writeFileSync(join(programs, name), sources.find((code) => code.includes(mark)) ?? assert.fail(mark))
      write('trial.ts', 'export async function runTrial')
      write('bullmq.ts', "from 'bullmq'")
      write('temporal.ts', "from '@temporalio/activity'")
      assert.equal(sources.length, 3)
      const compilerOptions = { rootDir: '.', outDir: '.', types: ['node'] }
      const project = { extends: '../../tsconfig.base.json', compilerOptions, include: ['*.ts'], exclude: [] }
      writeFileSync(join(programs, 'tsconfig.json'), JSON.stringify(project))
      const { code, stdout } = await runNode(['node_modules/typescript/bin/tsc', '-p', programs], {}, 200_000)
      assert.equal(code, 0, stdout)
      bullmq = await import(pathToFileURL(join(programs, 'bullmq.js')).href)
      temporal = await import(pathToFileURL(join(programs, 'temporal.js')).href)
      process.chdir(folder.path)
    })
    after(() => {
      process.chdir(previous)
      rmSync(programs, { recursive: true, force: true })
    })

    const backupsOf = (index: number) => (existsSync(`backups/${index}`) ? readdirSync(`backups/${index}`).length : 0)

    it('has a processor for BullMQ that goes on after it was cancelled, with the same loss', async () => {
      const jobOf = (index: number, onEpoch: (epoch: number) => void = () => {}) => ({
        data: { index },
        updateProgress: async ({ epoch }: { epoch: number }) => onEpoch(epoch),
      })
      const undisturbed = await bullmq.processTrial(jobOf(1))
      const cancelling = new AbortController()
      const cancelled = jobOf(1, (epoch) => epoch === 20 && cancelling.abort())
      await assert.rejects(bullmq.processTrial(cancelled, 'token', cancelling.signal), { code: 'ERR_ABORTED' })
      assert.ok(backupsOf(1) > 0)
      const epochs: number[] = []
      const { loss } = await bullmq.processTrial(jobOf(1, (epoch) => void epochs.push(epoch)))
      assert.equal(epochs.at(-1), 199)
      assert.ok((epochs[0] ?? 0) >= 19, `it goes on in epoch ${epochs[0]}`)
      assert.equal(loss, undisturbed.loss)
      assert.ok(loss > 0 && loss < 1)
      assert.equal(backupsOf(1), 0)
    })

    it('has an activity for Temporal that heartbeats, and that a cancellation stops', async () => {
      const beats: { readonly epoch: number }[] = []
      const cancelling = new AbortController()
      const activity = (onBeat: () => void) => {
        const never = new Promise<never>(() => {})
        const beat = (details: { readonly epoch: number }) => {
          beats.push(details)
          onBeat()
        }
        const context = new Context(
          {} as never,
          never,
          cancelling.signal,
          beat,
          undefined,
          {} as never,
          {} as never,
          {},
        )
        return asyncLocalStorage.run(context, () => temporal.trial(2))
      }
      assert.ok((await activity(() => {})) < 1)
      assert.equal(beats.length, 200)
      await assert.rejects(
        activity(() => cancelling.abort()),
        { code: 'ERR_ABORTED' },
      )
    })
  })
})

/** Fails where a container mounts a volume that its pod does not have. */
function assertMounts(
  { volumeMounts }: { readonly volumeMounts: readonly { readonly name: string }[] },
  volumes: readonly { readonly name: string }[],
): void {
  assert.deepEqual(volumeMounts.map(({ name }) => name).sort(), volumes.map(({ name }) => name).sort())
}
