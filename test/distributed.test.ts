/** Several processes that MPI connects train as one does. */

import assert from 'node:assert/strict'
import { distribution } from 'neurode'
import { runChild, runCommand } from './support/children.js'
import { instructionSets } from './support/devices.js'
import { trainAll } from './support/rankedNetworks.js'
import { headerFolders, launcherCalled, launchers, reportsOf, runRanks } from './support/ranks.js'

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
      const ended = await runRanks(launcher, 2, 'join-ranks', [], { NEURODE_MPI_LIBRARY: library })
      assert.notEqual(ended.code, 0)
      assert.match(ended.stderr, /ERR_DISTRIBUTED/)
      assert.match(ended.stderr, /SIZE says that there are 2 ranks, but libmpi\S* \(\S+.*\) finds 1/)
    })
  }

  it('exchange more bytes than one message holds', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    const ended = await runRanks(launcher, 2, 'join-ranks', [], { NEURODE_MPI_CHUNK_BYTES: '777' })
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

  for (const [name, size] of [
    ['Open MPI', 2],
    ['Open MPI', 4],
    ['MPICH', 2],
  ] as const) {
    it(`has the bits of one process with as many parts: ${size} ranks of ${name}`, async function () {
      const ended = await runRanks(launcherCalled(this, name), size, 'train-ranks')
      const reports = reportsOf<{ readonly rank: number; readonly results: typeof alone }>(ended)
      assert.equal(reports.length, size, ended.stderr)
      for (const { results } of reports) assert.deepEqual(results, alone)
      assert.equal(ended.code, 0, ended.stderr)
    })
  }
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

  it('names the library that it cannot load', async () => {
    const env = { OMPI_COMM_WORLD_SIZE: '2', NEURODE_MPI_LIBRARY: '/nowhere/libmpi.so' }
    const { code, stderr } = await runChild('join-ranks', [], env)
    assert.equal(code, 1)
    assert.match(stderr, /NEURODE_MPI_LIBRARY: \/nowhere\/libmpi\.so/)
  })
})
