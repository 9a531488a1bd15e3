/** `npm run bench`: what it computes from its measurements, which have no numbers that a test could know. */

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { runNode } from './support/children.js'
import { launcherCalled, runNodeRanks } from './support/ranks.js'

interface Link {
  readonly latency: number
  readonly bandwidth: number
}
interface Sample {
  readonly bytes: number
  readonly exchangeSeconds: number
  readonly additionSeconds: number
}
interface LinkModule {
  exchangeSeconds(link: Link, ranks: number, gradients: { bytes: number; additionRate: number }): number
  fitLink(name: string, ranks: number, samples: readonly Sample[]): Link
}

type Row = Readonly<Record<string, string | number | readonly number[]>>

const folder = new URL('../bench/', import.meta.url)
const main = fileURLToPath(new URL('main.js', folder))
const small = ['--net', '20,32,10', '--batch', '16', '--rows', '320', '--epochs', '2', '--json']
const rowsIn = (stdout: string) =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Row)

describe('the benchmarks', function () {
  this.slow(20_000)
  describe('of scaling', () => {
    const counts = [2, 4, 8, 16]
    let link: LinkModule
    before(async () => {
      link = (await import(new URL('scale/link.js', folder).href)) as LinkModule
    })

    /** The formula of docs/distributed.md, with the additions. */
    function exchange(ranks: number, bytes: number, { latency, bandwidth }: Link, additionRate: number): number {
      return (
        (2 * (ranks - 1) * bytes) / ranks / bandwidth + 2 * Math.ceil(Math.log2(ranks)) * latency + bytes / additionRate
      )
    }

    /** Checks a row of a link. */
    function checkEfficiency(row: Row, step: number, bytes: number, additionRate: number): void {
      const [latency, bandwidth] = [1e-6 * Number(row.latencyMicroseconds), 1e9 * Number(row.gigabytesPerSecond)]
      for (const count of counts) {
        const expected = (100 * step) / (step + exchange(count, bytes, { latency, bandwidth }, additionRate))
        const efficiency = Number(row[`percentOf${count}`])
        // Every field is rounded to four digits.
        assert.ok(Math.abs(efficiency / expected - 1) < 0.01, `${row.link}, ${count} ranks: ${efficiency}, ${expected}`)
      }
    }

    it('fit latency and bandwidth to exchanges of four sizes', () => {
      const made = { latency: 25e-6, bandwidth: 2.7e9 }
      for (const ranks of [2, 3, 4, 16]) {
        const samples = [5256, 21_016, 84_060, 336_240].map((bytes) => ({
          bytes,
          exchangeSeconds: exchange(ranks, bytes, made, 20e9),
          additionSeconds: bytes / 20e9,
        }))
        const fitted = link.fitLink('', ranks, samples)
        assert.ok(Math.abs(fitted.latency / made.latency - 1) < 1e-9, `${fitted.latency}`)
        assert.ok(Math.abs(fitted.bandwidth / made.bandwidth - 1) < 1e-9, `${fitted.bandwidth}`)
        const bytes = 1e6
        const gradients = { bytes, additionRate: 20e9 }
        assert.equal(link.exchangeSeconds(made, ranks, gradients), exchange(ranks, bytes, made, 20e9))
      }
    })

    it('find no latency below 0', () => {
      const samples = [1e4, 1e5, 1e6].map((bytes) => ({
        bytes,
        exchangeSeconds: bytes / 1e9 - 5e-6,
        additionSeconds: 0,
      }))
      const { latency, bandwidth } = link.fitLink('', 2, samples)
      assert.equal(latency, 0)
      assert.ok(bandwidth > 1e9 && bandwidth < 2.5e9, `${bandwidth}`)
    })

    it('measure exchanges of ranks, and give the efficiency of what was measured and of a given link', async function () {
      const ended = await runNodeRanks(launcherCalled(this, 'Open MPI'), 2, [
        main,
        'scale',
        ...small,
        '--link',
        '30,1.1',
      ])
      assert.equal(ended.code, 0, ended.stderr)
      assert.equal(ended.stderr, '')
      const [measured, ...links] = rowsIn(ended.stdout)
      assert.ok(measured)
      assert.deepEqual([measured.ranks, measured.hosts, measured.parameters], [2, 1, 20 * 32 + 32 + 32 * 10 + 10])
      for (const name of ['bytesExchanged', 'measuredMicroseconds', 'fittedMicroseconds']) {
        const values = measured[name] as readonly number[]
        assert.ok(values.length === 4 && values.every((value) => value > 0), name)
      }
      const step = 1e-6 * Number(measured.stepMicroseconds)
      const predicted = Number(measured.stepMicroseconds) + Number(measured.exchangeMicroseconds)
      assert.ok(Math.abs(Number(measured.predictedStepMicroseconds) / predicted - 1) < 0.01)
      assert.deepEqual(
        links.map(({ link }) => link),
        ['measured', 'as given'],
      )
      const additionRate = 1e9 * Number(measured.additionsGigabytesPerSecond)
      for (const row of links) checkEfficiency(row, step, 4 * Number(measured.parameters), additionRate)
    })

    it('compute the efficiency of usual networks where nothing can launch ranks, and say so', async () => {
      const ended = await runNode([main, 'scale', ...small], { PATH: '/nowhere' })
      assert.equal(ended.code, 0, ended.stderr)
      assert.match(ended.stderr, /^bench: no exchange is measured, as 'mpirun -n 2' did not run here \(.*ENOENT/)
      const [alone, ...links] = rowsIn(ended.stdout)
      assert.equal(links.length, 6)
      const step = 1e-6 * Number(alone?.stepMicroseconds)
      for (const row of links) checkEfficiency(row, step, 4 * Number(alone?.parameters), 20e9)
    })

    it('refuse what is no link', async () => {
      for (const text of ['30,0', 'fast']) {
        const { code, stderr } = await runNode([main, 'scale', `--link=${text}`])
        assert.equal(code, 2)
        assert.match(stderr, /--link: expected two numbers such as 30,1\.1/)
      }
    })
  })
})
