/**
 * Saves a model three times, directly or as backups of a training. If a save is named, the process ends within it as if it were
 * killed.
 */

import { open } from 'node:fs/promises'
import { callbacks } from 'neurode'
import { classifier, clouds } from '../problems.js'

const [folder = '', how = '', last = ''] = process.argv.slice(2)
const { reallyExit } = process as unknown as { reallyExit(code: number): never }

const handle = await open(process.execPath)
const prototype = Object.getPrototypeOf(handle) as { sync(): Promise<void> }
await handle.close()
const { sync } = prototype
let files = 0
// Each save syncs the file first and then its folder.
prototype.sync = function (this: typeof prototype) {
  if (++files === 2 * Number(last) - 1) reallyExit(137)
  return sync.call(this)
}

const model = classifier()
const { x, y } = clouds(48, 6, 3)
if (how === 'save') {
  for (let save = 0; save < 3; save++) await model.save(`${folder}/model.neurode`)
} else {
  const backup = callbacks.backupAndRestore(folder, { deleteCheckpoint: false })
  await model.fit(x, y, { verbose: 0, batchSize: 16, epochs: 3, callbacks: backup })
}
