/** Trains with backups in a folder, slowly enough to be killed at any moment. Prints the weights at the end. */

import { existsSync, readdirSync } from 'node:fs'
import { callbacks } from 'neurode'
import { bitsOf, data, resumableModel, resumableOptions } from '../resumable.js'

const [folder = '', epochs = '', saveFreq = ''] = process.argv.slice(2)
// A training that is continued takes its seed from the backup.
const goesOn = folder !== 'none' && existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.neurode'))
const model = resumableModel(goesOn ? 99 : 3)
const backup = callbacks.backupAndRestore(folder, {
  saveFreq: saveFreq === 'epoch' ? 'epoch' : Number(saveFreq),
  deleteCheckpoint: false,
})
await model.fit(data.x, data.y, resumableOptions(Number(epochs), folder === 'none' ? [] : [backup]))
process.stdout.write(bitsOf(model))
