/**
 * Two hosts on one machine, for ranks that talk over TCP: network namespaces that a pair of virtual devices, `cable`, connects. They end
 * with the launcher.
 */

import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { type Launcher, launcherCalled } from './ranks.js'

const start = resolve('test/support/hosts/start.sh')
const agent = resolve('test/support/hosts/agent.sh')

/** Has Open MPI find the second host, by the agent's name in version 4 and in version 5, and notice after five seconds that it is lost. */
const environment = [
  `OMPI_MCA_plm_rsh_agent=${agent}`,
  `PRTE_MCA_plm_ssh_agent=${agent}`,
  'OMPI_MCA_btl=tcp,self',
  ...['time=2', 'intvl=1', 'probes=3'].map((option) => `OMPI_MCA_oob_tcp_keepalive_${option}`),
]

let known: readonly string[] | undefined

/** Open MPI's launcher with a rank on each of two hosts; the test is skipped where the machine refuses such hosts. */
export function onTwoHosts(this_: Mocha.Context): Launcher {
  const launcher = launcherCalled(this_, 'Open MPI')
  const [command = '', ...before] = firstHost(this_)
  const options = [...before, launcher.command, ...launcher.options, '--host', 'node1:1,node2:1']
  return { ...launcher, command, options, mostRanks: 2 }
}

/** A prefix that runs a command on the first of two hosts, from which Open MPI reaches `node2`; the test is skipped likewise. */
export function firstHost(this_: Mocha.Context): readonly string[] {
  known ??= startHosts()
  return known.length === 0 ? this_.skip() : [...known, 'env', ...environment]
}

/** A command that runs a shell's script on the second host, to be run on the first one. */
export function onSecondHost(script: string): string {
  return `'${agent}' node2 '${script}'`
}

/** A prefix that runs a command on the first of two hosts; empty where there can be none. */
function startHosts(): readonly string[] {
  const tries = [[], ['--user', '--map-root-user']].map((more) => {
    const prefix = ['unshare', ...more, '--net', '--uts', '--mount', start]
    const [command = '', ...args] = prefix
    const { status, stderr, error } = spawnSync(command, [...args, 'true'], { encoding: 'utf8' })
    return { prefix, isRefused: status !== 0, reason: error?.message ?? stderr }
  })
  const found = tries.find(({ isRefused }) => !isRefused)
  if (found !== undefined) return found.prefix
  console.warn(`      no network namespaces: ${tries.map(({ reason }) => reason.trim()).join('; ')}`)
  return []
}
