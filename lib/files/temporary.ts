/** Names of temporary files in the folder of the file they will replace, and the removal of those whose process died. */

import { readdir, readFile, readlink, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createSha256, randomHex } from './sha256.js'

const pattern = /^\.neurode-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{32}\.tmp$/

const day = 24 * 3600 * 1000
/** A process that cannot be looked up counts as dead if its file did not change for this many milliseconds. */
const quiet = 10 * 60 * 1000

/** The process that wrote a temporary file, as the file's name describes it. */
interface Writer {
  readonly host: string
  /** The boot of the system and the namespace in which the process id is valid. */
  readonly space: string
  readonly pid: number
  /** When the process started, in ticks since the boot, as systems reuse process ids; 0 if unknown. */
  readonly start: number
}

let self: Promise<Writer> | undefined

async function describeSelf(): Promise<Writer> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  const start = (await startOf('self')) ?? 0
  return { host: shortHash(hostname()), space: shortHash(boot + namespace), pid: process.pid, start }
}

const shortHash = (text: string) => createSha256().update(text).digest('hex').slice(0, 8)

/** A new path in the folder, unique across processes, threads and calls, and short enough for any file system. */
export async function temporaryPath(folder: string): Promise<string> {
  self ??= describeSelf()
  const { host, space, pid, start } = await self
  return join(folder, `.neurode-${host}-${space}-${pid}-${start}-${randomHex(16)}.tmp`)
}

/** Removes temporary files from the folder if the process that wrote them is certainly dead. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = pattern.exec(name)
    if (match === null) continue
    const path = join(folder, name)
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    const [, host = '', space = '', pid, start] = match
    const writer = { host, space, pid: Number(pid), start: Number(start) }
    if (age > day || (await isGone(writer, age))) await unlink(path).catch(() => {})
  }
}

async function isGone(writer: Writer, age: number): Promise<boolean> {
  self ??= describeSelf()
  const own = await self
  if (writer.host !== own.host) return false
  if (writer.space !== own.space) return age > quiet
  if (writer.pid === own.pid) return writer.start !== own.start
  if (!isRunning(writer.pid)) return true
  // The /proc of another namespace lists other processes.
  const isOwnView = (await readlink('/proc/self').catch(() => '')) === String(process.pid)
  const start = isOwnView ? await startOf(String(writer.pid)) : undefined
  return start !== undefined && start !== writer.start
}

/** The start time of a process: field 22 of /proc/<pid>/stat, counted after the program's name, which may contain anything. */
async function startOf(process: string): Promise<number | undefined> {
  const status = await readFile(`/proc/${process}/stat`, 'latin1').catch(() => '')
  const start = Number.parseInt(status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '', 10)
  return Number.isNaN(start) ? undefined : start
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
