/**
 * Two hosts on one machine, for ranks that talk over TCP: network namespaces that a pair of virtual devices, `cable`, connects. They end
 * with the launcher.
 */

import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import type { Launcher } from './ranks.js'

const start = resolve('test/support/hosts/start.sh')
const agent = resolve('test/support/hosts/agent.sh')

/** Has the launcher of Open MPI notice after five seconds that a host is lost. */
const noticing = ['time=2', 'intvl=1', 'probes=3'].map((option) => `OMPI_MCA_oob_tcp_keepalive_${option}`)

/** How a launcher starts one rank on each host, and how ranks find each other. */
const ways: Readonly<Record<Launcher['name'], { env: readonly string[]; options: readonly string[] }>> = {
  'Open MPI': {
    // The agent's name in version 4, and in version 5.
    env: [`OMPI_MCA_plm_rsh_agent=${agent}`, `PRTE_MCA_plm_ssh_agent=${agent}`, 'OMPI_MCA_btl=tcp,self', ...noticing],
    options: ['--host', 'node1:1,node2:1'],
  },
  MPICH: {
    env: ['UCX_TLS=tcp,self', 'UCX_NET_DEVICES=cable'],
    options: [
      ...['-launcher', 'ssh', '-launcher-exec', agent],
      ...['-localhost', '10.0.0.1'],
      '-hosts',
      '10.0.0.1,10.0.0.2',
    ],
  },
}

let known: readonly string[] | undefined

/** The launcher with a rank on each of two hosts; the test is skipped where the machine refuses such hosts. */
export function onTwoHosts(this_: Mocha.Context, launcher: Launcher): Launcher {
  const [command = '', ...before] = firstHost(this_, launcher)
  const all = [...before, launcher.command, ...launcher.options, ...ways[launcher.name].options]
  return { ...launcher, command, options: all, mostRanks: 2 }
}

/** A prefix that runs a command on the first of two hosts, from which the launcher reaches `node2`; the test is skipped likewise. */
export function firstHost(this_: Mocha.Context, launcher: Launcher): readonly string[] {
  known ??= startHosts()
  return known.length === 0 ? this_.skip() : [...known, 'env', ...ways[launcher.name].env]
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
