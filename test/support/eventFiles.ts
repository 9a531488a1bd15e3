/** Event files of TensorBoard, whole and damaged. */

import {
  encodeHistogram,
  encodeImage,
  encodeKerasModel,
  encodeScalars,
  encodeSessionEnd,
  encodeSessionStart,
  encodeVersion,
} from '#lib/formats/events/encode.js'
import { frameRecord, splitRecords } from '#lib/formats/events/records.js'
import { mutate } from './mutations.js'
import type { Random } from './random.js'

/** A file with all that the callback writes. */
export function eventFile(): Buffer {
  return Buffer.concat([
    encodeVersion(),
    encodeSessionStart({ units: 3, name: 'a', useBias: true }),
    encodeKerasModel({ class_name: 'Sequential' }),
    encodeScalars(1, { epoch_loss: 0.5, epoch_mae: 1 }),
    encodeHistogram('dense/kernel', 1, [1, 2, 3]),
    encodeImage('dense/kernel/image', 1, 2, 1, Buffer.from('png')),
    encodeSessionEnd('success'),
  ])
}

/** Damages a file; mostly one of its records, which gets a right checksum, so that the reader gets past that check. */
export function mutateEvents(good: Uint8Array, draw: Random): Uint8Array {
  if (draw.below(4) === 0) return mutate(good, draw)
  const { records } = splitRecords(Buffer.from(good), 'good')
  const at = draw.below(records.length)
  return Buffer.concat(records.map((record, i) => frameRecord(i === at ? mutate(record, draw) : record)))
}
