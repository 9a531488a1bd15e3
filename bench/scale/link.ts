/** The time of an exchange of gradients: from the latency and the bandwidth of a link, and the other way round. */

/** What a rank has to another one. */
export interface Link {
  readonly name: string
  /** Seconds of a message. */
  readonly latency: number
  /** Bytes per second. */
  readonly bandwidth: number
}

/** How many gradients there are, and how fast a rank adds them up. */
export interface Gradients {
  readonly bytes: number
  /** Bytes per second. */
  readonly additionRate: number
}

/** One size of messages, measured. */
export interface Sample {
  readonly bytes: number
  readonly exchangeSeconds: number
  readonly additionSeconds: number
}

const microsecond = 1e-6
const gigabyte = 1e9

/** Figures of usual networks. */
export const usualLinks: readonly Link[] = (
  [
    ['shared memory', 2, 6],
    ['10 GbE', 30, 1.1],
    ['25 GbE', 25, 2.7],
    ['100 GbE', 20, 6],
    ['100 Gb RDMA', 2, 11.5],
    ['400 Gb NDR', 2, 45],
  ] as const
).map(([name, latency, bandwidth]) => ({
  name,
  latency: latency * microsecond,
  bandwidth: bandwidth * gigabyte,
}))

/** Each rank sends all slices of its gradients but its own, and later its slice of the sums to all others. */
const shareSent = (ranks: number) => (2 * (ranks - 1)) / ranks
const messages = (ranks: number) => 2 * Math.ceil(Math.log2(ranks))

/** The seconds of an exchange: of its bytes, its messages and its additions. */
export function exchangeSeconds(link: Link, ranks: number, { bytes, additionRate }: Gradients): number {
  return (shareSent(ranks) * bytes) / link.bandwidth + messages(ranks) * link.latency + bytes / additionRate
}

/** The link with which {@link exchangeSeconds} comes closest to what was measured; the sum of squared relative errors is least. */
export function fitLink(name: string, ranks: number, samples: readonly Sample[]): Link {
  let [weights, bytesSum, squares, seconds, products] = [0, 0, 0, 0, 0]
  for (const { bytes, exchangeSeconds, additionSeconds } of samples) {
    const sending = exchangeSeconds - additionSeconds
    const weight = exchangeSeconds ** -2
    weights += weight
    bytesSum += weight * bytes
    squares += weight * bytes ** 2
    seconds += weight * sending
    products += weight * bytes * sending
  }
  const slope = (weights * products - bytesSum * seconds) / (weights * squares - bytesSum ** 2)
  const start = (seconds - slope * bytesSum) / weights
  // A message cannot take less than no time.
  const secondsOfByte = start < 0 ? products / squares : slope
  return { name, latency: Math.max(start, 0) / messages(ranks), bandwidth: shareSent(ranks) / secondsOfByte }
}
