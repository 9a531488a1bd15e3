/** Turns the records of event files into what they hold. */

import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { damaged } from '../../files/files.js'
import { formats } from '../../files/formats.js'
import {
  type Event,
  EventSchema,
  type Histogram,
  HParamsPluginDataSchema,
  type Summary_Value,
  type Tensor,
} from './events_pb.js'
import { splitRecords } from './records.js'
import { numbersOf, shapeOf, stringsOf } from './tensors.js'
import type {
  EventPlace,
  Events,
  HistogramBucket,
  HistogramEvent,
  HyperParameter,
  ImageEvent,
  OtherEvent,
  ScalarEvent,
  TextEvent,
} from './types.js'

/** Adds up the events of files. */
export class EventReader {
  readonly #scalars: ScalarEvent[] = []
  readonly #histograms: HistogramEvent[] = []
  readonly #images: ImageEvent[] = []
  readonly #texts: TextEvent[] = []
  readonly #others: OtherEvent[] = []
  #hparams = new Map<string, HyperParameter>()
  #complete = true

  get events(): Events {
    return {
      scalars: this.#scalars,
      histograms: this.#histograms,
      images: this.#images,
      texts: this.#texts,
      others: this.#others,
      hparams: this.#hparams,
      complete: this.#complete,
    }
  }

  /** Adds the events of a file. */
  add(bytes: Buffer, path: string): void {
    const { records, complete } = splitRecords(bytes, path)
    if (!complete) this.#complete = false
    for (const [i, record] of records.entries()) {
      const where = `${path}: record ${i}`
      if (i > 0) this.#addEvent(parse(EventSchema, record, where), where)
      else if (!isVersion(record)) throw damaged(path, `expected ${formats.events}, got other records`)
    }
  }

  #addEvent({ wallTime, step, what }: Event, where: string): void {
    if (what.case !== 'summary' && what.case !== 'graphDef') return
    const place = { step: Number(step), wallTime }
    if (!Number.isSafeInteger(place.step)) throw damaged(where, `the step ${step} is beyond those of numbers`)
    if (what.case === 'graphDef') this.#others.push({ tag: 'graph_def', ...place, plugin: 'graphs' })
    else for (const value of what.value.value) this.#addValue({ tag: value.tag, ...place }, value, where)
  }

  #addValue(place: EventPlace, { metadata, value }: Summary_Value, where: string): void {
    const { pluginName: plugin = '', content = new Uint8Array() } = metadata?.pluginData ?? {}
    if (plugin === 'hparams') this.#addHyperParameters(content, where)
    else if (value.case === 'simpleValue') this.#scalars.push({ ...place, value: value.value })
    else if (value.case === 'histo') this.#histograms.push({ ...place, buckets: bucketsOf(value.value, where) })
    else if (value.case === 'image') {
      const { width, height, encodedImageString } = value.value
      this.#images.push({ ...place, width, height, images: [encodedImageString] })
    } else if (value.case === 'tensor') this.#addTensor(place, plugin, value.value, `${where}, '${place.tag}'`)
    else this.#others.push({ ...place, plugin })
  }

  #addTensor(place: EventPlace, plugin: string, tensor: Tensor, at: string): void {
    const [shape, numbers, strings] = [shapeOf(tensor), numbersOf(tensor, at), stringsOf(tensor, at)]
    if ((plugin === 'scalars' || plugin === '') && numbers?.length === 1) {
      this.#scalars.push({ ...place, value: numbers[0] as number })
    } else if (plugin === 'histograms' && numbers && shape.length === 2 && shape[1] === 3) {
      this.#histograms.push({ ...place, buckets: triples(numbers) })
    } else if (plugin === 'images' && strings && strings.length >= 2) {
      const [width, height] = strings.slice(0, 2).map((bytes) => Number(textOf(bytes))) as [number, number]
      if (![width, height].every(Number.isSafeInteger)) throw damaged(at, 'expected the width and height of an image')
      this.#images.push({ ...place, width, height, images: strings.slice(2) })
    } else if (strings && plugin !== 'images') {
      this.#texts.push({ ...place, plugin, texts: strings.map(textOf) })
    } else if (['scalars', 'histograms', 'images'].includes(plugin)) {
      throw damaged(at, `expected a tensor of ${plugin}, got one of type ${tensor.dtype} and shape [${shape}]`)
    } else this.#others.push({ ...place, plugin })
  }

  #addHyperParameters(content: Uint8Array, where: string): void {
    const { data } = parse(HParamsPluginDataSchema, content, where)
    if (data.case !== 'sessionStartInfo') return
    this.#hparams = new Map()
    for (const { key, value } of data.value.hparams) {
      if (value?.kind.value !== undefined) this.#hparams.set(key, value.kind.value)
    }
  }
}

/** Whether a record is the first one of an event file. */
function isVersion(record: Uint8Array): boolean {
  try {
    const { what } = fromBinary(EventSchema, record)
    return what.case === 'fileVersion' && what.value.startsWith('brain.Event:')
  } catch {
    return false
  }
}

function parse<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array, where: string): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw damaged(where, `expected an event: ${(cause as Error).message}`, cause)
  }
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')

function triples(numbers: Float64Array): HistogramBucket[] {
  return Array.from({ length: numbers.length / 3 }, (_, i) => {
    const [left, right, count] = numbers.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number]
    return { left, right, count }
  })
}

/** The buckets of the older form, in which each begins where the one before ends. */
function bucketsOf({ min, max, bucketLimit, bucket }: Histogram, where: string): HistogramBucket[] {
  if (bucketLimit.length !== bucket.length) {
    throw damaged(where, `expected ${bucketLimit.length} counts of a histogram, got ${bucket.length}`)
  }
  return bucket.map((count, i) => ({
    left: i === 0 ? min : (bucketLimit[i - 1] as number),
    right: i === bucket.length - 1 ? max : (bucketLimit[i] as number),
    count,
  }))
}
