/** Trains many networks with the other ranks, and reports hashes of weights and logs as a line of JSON. */

import { distribution } from 'neurode'
import { trainAll } from '../rankedNetworks.js'

const { rank, size, hosts } = await distribution.join()
// Launchers mix the lines of ranks that write more than 4 kB.
process.stdout.write(`${JSON.stringify({ rank, hosts, results: await trainAll(4, { rank, size }) })}\n`)
