/** Trains with backups in a folder, slowly enough to be killed at any moment, and prints the weights at the end. */

import { callbacks } from 'neurode'
import { bitsOf, data, resumableModel, resumableOptions } from '../resumable.js'

const [folder = '', epochs = '', saveFreq = ''] = process.argv.slice(2)
// Without a seed of its own: the backup knows it.
const model = resumableModel(folder === 'none' ? 3 : undefined)
if (folder !== 'none') {
  const begin = resumableModel(3)
  model.setWeights(begin.getWeights().map(({ data: values }) => values))
}
const backup = callbacks.backupAndRestore(folder, {
  saveFreq: saveFreq === 'epoch' ? 'epoch' : Number(saveFreq),
  deleteCheckpoint: false,
})
await model.fit(data.x, data.y, resumableOptions(Number(epochs), folder === 'none' ? [] : [backup]))
process.stdout.write(bitsOf(model))
