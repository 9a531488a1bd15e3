/** Prints the rows whose bits depend on the others in a batch, for every layer and activation. */

import { activationCases, layerCases } from '../layerCases.js'
import { rowsThatDiffer } from '../rowBits.js'

const differ: string[] = []
for (const tested of [...layerCases, ...activationCases]) differ.push(...(await rowsThatDiffer(tested, 'cpu')))
console.log(JSON.stringify(differ))
