/**
 * Runs random sequences of fits. The arguments are the device, the number of sequences and the first seed. Prints differences
 * from fresh models.
 */

import { runFitSequence } from '../fitSequences.js'

const [device = 'cpu', count, first] = process.argv.slice(2)
const different: string[] = []
for (let i = 0; i < Number(count); i++) different.push(...(await runFitSequence(device, Number(first) + i)))
console.log(JSON.stringify(different))
