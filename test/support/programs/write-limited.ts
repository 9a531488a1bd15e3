/** Tries to write every kind of file under a limit on file sizes that is too small, and prints the result of each. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { array, callbacks, layers, NeurodeError, sequential, writeNpy, writeNpz, writeSafetensors } from 'neurode'
import { Picture, plot } from 'neurode/plot'
import { download } from '#lib/data/download.js'

const [folder = '', url = ''] = process.argv.slice(2)
const before = 'what was there before'
const large = array(new Float32Array(100_000), [100_000])
const model = sequential([layers.dense({ units: 400, inputShape: [400] })]).compile({ loss: 'mse' })
const x = new Float32Array(400)
const rows = { data: x, shape: [1, 400] }
const picture = new Picture('p', `<svg xmlns="http://www.w3.org/2000/svg">${' '.repeat(200_000)}</svg>`, 1, 1)
const train = (callback: object) => model.fit(rows, rows, { verbose: 0, callbacks: callback })
const sha256 = '0'.repeat(64)

const writers: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  'model.neurode': (path) => model.save(path),
  'weights.safetensors': (path) => model.saveWeights(path),
  'weights.npz': (path) => model.saveWeights(path),
  'x.npy': (path) => writeNpy(path, large),
  'x.npz': (path) => writeNpz(path, { large }),
  'x.safetensors': (path) => writeSafetensors(path, { large }),
  'picture.svg': (path) => picture.save(path),
  'report.html': (path) => plot.report(path, [picture]),
  'checkpoint.neurode': (path) => train(callbacks.modelCheckpoint(path)),
  'checkpoint.npz': (path) => train(callbacks.modelCheckpoint(path, { saveWeightsOnly: true })),
  'backup-00000000.neurode': (path) => train(callbacks.backupAndRestore(join(path, '..'))),
  // The header alone is larger than the limit.
  'log.csv': (path) => train(callbacks.csvLogger(path, { separator: ';'.repeat(200_000) })),
  download: (path) => download({ path, urls: [url], sha256, bytes: 200_000 }),
}

const results: Record<string, string> = {}
for (const [name, write] of Object.entries(writers)) {
  const path = join(folder, name)
  // An existing backup would be restored.
  const isNew = name.startsWith('backup')
  if (!isNew) writeFileSync(path, before)
  const error = await write(path).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const kept = isNew ? !existsSync(path) : readFileSync(path, 'utf8') === before
  const what = error instanceof NeurodeError ? error.code : String(error)
  results[name] = `${what}, ${kept ? 'as it was' : 'changed'}`
}

// A log that grows until the limit ends with a complete line, and can be continued from there.
const log = join(folder, 'growing.csv')
writeFileSync(log, `epoch,loss\n${'0,1\n'.repeat(4090)}`)
const appended = await model
  .fit(rows, rows, { verbose: 0, epochs: 1000, callbacks: callbacks.csvLogger(log, { append: true }) })
  .catch((error: unknown) => error)
const text = readFileSync(log, 'utf8')
results['growing.csv'] = `${(appended as NeurodeError).code}, ${text.endsWith('\n') ? 'whole lines' : 'half a line'}`
results.left = readdirSync(folder)
  .filter((name) => !(name in writers) && name !== 'growing.csv')
  .join()
process.stdout.write(JSON.stringify(results))
