/** Sends requests for predictions to a server, as its messages say, and reports the answers. */

import { Agent } from 'node:http'
import type { LoadOrder, LoadReport } from '../overload.js'
import { ask, inferBody } from '../serving.js'

const width = 64
const body = inferBody([Array.from({ length: width }, (_, i) => i / width)])

/** Compares outputs with a tolerance, since one row uses other kernels than several rows. */
function isClose(values: readonly number[], expected: readonly number[]): boolean {
  return values.length === expected.length && values.every((value, i) => Math.abs(value - (expected[i] ?? 0)) < 1e-5)
}

async function load({ url, clients, seconds, rate = Infinity }: LoadOrder): Promise<LoadReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const times: number[] = []
  let [refused, other, asked] = [0, 0, 0]
  let expected: readonly number[] | undefined
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000

  const one = async () => {
    const start = performance.now()
    const answer = await ask(url, '/v2/models/m/infer', { body, agent }).catch(() => undefined)
    if (answer?.status === 200) {
      const { data } = answer.json().outputs[0]
      expected ??= data
      if (isClose(data, expected as readonly number[])) times.push(performance.now() - start)
      else other++
    } else if (answer?.status === 503 && answer.headers['retry-after'] === '1') {
      refused++
    } else {
      other++
    }
  }
  const client = async () => {
    while (elapsed() < seconds) {
      // A request that is late is sent at once.
      const due = asked++ / rate
      const wait = due - elapsed()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, 1000 * wait))
      if (elapsed() < seconds) await one()
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  agent.destroy()
  times.sort((a, b) => a - b)
  return { accepted: times.length, refused, other, p99: times[Math.floor(0.99 * times.length)] ?? 0 }
}

process.on('message', (order: LoadOrder) => {
  void load(order).then((report) => process.send?.(report))
})
