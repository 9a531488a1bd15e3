/** Starts programs of test/support/programs as ranks, with the launchers of MPI that are installed. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Ended, programPath, runCommand } from './children.js'

/** A launcher of MPI. */
export interface Launcher {
  readonly name: 'Open MPI' | 'MPICH'
  readonly command: string
  readonly options: readonly string[]
  /** The most ranks of a test: those of MPICH spin while they wait, which takes a processor for each. */
  readonly mostRanks: number
}

const environment = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1', NEURODE_THREADS: '1' }

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
  return runCommand(command, all, { ...environment, ...env }, 120_000)
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
