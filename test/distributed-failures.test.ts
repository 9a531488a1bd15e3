/** Where one of several ranks fails, all of them end, with a message that names the cause; and the training goes on afterwards. */

import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { Ended } from './support/children.js'
import { suiteFolder } from './support/folders.js'
import { onTwoHosts } from './support/hosts.js'
import { type Launcher, launcherCalled, reportsOf, runRanks, startRanks, untilEnded } from './support/ranks.js'

interface Report {
  readonly rank: number
  readonly what: string
  readonly event: 'trains' | 'done' | 'failed'
  readonly pid?: number
  readonly code?: string
  readonly message?: string
  readonly stopReason?: string
  readonly epochs?: number
  readonly weights?: string
}

const names = ['Open MPI', 'MPICH'] as const

describe('where a rank fails', function () {
  this.slow(20_000)
  const folder = suiteFolder()

  const run = (launcher: Launcher, size: number, ...args: string[]) =>
    startRanks(launcher, size, 'fail-ranks', args).ended
  const last = (ended: Ended, rank: number, what?: string) =>
    reportsOf<Report>(ended)
      .filter((report) => report.rank === rank && (what === undefined || report.what === what))
      .at(-1)

  function assertFailed({ code, signal, stderr }: Ended): void {
    assert.equal(signal, null, `the ranks went on: ${stderr}`)
    assert.notEqual(code, 0, stderr)
  }

  for (const name of names) {
    it(`all end with an error, after a rank of ${name} has exited in the middle of a training`, async function () {
      assertFailed(await run(launcherCalled(this, name), 2, 'exit'))
    })

    it(`all end, after a rank of ${name} was killed`, async function () {
      assertFailed(await run(launcherCalled(this, name), 2, 'die', join(folder.path, `die ${name}`)))
    })

    it(`all learn what a callback has thrown on one rank of ${name}`, async function () {
      const ended = await run(launcherCalled(this, name), 2, 'throw')
      const [first, second] = [0, 1].map((rank) => last(ended, rank))
      assert.equal(first?.code, 'ERR_DISTRIBUTED', ended.stderr)
      assert.equal(first?.message, 'rank 1 has failed: the callback is broken')
      assert.equal(second?.message, 'the callback is broken')
      assert.equal(ended.code, 1)
    })

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`all end on ${signal} to the launcher of ${name}`, async function () {
        const child = startRanks(launcherCalled(this, name), 2, 'fail-ranks', ['run'])
        const pids = await child.pids
        child.kill(signal)
        // The exit status is the launcher's own: 0 now and then with MPICH.
        await child.ended
        await untilEnded(pids)
      })
    }
  }

  it('all end with 75 after the time limit if one hangs', async function () {
    const child = startRanks(launcherCalled(this, 'Open MPI'), 2, 'fail-ranks', ['run', '', '2'])
    const [pid = 0] = await child.pids
    process.kill(pid, 'SIGSTOP')
    const { code, stderr } = await child.ended
    assert.equal(code, 75, stderr)
    assert.match(stderr, /rank \d has waited 2 seconds \(timeoutSeconds\) for the other ranks/)
  })

  describe('before or after a batch', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['other-network', /rank 1 differs from rank 0 in the network or its optimizer/],
      ['other-seed', /rank 1 differs from rank 0 in the seed of its model: 4 and 3/],
      ['other-rate', /rank 1 differs from rank 0 in the learning rate/],
      ['other-labels', /rank 1 differs from rank 0 in its training data: .*with the targets/],
      ['other-share', /x: expected 6 rows of a batch of 12 from rank 0, got 5/],
      ['drift', /rank 1 differs from rank 0 in its weights/],
    ]
    let ended: Ended
    before(async function () {
      const events = [...cases.map(([what]) => what), 'stop', 'abort', 'fit']
      ended = await runRanks(launcherCalled(this, 'Open MPI'), 2, 'fail-ranks', [events.join(',')])
    })

    for (const [what, message] of cases) {
      it(`all learn which rank has ${what.replace('-', ' ')}`, () => {
        for (const rank of [0, 1]) {
          const report = last(ended, rank, what)
          assert.equal(report?.code, 'ERR_DISTRIBUTED', ended.stderr)
          assert.match(report?.message ?? '', message)
        }
      })
    }

    it('all stop after the same epoch where one stops the training', () => {
      for (const rank of [0, 1]) {
        const { stopReason, epochs } = last(ended, rank, 'stop') ?? {}
        assert.deepEqual({ stopReason, epochs }, { stopReason: 'stopped', epochs: 5 })
      }
    })

    it('all are aborted where one is', () => {
      for (const rank of [0, 1]) assert.equal(last(ended, rank, 'abort')?.code, 'ERR_ABORTED')
    })

    it('all can train again afterwards', () => {
      for (const rank of [0, 1]) assert.equal(last(ended, rank, 'fit')?.event, 'done', ended.stderr)
    })
  })

  it('all learn that the first one cannot write', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    // Files of this rank may have 4096 bytes; the signal is ignored, so that writing gives an error.
    const limited = 'ulimit -f 4; trap "" XFSZ; exec "$@"'
    const ended = await runRanks(launcher, 2, 'fail-ranks', ['disk', folder.path], {}, ['bash', '-c', limited, 'bash'])
    assert.equal(last(ended, 0)?.code, 'ERR_FILE_WRITE', ended.stderr)
    assert.match(last(ended, 1)?.message ?? '', /^rank 0 has failed: .*log\.csv/)
    assertFailed(ended)
  })

  describe('and the job is started again', () => {
    let whole: Report | undefined
    before(async function () {
      whole = last(await run(launcherCalled(this, 'Open MPI'), 2, 'fit'), 0)
    })

    async function goesOn(launcher: Launcher, size: number, backups: string): Promise<void> {
      const ended = await run(launcher, size, 'resume', backups)
      const again = last(ended, size - 1)
      assert.equal(again?.weights, whole?.weights, ended.stderr)
      const { epochs = 0 } = again ?? {}
      assert.ok(epochs > 0 && epochs < 12, `${epochs} epochs`)
    }

    it('it goes on to the bits of a training without failure, with as many ranks and with fewer', async function () {
      const launcher = launcherCalled(this, 'Open MPI')
      const backups = join(folder.path, 'backups')
      assertFailed(await run(launcher, 4, 'die', backups))
      for (const size of [4, 2]) {
        const own = `${backups} of ${size}`
        cpSync(backups, own, { recursive: true })
        await goesOn(launcher, size, own)
      }
    })

    it('it goes on so after the network between two hosts was cut', async function () {
      const launcher = launcherCalled(this, 'Open MPI')
      const backups = join(folder.path, 'backups of two hosts')
      const ended = await run(onTwoHosts(this), 2, 'cut', backups, '3')
      assert.equal(ended.code, 75, ended.stderr)
      assert.match(ended.stderr, /rank 0 has waited 3 seconds .*a host or the network is lost/)
      await goesOn(launcher, 2, backups)
    })
  })
})
