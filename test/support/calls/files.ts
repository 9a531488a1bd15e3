/** Calls of functions that read and write files, and that draw plots. */

import { writeFile } from 'node:fs/promises'
import {
  array,
  datasets,
  encodeNpy,
  type NeurodeError,
  openIdx,
  openNpy,
  readCsv,
  readEvents,
  readIdx,
  readNpy,
  readNpz,
  readSafetensors,
  writeNpy,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { plot } from 'neurode/plot'
import { encodeVersion } from '#lib/formats/events/encode.js'
import { call, file, type Loose, type PublicCall, small } from './call.js'

const points = {
  x: [
    [0, 0],
    [1, 1],
  ],
  y: [0, 1],
  classes: ['a', 'b'],
  xRange: [0, 1],
  yRange: [0, 1],
  resolution: 8,
  title: 'a',
  xLabel: 'a',
  yLabel: 'b',
}

export const fileCalls: readonly PublicCall[] = [
  call(
    'readCsv',
    () => [new TextEncoder().encode('a,b\n1,2\n'), { header: true, separator: ',' }],
    (...args) => (readCsv as Loose)(...args),
  ),
  call(
    'csv.numbers',
    () => [['a', 'b'], {}],
    async (...args) => ((await readCsv(new TextEncoder().encode('a,b\n1,2\n'))) as Loose).numbers(...args),
  ),
  call(
    'csv.texts',
    () => ['a'],
    async (...args) => ((await readCsv(new TextEncoder().encode('a,b\n1,2\n'))) as Loose).texts(...args),
  ),
  call(
    'readIdx',
    () => [Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 2)],
    (...args) => (readIdx as Loose)(...args),
  ),
  call(
    'openIdx',
    () => [file('idx'), { scale: 1, offset: 0 }],
    async (...args) => {
      await writeFile(file('idx'), Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 2))
      return (openIdx as Loose)(...args)
    },
  ),
  call(
    'openNpy',
    () => [file('npy'), { scale: 1, offset: 0 }],
    async (...args) => {
      await writeNpy(file('npy'), array(new Float32Array(4), [2, 2]))
      return (openNpy as Loose)(...args)
    },
  ),
  ...Object.entries({ read: [0, 1], readInto: [new Float32Array(4), 0, 0, 2], close: [] }).map(([name, given]) =>
    call(
      `rows.${name}`,
      () => structuredClone(given),
      async (...args) => {
        await writeNpy(file('npy'), array(new Float32Array(4), [2, 2]))
        return ((await openNpy(file('npy'))) as Loose)[name](...args)
      },
    ),
  ),
  call(
    'encodeNpy',
    () => [array(new Float32Array(4), [2, 2])],
    (...args) => (encodeNpy as Loose)(...args),
  ),
  call(
    'readNpy',
    () => [encodeNpy(array(new Float32Array(4), [2, 2]))],
    (...args) => (readNpy as Loose)(...args),
  ),
  call(
    'readNpz',
    () => [file('npz'), { maxBytes: 2 ** 20 }],
    async (...args) => {
      await writeNpz(file('npz'), { a: [1, 2] })
      return (readNpz as Loose)(...args)
    },
  ),
  call(
    'readEvents',
    () => [encodeVersion()],
    (...args) => (readEvents as Loose)(...args),
  ),
  call(
    'readSafetensors',
    () => [file('safetensors')],
    async (...args) => {
      await writeSafetensors(file('safetensors'), { a: [1, 2] })
      return (readSafetensors as Loose)(...args)
    },
  ),
  call(
    'writeNpy',
    () => [file('npy'), array(new Float32Array(4), [2, 2]), {}],
    (...args) => (writeNpy as Loose)(...args),
  ),
  call(
    'writeNpz',
    () => [file('npz'), { a: array(new Float32Array(4), [2, 2]) }, {}],
    (...args) => (writeNpz as Loose)(...args),
  ),
  call(
    'writeSafetensors',
    () => [file('safetensors'), { a: array(new Float32Array(4), [2, 2]) }, { metadata: { a: 'b' } }],
    (...args) => (writeSafetensors as Loose)(...args),
  ),
  call(
    'datasets.mnist',
    () => [{ dir: 'nowhere', signal: AbortSignal.abort(), onProgress: () => {} }],
    async (options = {}, ...more) => {
      // The tests must not download anything.
      if (typeof options === 'object' && options !== null) options.signal ??= AbortSignal.abort()
      await (datasets.mnist as Loose)(options, ...more).catch((error: NeurodeError) => {
        if (error.code !== 'ERR_ABORTED') throw error
      })
    },
  ),
  call(
    'datasets.syntheticDigits',
    () => [{ train: 2, test: 1, seed: 1 }],
    (...args) => (datasets.syntheticDigits as Loose)(...args),
  ),
  call(
    'plot.history',
    () => [{ loss: [1, 2] }, { title: 'a' }],
    (...args) => (plot.history as Loose)(...args),
  ),
  call(
    'plot.scatter',
    () => [[1, 2], [1, 2], { title: 'a', diagonal: true }],
    (...args) => (plot.scatter as Loose)(...args),
  ),
  call(
    'plot.line',
    () => [{ a: [1, 2] }, { title: 'a', xLabel: 'x', yLabel: 'y' }],
    (...args) => (plot.line as Loose)(...args),
  ),
  call(
    'plot.confusionMatrix',
    () => [[0, 1], [0, 1], { classes: ['a', 'b'], title: 'a' }],
    (...args) => (plot.confusionMatrix as Loose)(...args),
  ),
  call(
    'plot.images',
    () => [
      array(new Uint8Array(8), [2, 2, 2]),
      { labels: ['a', 'b'], columns: 1, limit: 1, shape: [2, 2], title: 'a' },
    ],
    (...args) => (plot.images as Loose)(...args),
  ),
  call(
    'plot.decisionBoundary',
    () => [small(), points],
    (...args) => (plot.decisionBoundary as Loose)(...args),
  ),
  call(
    'plot.model',
    () => [small(), { title: 'a', showShapes: true, showParameters: true }],
    (...args) => (plot.model as Loose)(...args),
  ),
  call(
    'plot.weights',
    () => [array(new Float32Array(8), [4, 2]), { shape: [2, 2], columns: 1, title: 'a' }],
    (...args) => (plot.weights as Loose)(...args),
  ),
  call(
    'plot.report',
    () => [file('html'), [{ heading: 'a', text: ['b'], table: { a: 1 }, pictures: [] }], { title: 'a' }],
    (...args) => (plot.report as Loose)(...args),
  ),
  call(
    'picture.png',
    () => [{ scale: 1 }],
    async (...args) => ((await plot.line({ a: [1, 2] })).png as Loose).call(await plot.line({ a: [1, 2] }), ...args),
  ),
  call(
    'picture.save',
    () => [file('png'), { scale: 1 }],
    async (...args) => {
      const picture: Loose = await plot.line({ a: [1, 2] })
      await picture.save(...args)
    },
  ),
]
