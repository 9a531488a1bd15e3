/** The command `neurode doctor`, and errors of the command line in general. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { devices } from 'neurode'
import { runNode } from './support/children.js'
import { launcherCalled, runNodeRanks } from './support/ranks.js'

const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))

/** The report of `neurode doctor` if all its processes run `preloaded` first. */
async function doctorWith(preloaded: string) {
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(preloaded)}`
  const { code, stdout } = await runNode([main, 'doctor', '--json'], { NODE_OPTIONS })
  return { code, report: JSON.parse(stdout) }
}

describe('neurode doctor', function () {
  this.slow(5_000)

  it('trains ten steps on each device that is there, and says why others are not', async () => {
    const { code, stdout, stderr } = await runNode([main, 'doctor', '--json'])
    assert.equal(code, 0, stderr)
    const report = JSON.parse(stdout)
    for (const key of [
      'version',
      'node',
      'platform',
      'arch',
      'libc',
      'addon',
      'cpu',
      'blas',
      'driver',
      'cudaLibrary',
      'cublasLt',
    ]) {
      assert.ok(key in report, key)
    }
    for (const { name, available } of devices()) {
      const found = report.devices.find((device: { name: string }) => device.name === name)
      if (available) {
        assert.equal(found.training.steps, 10)
        assert.ok(found.training.lastLoss < found.training.firstLoss)
      } else {
        assert.ok(found.reason)
      }
    }
  })

  it('says the same in a table for people', async () => {
    const { stdout } = await runNode([main, 'doctor'])
    assert.match(stdout, /^neurode {2,}\d+\.\d+\.\d+\n/)
    assert.match(stdout, /\ntraining on cpu {2,}10 steps in [\d.]+ ms, the loss went from [\d.]+ to [\d.]+\n/)
  })

  it('tells that models get no more threads than there are processors', async () => {
    const { stdout } = await runNode([main, 'doctor'], { NEURODE_THREADS: '1000', NEURODE_MAX_THREADS: '' })
    const [, threads] =
      /, (\d+) threads \(NEURODE_THREADS asks for 1000; more than processors would be slower\)/.exec(stdout) ?? []
    assert.ok(Number(threads) >= 1 && Number(threads) <= availableParallelism(), stdout)
    const limited = await runNode([main, 'doctor', '--json'], { NEURODE_THREADS: '4', NEURODE_MAX_THREADS: '3' })
    assert.equal(JSON.parse(limited.stdout).cpu.threads, 3)
  })

  it('outlives a device that takes the process down', async function () {
    if (process.platform === 'win32') this.skip()
    const { code, report } = await doctorWith("if (process.argv[2] === 'train') process.kill(process.pid, 'SIGSEGV')")
    assert.equal(code, 1)
    assert.equal(report.addon.found, true)
    assert.match(report.cpu.reason, /the process that tried it was ended by SIGSEGV/)
  })

  it('outlives a list of devices that takes the process down, and still trains on the CPU', async function () {
    if (process.platform === 'win32') this.skip()
    const { code, report } = await doctorWith("if (process.argv[2] === 'devices') process.kill(process.pid, 'SIGSEGV')")
    assert.equal(code, 1)
    assert.equal(report.addon.found, true)
    assert.match(report.cuda.reason, /the process that tried it was ended by SIGSEGV/)
    assert.equal(report.devices[0].training.steps, 10)
  })

  it('reports an addon that does not load', async () => {
    const path = join('nowhere', 'neurode.node')
    const { code, stdout } = await runNode([main, 'doctor', '--json'], { NEURODE_NATIVE_PATH: path })
    assert.equal(code, 1)
    const { addon, cpu, environment } = JSON.parse(stdout)
    assert.match(addon.reason, /nowhere.neurode\.node: there is no such file/)
    assert.equal(cpu.reason, 'the addon is not loaded')
    assert.equal(environment.NEURODE_NATIVE_PATH, path)
  })

  it('says which MPI libraries there are, and that no launcher started it', async () => {
    const { stdout } = await runNode([main, 'doctor', '--json'])
    const { mpi } = JSON.parse(stdout)
    assert.equal(mpi.launcher, null)
    assert.equal(mpi.found, mpi.libraries.length > 0)
    for (const { abi, path } of mpi.libraries) {
      assert.match(abi, /^(Open MPI|MPICH|MPI 5 standard)$/)
      assert.ok(existsSync(path), path)
    }
  })

  for (const name of ['Open MPI', 'MPICH'] as const) {
    const variable = name === 'Open MPI' ? 'OMPI_COMM_WORLD_SIZE' : 'PMI_SIZE'
    it(`joins the ranks of a launcher, and the first one reports: ${name}`, async function () {
      const launcher = launcherCalled(this, name)
      const { code, stdout, stderr } = await runNodeRanks(launcher, 2, [main, 'doctor', '--json'])
      assert.equal(code, 0, stderr)
      const { mpi } = JSON.parse(stdout)
      assert.deepEqual([mpi.launcher, mpi.ranks.rank, mpi.ranks.size, mpi.ranks.hosts], [variable, 0, 2, 1])
      assert.match(mpi.ranks.library, new RegExp(name))
      assert.ok(mpi.libraries.some((library: { abi: string }) => library.abi === name))
    })
  }

  it('says why the ranks of a launcher do not find each other, and exits with 1', async function () {
    const launcher = launcherCalled(this, 'Open MPI')
    const { code, stdout } = await runNodeRanks(launcher, 2, [main, 'doctor'], { NEURODE_MPI_LIBRARY: '/nowhere.so' })
    assert.notEqual(code, 0)
    assert.match(
      stdout,
      /OMPI_COMM_WORLD_SIZE is set, but the ranks do not find each other: NEURODE_MPI_LIBRARY: \/nowhere/,
    )
  })
})
