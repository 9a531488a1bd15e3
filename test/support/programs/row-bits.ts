/** Prints the rows whose outputs or gradients depend on the others in a batch: outputs for every layer and activation. */

import { activationCases, layerCases } from '../layerCases.js'
import { countsThatDiffer, rowsThatDiffer } from '../rowBits.js'

const differ = await countsThatDiffer('cpu')
for (const tested of [...layerCases, ...activationCases]) differ.push(...(await rowsThatDiffer(tested, 'cpu')))
console.log(JSON.stringify(differ))
