/** Starts programs of test/support/programs as ranks, with the launchers of MPI that are installed. */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ended, programPath, runCommand } from './children.js'

/** A launcher of MPI. */
export interface Launcher {
  readonly name: 'Open MPI' | 'MPICH'
  readonly command: string
  readonly options: readonly string[]
  /** The most ranks of a test: those of MPICH spin while they wait, which takes a processor for each. */
  readonly mostRanks: number
}

const environment = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  NEURODE_THREADS: '1',
  // Ranks that wait leave the processors to those that work.
  OMPI_MCA_mpi_yield_when_idle: '1',
}

const known = [
  {
    name: 'Open MPI',
    commands: ['mpirun.openmpi', 'mpirun'],
    options: ['--oversubscribe', '--bind-to', 'none'],
    mostRanks: 4,
  },
  { name: 'MPICH', commands: ['mpirun.mpich', 'mpirun'], options: [], mostRanks: 2 },
] as const

/** The launchers of this machine. */
export const launchers: readonly Launcher[] = known.flatMap(({ commands, ...launcher }) => {
  const command = commands.find((each) => isOf(each, launcher.name))
  return command === undefined ? [] : [{ ...launcher, command }]
})

function isOf(command: string, name: Launcher['name']): boolean {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8', env: { ...process.env, ...environment } })
  return (name === 'MPICH' ? /HYDRA/ : /open-mpi|Open MPI/).test(stdout ?? '')
}

/** The launcher of that name; a test that needs one which is missing is skipped. */
export function launcherCalled(this_: Mocha.Context, name: Launcher['name']): Launcher {
  const found = launchers.find((launcher) => launcher.name === name)
  if (found === undefined) {
    console.warn(`      no mpirun of ${name} was found: install openmpi-bin and mpich`)
    return this_.skip()
  }
  return found
}

/** Runs a program as so many ranks. `before` is a command that each rank begins with, and which runs the program. */
export function runRanks(
  launcher: Launcher,
  ranks: number,
  program: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  before: readonly string[] = [],
): Promise<Ended> {
  return runNodeRanks(launcher, ranks, [programPath(program), ...args], env, before)
}

/** Runs node with these arguments as so many ranks. */
export function runNodeRanks(
  { command, options }: Launcher,
  ranks: number,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  before: readonly string[] = [],
): Promise<Ended> {
  const all = [...options, '-n', `${ranks}`, ...before, process.execPath, ...args]
  return runCommand(command, all, { ...environment, ...env }, mostMilliseconds)
}

/** Ranks that are not done by then are killed. */
const mostMilliseconds = 300_000
/**
 * Once they train, something happens to one of them, and they have so long to end. Ten seconds are promised; more are for a machine that
 * has other work.
 */
const millisecondsToEnd = 30_000

/** Ranks that run. */
export interface Running {
  /** The processes of the ranks, once all of them have said that they train. */
  readonly pids: Promise<readonly number[]>
  readonly ended: Promise<Ended>
  /** Sends a signal to the launcher. */
  kill(signal: NodeJS.Signals): void
}

/**
 * Starts a program as so many ranks, each of which writes a line with its `pid` as it begins to train. If they do not end soon after
 * that, the launcher is killed, and `ended` names the signal.
 */
export function startRanks(
  { command, options }: Launcher,
  ranks: number,
  program: string,
  args: readonly string[],
): Running {
  const all = [...options, '-n', `${ranks}`, process.execPath, programPath(program), ...args]
  const child = spawn(command, all, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const killAfter = (milliseconds: number) => setTimeout(() => child.kill('SIGKILL'), milliseconds)
  let limit = killAfter(mostMilliseconds)
  let [stdout, stderr] = ['', '']
  let isTraining = false
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      resolve({ code, signal, stdout, stderr })
    })
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const pids = new Promise<number[]>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const found = [...stdout.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid))
      if (found.length !== ranks || isTraining) return
      isTraining = true
      clearTimeout(limit)
      limit = killAfter(millisecondsToEnd)
      resolve(found)
    })
    ended.then(() => reject(new Error(`the ranks ended before they trained: ${stdout}${stderr}`)), reject)
  })
  pids.catch(() => {})
  return { pids, ended, kill: (signal) => child.kill(signal) }
}

/** Waits until processes have ended, of which the launcher was the parent. */
export async function untilEnded(pids: readonly number[]): Promise<void> {
  // Whoever adopts them may leave them as zombies.
  const runs = (pid: number) =>
    existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  while (pids.some(runs)) await sleep(20)
}

/** The objects that ranks wrote to stdout as lines of JSON, by rank. */
export function reportsOf<T extends { readonly rank: number }>({ stdout, stderr }: Ended): T[] {
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  const reports = lines.map((line) => JSON.parse(line) as T)
  if (reports.length === 0) throw new Error(`the ranks reported nothing: ${stdout}${stderr}`)
  return reports.toSorted((a, b) => a.rank - b.rank)
}

/** Folders with an mpi.h, by the library that it belongs to. */
export const headerFolders: readonly string[] = [
  '/usr/lib/x86_64-linux-gnu/openmpi/include',
  '/usr/include/x86_64-linux-gnu/mpich',
  '/usr/lib/aarch64-linux-gnu/openmpi/include',
  '/usr/include/aarch64-linux-gnu/mpich',
].filter((folder) => existsSync(`${folder}/mpi.h`))
