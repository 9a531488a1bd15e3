/** Several processes that MPI connects train as one does. */

import assert from 'node:assert/strict'
import { distribution, layers, sequential } from 'neurode'
import { runChild, runCommand } from './support/children.js'
import { instructionSets, perDevice } from './support/devices.js'
import { suiteFolder } from './support/folders.js'
import { onTwoHosts } from './support/hosts.js'
import { trainAll } from './support/rankedNetworks.js'
import { headerFolders, launcherCalled, launchers, reportsOf, runRanks } from './support/ranks.js'
import { warningsOf } from './support/warnings.js'

interface Joined {
  readonly rank: number
  readonly size: number
  readonly localRank: number
  readonly hosts: number
  readonly library: string
  readonly isSame: boolean
  readonly short: readonly (readonly number[])[]
  readonly long: readonly (readonly unknown[])[]
  readonly sent: readonly number[]
  readonly isa: string
  readonly signals: readonly string[]
}

interface Trained {
  readonly rank: number
  readonly hosts: number
  readonly results: Readonly<Record<string, string>>
}

interface Saved {
  readonly rank: number
  readonly files: readonly string[]
  readonly whole: string
  readonly restored: string
  readonly resumed: string
  readonly missing: string
}

const names = ['Open MPI', 'MPICH'] as const

describe('ranks', function () {
  this.slow(10_000)

  for (const name of names) {
    it(`of ${name} join, exchange bytes and leave`, async function () {
      const launcher = launcherCalled(this, name)
      const size = launcher.mostRanks
      const ended = await runRanks(launcher, size, 'join-ranks')
      const reports = reportsOf<Joined>(ended)
      assert.equal(reports.length, size, ended.stderr)
      for (const [rank, report] of reports.entries()) {
        assert.deepEqual([report.rank, report.size, report.localRank, report.hosts], [rank, size, rank, 1])
        assert.match(report.library, name === 'MPICH' ? /^MPICH/ : /^Open MPI v/)
        assert.ok(report.isSame)
        const others = Array.from({ length: size }, (_, other) => other)
        assert.deepEqual(
          report.short,
          others.map((other) => [other, 2 * other]),
        )
        assert.deepEqual(
          report.long,
          others.map((other) => [1000 * (other + 1), other]),
        )
        assert.deepEqual(report.sent, [5000, 7, 7])
        const alone = reportsOf<Joined>(await runChild('join-ranks'))[0] as Joined
        assert.deepEqual(report.signals, alone.signals, 'MPI changed the handlers of signals')
      }
      assert.equal(ended.code, 0, ended.stderr)
    })

    it(`of ${name} are not mistaken for lone processes where the library is that of another launcher`, async function () {
      const launcher = launcherCalled(this, name)
      launcherCalled(this, name === 'MPICH' ? 'Open MPI' : 'MPICH')
      const library = name === 'MPICH' ? 'libmpi.so.40' : 'libmpich.so.12'
      const ended = await runRanks(launcher, 2, 'join-ranks', ['again'], { NEURODE_MPI_LIBRARY: library })
      assert.notEqual(ended.code, 0)
      assert.match(ended.stderr, /ERR_DISTRIBUTED/)
      assert.match(ended.stderr, /SIZE says that there are 2 ranks, but libmpi\S* \(\S+.*\) finds 1/)
    })
  }

  it('exchange more bytes than one message holds, and join in a second try', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    const env = { NEURODE_MPI_CHUNK_BYTES: '777', NEURODE_MPI_LIBRARY: '/nowhere/libmpi.so' }
    const ended = await runRanks(launcher, 2, 'join-ranks', ['again'], env)
    const [report] = reportsOf<Joined>(ended)
    assert.deepEqual(report?.long, [
      [1000, 0],
      [2000, 1],
    ])
    assert.deepEqual(report?.sent, [5000, 7, 7])
  })

  it('use the best instruction set that all of them have', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    const sets = instructionSets()
    const worst = sets.at(-1)
    if (worst === undefined || worst === sets[0]) return this.skip()
    const program = `if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then export NEURODE_ISA=${worst}; fi; exec "$@"`
    const ended = await runRanks(launcher, 2, 'join-ranks', [], {}, ['sh', '-c', program, 'sh'])
    assert.deepEqual(
      reportsOf<Joined>(ended).map(({ isa }) => isa),
      [worst, worst],
      ended.stderr,
    )
  })

  it('learn which instruction sets each of them has, where they have none in common', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    const [best, worst] = [instructionSets()[0], instructionSets().at(-1)]
    if (worst === best) return this.skip()
    const program = `if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then NEURODE_ISA=${worst}; else NEURODE_ISA=${best}; fi`
    const before = ['sh', '-c', `${program}; export NEURODE_ISA; exec "$@"`, 'sh']
    const ended = await runRanks(launcher, 2, 'join-ranks', [], {}, before)
    assert.notEqual(ended.code, 0)
    assert.match(ended.stderr, /ERR_DISTRIBUTED/)
    assert.match(ended.stderr, new RegExp(`no instruction set in common: rank 0 has ${best}; rank 1 has ${worst}`))
  })

  it('learn that another rank has failed, and why', async function () {
    const ended = await runRanks(launcherCalled(this, 'Open MPI'), 2, 'join-ranks', ['fail'])
    assert.notEqual(ended.code, 0)
    assert.match(ended.stderr, /ERR_DISTRIBUTED/)
    assert.match(ended.stderr, /rank 1 has failed: no space left/)
  })

  it('learn that another rank is somewhere else', async function () {
    const ended = await runRanks(launcherCalled(this, 'Open MPI'), 2, 'join-ranks', ['disagree'])
    assert.notEqual(ended.code, 0)
    assert.match(ended.stderr, /rank 1 is at 'other' while rank 0 is at 'one'/)
  })

  it('have constants that fit the mpi.h of each library', async function () {
    if (headerFolders.length === 0) {
      console.warn('      no mpi.h was found: install libopenmpi-dev and libmpich-dev')
      this.skip()
    }
    for (const folder of headerFolders) {
      const args = ['-std=c++20', '-fsyntax-only', '-I.', '-isystem', folder, 'native/distributed/mpi_check.cc']
      const { code, stderr } = await runCommand('c++', args)
      assert.equal(code, 0, stderr)
    }
  })
})

describe('a training of several ranks', function () {
  this.slow(60_000)
  let alone: Record<string, string>
  before(async () => {
    alone = await trainAll(4)
  })

  for (const [name, size, hosts] of [
    ['Open MPI', 2, 1],
    ['Open MPI', 4, 1],
    ['Open MPI', 2, 2],
    ['MPICH', 2, 1],
  ] as const) {
    const where = hosts === 1 ? 'on one host' : 'on two hosts, over TCP'
    it(`has the bits of one process with as many parts: ${size} ranks of ${name} ${where}`, async function () {
      const launcher = hosts === 1 ? launcherCalled(this, name) : onTwoHosts(this)
      const ended = await runRanks(launcher, size, 'train-ranks')
      const reports = reportsOf<Trained>(ended)
      assert.equal(reports.length, size, ended.stderr)
      for (const report of reports) {
        assert.equal(report.hosts, hosts)
        assert.deepEqual(report.results, alone)
      }
      assert.equal(ended.code, 0, ended.stderr)
    })
  }
})

describe('files of several ranks', function () {
  this.slow(20_000)
  const folder = suiteFolder()

  it('are written and read by the first one, whose state all others get', async function () {
    const ended = await runRanks(launcherCalled(this, 'Open MPI'), 2, 'save-ranks', [folder.path])
    assert.equal(ended.code, 0, ended.stderr)
    const [first, second] = reportsOf<Saved>(ended)
    assert.deepEqual(first?.files, ['model.keras', 'model.neurode', 'weights.safetensors'])
    assert.deepEqual(second?.files, [])
    assert.equal(second?.restored, first?.restored)
    for (const { whole, resumed } of [first, second] as Saved[])
      assert.deepEqual([whole, resumed], [first?.whole, whole])
    assert.match(second?.missing ?? '', /^rank 0 has failed: .*nothing\.neurode/)
  })
})

perDevice('a training of several ranks', (device) => {
  if (device === 'cpu') return

  it('has the bits of one process with as many parts', async function () {
    this.slow(60_000)
    const launcher = launcherCalled(this, 'Open MPI')
    const alone = await trainAll(4, undefined, device)
    const ended = await runRanks(launcher, 2, 'train-ranks', ['cuda'])
    const reports = reportsOf<{ readonly rank: number; readonly results: typeof alone }>(ended)
    assert.equal(reports.length, 2, ended.stderr)
    for (const { results } of reports) assert.deepEqual(results, alone)
    assert.equal(ended.code, 0, ended.stderr)
  })
})

describe('a process without a launcher', () => {
  it('is alone, and loads nothing of MPI', async () => {
    const cluster = await distribution.join()
    assert.deepEqual({ ...cluster }, { rank: 0, size: 1, localRank: 0, hosts: 1 })
    assert.equal(await distribution.join(), cluster)
    const maps = process.report.getReport() as unknown as { readonly sharedObjects: readonly string[] }
    assert.ok(!maps.sharedObjects.some((path) => /libmpi/.test(path)))
  })

  it('is alone under a launcher as well with NEURODE_MPI=off', async function () {
    const [launcher] = launchers
    if (launcher === undefined) return this.skip()
    const reports = reportsOf<Joined>(await runRanks(launcher, 2, 'join-ranks', [], { NEURODE_MPI: 'off' }))
    assert.deepEqual(
      reports.map(({ rank, size }) => [rank, size]),
      [
        [0, 1],
        [0, 1],
      ],
    )
  })

  it('warns once where a launcher started several, and each trains for itself', async () => {
    using model = sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })], seed: 1 })
    model.compile({ loss: 'mse', device: 'cpu' })
    const fit = () => model.fit([[1], [2]], [[2], [4]], { verbose: 0 })
    process.env.OMPI_COMM_WORLD_SIZE = '2'
    try {
      const [warning, ...others] = await warningsOf(async () => {
        await fit()
        await fit()
      })
      assert.equal(warning?.code, 'NEURODE_NOT_DISTRIBUTED')
      assert.match(warning?.message ?? '', /one of 2 processes .* call distribution\.join\(\)/)
      assert.deepEqual(others, [])
    } finally {
      delete process.env.OMPI_COMM_WORLD_SIZE
    }
  })

  it('names the library that it cannot load', async () => {
    const env = { OMPI_COMM_WORLD_SIZE: '2', NEURODE_MPI_LIBRARY: '/nowhere/libmpi.so' }
    const { code, stderr } = await runChild('join-ranks', [], env)
    assert.equal(code, 1)
    assert.match(stderr, /NEURODE_MPI_LIBRARY: \/nowhere\/libmpi\.so/)
  })
})
