/** Trains many networks with the other ranks, on the device of the argument, and reports hashes of weights and logs as a line of JSON. */

import { distribution } from 'neurode'
import { trainAll } from '../rankedNetworks.js'

const { rank, size, hosts } = await distribution.join()
// Launchers mix the lines of ranks that write more than 4 kB.
const results = await trainAll(4, { rank, size }, process.argv[2])
process.stdout.write(`${JSON.stringify({ rank, hosts, results })}\n`)
