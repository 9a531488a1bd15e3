/** Where one of several ranks fails, all of them end, with a message that names the cause; and the training goes on afterwards. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suiteFolder } from './support/folders.js'
import { type Launcher, launcherCalled, reportsOf, runRanks, startRanks, untilEnded } from './support/ranks.js'

interface Report {
  readonly rank: number
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
  // Ranks that wait for each other for ever are killed, and the test fails.
  this.timeout(60_000)
  const folder = suiteFolder()

  const run = (launcher: Launcher, size: number, ...args: string[]) => runRanks(launcher, size, 'fail-ranks', args)
  const last = (reports: readonly Report[], rank: number) => reports.filter((report) => report.rank === rank).at(-1)

  for (const name of names) {
    it(`all end with an error, after a rank of ${name} has exited in the middle of a training`, async function () {
      const { code, signal } = await run(launcherCalled(this, name), 2, 'exit')
      assert.equal(signal, null)
      assert.notEqual(code, 0)
    })

    it(`all end, after a rank of ${name} was killed`, async function () {
      const { code, signal } = await run(launcherCalled(this, name), 2, 'die', join(folder.path, `die ${name}`))
      assert.equal(signal, null)
      assert.notEqual(code, 0)
    })

    it(`all learn what a callback has thrown on one rank of ${name}`, async function () {
      const ended = await run(launcherCalled(this, name), 2, 'throw')
      const reports = reportsOf<Report>(ended)
      assert.deepEqual(
        [0, 1].map((rank) => last(reports, rank)),
        [
          { rank: 0, event: 'failed', code: 'ERR_DISTRIBUTED', message: 'rank 1 has failed: the callback is broken' },
          { rank: 1, event: 'failed', message: 'the callback is broken' },
        ],
        ended.stderr,
      )
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

  for (const [what, message] of [
    ['other-network', /rank 1 differs from rank 0 in the network or its optimizer/],
    ['other-seed', /rank 1 differs from rank 0 in the seed of its model: 4 and 3/],
    ['other-rate', /rank 1 differs from rank 0 in the learning rate/],
    ['other-labels', /rank 1 differs from rank 0 in its training data: .*with the targets/],
    ['drift', /rank 1 differs from rank 0 in its weights/],
  ] as const) {
    it(`all learn which rank has ${what.replace('-', ' ')}`, async function () {
      const ended = await run(launcherCalled(this, 'Open MPI'), 2, what)
      for (const rank of [0, 1]) {
        const report = last(reportsOf<Report>(ended), rank)
        assert.equal(report?.code, 'ERR_DISTRIBUTED', ended.stderr)
        assert.match(report?.message ?? '', message)
      }
    })
  }

  it('all learn that the first one cannot write', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    // Files of this rank may have 4096 bytes; the signal is ignored, so that writing gives an error.
    const limited = 'ulimit -f 4; trap "" XFSZ; exec "$@"'
    const ended = await runRanks(launcher, 2, 'fail-ranks', ['disk', folder.path], {}, ['bash', '-c', limited, 'bash'])
    const reports = reportsOf<Report>(ended)
    assert.equal(last(reports, 0)?.code, 'ERR_FILE_WRITE', ended.stderr)
    assert.match(last(reports, 1)?.message ?? '', /^rank 0 has failed: .*log\.csv/)
  })

  it('all stop after the same epoch where one stops the training', async function () {
    const reports = reportsOf<Report>(await run(launcherCalled(this, 'Open MPI'), 2, 'stop'))
    for (const rank of [0, 1]) {
      const { stopReason, epochs } = last(reports, rank) ?? {}
      assert.deepEqual({ stopReason, epochs }, { stopReason: 'stopped', epochs: 5 })
    }
  })

  it('all are aborted where one is', async function () {
    const reports = reportsOf<Report>(await run(launcherCalled(this, 'Open MPI'), 2, 'abort'))
    for (const rank of [0, 1]) assert.equal(last(reports, rank)?.code, 'ERR_ABORTED')
  })

  for (const size of [4, 2]) {
    it(`${size} ranks go on with what 4 began, to the bits of a training without failure`, async function () {
      const launcher = launcherCalled(this, 'Open MPI')
      const backups = join(folder.path, `backups ${size}`)
      const whole = last(reportsOf<Report>(await run(launcher, 2, 'fit')), 0)
      const killed = await run(launcher, 4, 'die', backups)
      assert.notEqual(killed.code, 0)
      const again = last(reportsOf<Report>(await run(launcher, size, 'resume', backups)), size - 1)
      assert.equal(again?.weights, whole?.weights)
      assert.ok((again?.epochs ?? 12) < 12)
    })
  }
})
