/** Joins the other ranks, exchanges what a training exchanges, and reports it as a line of JSON. */

import { distribution } from 'neurode'

/** What a training uses of the ranks; users have no need of it. */
interface Joining {
  severalRanks():
    | {
        agree(topic: string, contents?: Uint8Array): Promise<readonly Uint8Array[]>
        broadcast(topic: string, contents: Uint8Array): Promise<Uint8Array>
        fail(error: unknown): Promise<void>
      }
    | undefined
}

const signals = ['SIGBUS', 'SIGFPE', 'SIGABRT', 'SIGSEGV'] as const
if (process.argv[2] === 'again') {
  const errors = [await failedJoin(), await failedJoin()]
  if (errors[0]?.message !== errors[1]?.message) throw new Error('the second join gave another error')
  if (errors[0]?.message.includes('it does not belong to the launcher')) throw errors[0]
  delete process.env.NEURODE_MPI_LIBRARY
}
const cluster = await distribution.join()
const isSame = (await distribution.join()) === cluster
const { severalRanks } = (await import(
  new URL('./distribution/join.js', import.meta.resolve('neurode')).href
)) as Joining
const ranks = severalRanks()
const { rank, size } = cluster
const short = await ranks?.agree('short', Uint8Array.of(rank, 2 * rank))
// Longer than what travels with the message itself, and of another size on each rank.
const long = await ranks?.agree('long', new Uint8Array(1000 * (rank + 1)).fill(rank))
const sent = await ranks?.broadcast('broadcast', new Uint8Array(5000).fill(7 + rank))
const line = {
  ...cluster,
  isSame,
  short: short?.map((bytes) => [...bytes]),
  long: long?.map((bytes) => [bytes.length, bytes.every((byte) => byte === bytes[0]) ? bytes[0] : 'mixed']),
  sent: sent && [sent.length, sent[0], sent.at(-1)],
  isa: process.env.NEURODE_ISA ?? '',
  signals: caughtSignals(),
}
process.stdout.write(`${JSON.stringify(line)}\n`)
if (process.argv[2] === 'disagree') await ranks?.agree(rank === 0 ? 'one' : 'other')
if (process.argv[2] === 'fail' && rank === size - 1) {
  await ranks?.fail(new Error('no space left'))
  process.exit(3)
}
if (process.argv[2] === 'fail') await ranks?.agree('next')

async function failedJoin(): Promise<Error> {
  return distribution.join().then(
    () => new Error('joined'),
    (error: Error) => error,
  )
}

/** Those of the signals that the process catches. */
function caughtSignals(): string[] {
  const numbers = { SIGBUS: 7, SIGFPE: 8, SIGABRT: 6, SIGSEGV: 11 }
  const status = process.platform === 'linux' ? readStatus() : ''
  const mask = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)?.[1] ?? '0'}`)
  return signals.filter((name) => (mask >> BigInt(numbers[name] - 1)) & 1n)
}

function readStatus(): string {
  return process.getBuiltinModule('node:fs').readFileSync('/proc/self/status', 'utf8')
}
