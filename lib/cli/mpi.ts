/** What `neurode doctor` says of MPI: the libraries that are installed, the launcher, and whether the ranks find each other. */

import type { Cluster } from '../distribution/ranks.js'
import { probe } from './children.js'
import { findIn, loaderFolders } from './libraryFolders.js'
import { count } from './output.js'

/** An MPI library, by the binary interface that it has. */
interface MpiLibrary {
  readonly abi: 'Open MPI' | 'MPICH' | 'MPI 5 standard'
  readonly path: string
}

/** What is known of MPI on this machine. */
export interface MpiFinding {
  /** Whether there is a library. */
  readonly found: boolean
  readonly libraries: readonly MpiLibrary[]
  /** The environment variable by which a launcher says that this process is one of several; null without one. */
  readonly launcher: string | null
  /** This process among those of the launcher. */
  readonly ranks?: Cluster
  /** Why the processes of the launcher do not find each other. */
  readonly reason?: string
}

/** Names of the libraries' files, as MPI's projects and distributions call them. */
const libraryNames: readonly (readonly [MpiLibrary['abi'], RegExp])[] = [
  ['Open MPI', /^libmpi\.(so\.40|40\.dylib)$/],
  ['MPICH', /^libmpi(ch)?\.(so\.12|12\.dylib)$/],
  ['MPI 5 standard', /^libmpi_abi\.(so\.[01]|[01]\.dylib)$/],
]

/** The variables that launchers set; the first that is set decides. */
const launcherVariables = ['OMPI_COMM_WORLD_SIZE', 'PMI_SIZE', 'HYDI_CONTROL_FD', 'SLURM_STEP_NUM_TASKS', 'PMIX_RANK']

/** Looks for MPI, and joins the other processes in a child process where there are some. */
export async function examineMpi(): Promise<MpiFinding> {
  const libraries = libraryNames.flatMap(([abi, name]) => {
    const path = findIn(loaderFolders(), name)
    return path === undefined ? [] : [{ abi, path }]
  })
  const launcher = launcherVariables.find((name) => process.env[name]) ?? null
  const about = { found: libraries.length > 0, libraries, launcher }
  if (launcher === null || process.env.NEURODE_MPI === 'off') return about
  const { found: ranks, reason } = await probe('ranks')
  return ranks === undefined ? { ...about, reason } : { ...about, ranks }
}

/** One or two lines for people. */
export function describeMpi({ libraries, launcher, ranks, reason }: MpiFinding): string {
  const installed = libraries.map(({ abi, path }) => `${abi} (${path})`).join(', ')
  const there = installed === '' ? 'no library in the usual folders' : installed
  if (launcher === null) return `${there}; no launcher started this process`
  if (reason !== undefined) return `${there}\n${launcher} is set, but the ranks do not find each other: ${reason}`
  if (ranks?.library === undefined) return `${there}\n${launcher} is set; this process is alone`
  const { library, size, hosts } = ranks
  return `${there}\n${launcher} is set: ${count(size, 'rank')} on ${count(hosts, 'host')}, joined by ${library}`
}
