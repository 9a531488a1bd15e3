/** What callbacks.tensorBoard writes, read back. */

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { fromBinary } from '@bufbuild/protobuf'
import {
  array,
  type Callback,
  type CompileOptions,
  callbacks,
  type Events,
  model as graph,
  input,
  layers,
  optimizers,
  readEvents,
  schedules,
  sequential,
  type TensorBoardOptions,
} from 'neurode'
import { encodeVersion } from '#lib/formats/events/encode.js'
import { EventSchema, HParamsPluginDataSchema } from '#lib/formats/events/events_pb.js'
import { histogramOf } from '#lib/formats/events/histogram.js'
import { splitRecords } from '#lib/formats/events/records.js'
import { inFolder, rejects, throws } from './data/files.js'
import { warningsOf } from './support/warnings.js'

const x = array(
  Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)),
  [20, 2],
)
const y = Array.from({ length: 20 }, (_, i) => i % 2)
const quiet = { epochs: 3, batchSize: 5, verbose: 0, seed: 1 } as const

function net(optimizer: CompileOptions['optimizer'] = 'adam') {
  const hidden = layers.dense({ units: 3, name: 'hidden', inputShape: [2] })
  const all = [hidden, layers.dense({ units: 1, name: 'out' })]
  return sequential(all, { seed: 1 }).compile({ loss: 'mse', metrics: ['mae'], optimizer })
}

interface Written {
  readonly train: Events
  readonly validation: Events
  readonly history: Readonly<Record<string, Float64Array>>
}

async function write(options: TensorBoardOptions, fit: object = { validationData: [x, y] }): Promise<Written> {
  return inFolder(async (logDir) => {
    using model = net()
    const { history } = await model.fit(x, y, {
      ...quiet,
      ...fit,
      callbacks: callbacks.tensorBoard({ logDir, ...options }),
    })
    const read = (name: string) => readEvents(join(logDir, name))
    return { train: await read('train'), validation: await read('validation'), history: history as never }
  })
}

function series({ scalars }: Events): Record<string, (readonly [number, number])[]> {
  const found = new Map<string, (readonly [number, number])[]>()
  for (const { tag, step, value } of scalars) found.set(tag, [...(found.get(tag) ?? []), [step, value]])
  return Object.fromEntries(found)
}

/** The status in the last record, of the end of a session. */
function statusOf(file: Buffer): number | undefined {
  const event = fromBinary(EventSchema, splitRecords(file, 'file').records.at(-1) as Uint8Array)
  const content = event.what.case === 'summary' ? event.what.value.value[0]?.metadata?.pluginData?.content : undefined
  const { data } = fromBinary(HParamsPluginDataSchema, content as Uint8Array)
  return data.case === 'sessionEndInfo' ? data.value.status : undefined
}

const byEpoch = (values: Float64Array | undefined) => Array.from(values ?? [], (value, i) => [i, Math.fround(value)])

describe('callbacks.tensorBoard', () => {
  it('writes epochs with the tags of Keras, training and validation apart', async () => {
    const { train, validation, history } = await write({})
    const { epoch_learning_rate: rates, ...logs } = series(train)
    assert.deepEqual(logs, { epoch_loss: byEpoch(history.loss), epoch_mae: byEpoch(history.mae) })
    assert.deepEqual(
      rates,
      [0, 1, 2].map((epoch) => [epoch, Math.fround(0.001)]),
    )
    const bySteps = (values: Float64Array | undefined) => byEpoch(values).map(([i = 0, value]) => [4 * (i + 1), value])
    assert.deepEqual(series(validation), {
      epoch_loss: byEpoch(history.val_loss),
      epoch_mae: byEpoch(history.val_mae),
      evaluation_loss_vs_iterations: bySteps(history.val_loss),
      evaluation_mae_vs_iterations: bySteps(history.val_mae),
    })
    const times = train.scalars.map(({ wallTime }) => wallTime)
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    )
    assert.ok(train.complete && validation.complete)
  })

  for (const [updateFreq, steps] of [
    ['batch', [1, 2, 3, 4, 5, 6, 7, 8]],
    [1, [1, 2, 3, 4, 5, 6, 7, 8]],
    [3, [3, 7]],
  ] as const) {
    it(`writes batches with updateFreq ${updateFreq}, by optimizer step`, async () => {
      await inFolder(async (logDir) => {
        const schedule = schedules.exponentialDecay({ initialLearningRate: 0.5, decaySteps: 1, decayRate: 0.5 })
        using model = net(optimizers.sgd({ learningRate: schedule }))
        const losses: number[] = []
        const spy: Callback = { onBatchEnd: (_: number, logs: { loss: number }) => losses.push(logs.loss) }
        const log = callbacks.tensorBoard({ logDir, updateFreq, writeStepsPerSecond: true })
        await model.fit(x, y, { ...quiet, epochs: 2, callbacks: [spy, log] })
        const found = series(await readEvents(join(logDir, 'train')))
        assert.deepEqual(
          found.batch_loss,
          steps.map((step) => [step, Math.fround(losses[step - 1] as number)]),
        )
        assert.deepEqual(
          found.batch_learning_rate,
          steps.map((step) => [step, 0.5 ** (step + 1)]),
        )
        assert.deepEqual(found.epoch_learning_rate, [
          [0, 0.5 ** 5],
          [1, 0.5 ** 9],
        ])
        assert.equal(found.batch_mae?.length, steps.length)
        for (const tag of ['batch_steps_per_second', 'epoch_steps_per_second']) {
          assert.ok(
            found[tag]?.every(([, speed]) => speed > 0),
            tag,
          )
        }
        assert.deepEqual(readdirSync(logDir), ['train'])
      })
    })
  }

  it('draws histograms, images and the graph: tfjs#1903, which tfjs never had', async () => {
    const { train } = await write({ histogramFreq: 2, writeImages: true })
    const names = ['hidden/kernel', 'hidden/bias', 'out/kernel', 'out/bias']
    const tags = (ending: string) => [0, 2].flatMap((step) => names.map((name) => [`${name}/${ending}`, step]))
    const places = (events: readonly { tag: string; step: number }[]) => events.map(({ tag, step }) => [tag, step])
    assert.deepEqual(places(train.histograms), tags('histogram'))
    assert.deepEqual(places(train.images), tags('image'))
    using model = net()
    await model.fit(x, y, { ...quiet, epochs: 1 })
    for (const [i, { data }] of model.getWeights().entries()) {
      assert.deepEqual(train.histograms[i]?.buckets, histogramOf(data))
    }
    const [kernel] = model.getWeights()
    const largest = Math.max(...Array.from(kernel?.data ?? [], Math.abs))
    const { width, height, images } = train.images[0] as Events['images'][number]
    assert.deepEqual([width, height, images.length], [3, 2, 1])
    const png = Buffer.from(images[0] as Uint8Array)
    assert.deepEqual([png.toString('latin1', 1, 4), png.readUInt32BE(16), png.readUInt32BE(20)], ['PNG', 3, 2])
    const grey = Array.from(kernel?.data ?? [], (value) => Math.min(255, Math.round(127.5 * (1 + value / largest))))
    const rows = [0, ...grey.slice(0, 3), 0, ...grey.slice(3)]
    assert.deepEqual([...inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)))], rows)
    assert.equal(train.texts.length, 1)
    const { tag, plugin, step, texts } = train.texts[0] as Events['texts'][number]
    assert.deepEqual([tag, plugin, step], ['keras', 'graph_keras_model', 0])
    const config = JSON.parse(texts[0] as string)
    assert.equal(config.class_name, 'Sequential')
    assert.deepEqual(config.config.layers.map((layer: { config: { name: string } }) => layer.config.name).slice(-2), [
      'hidden',
      'out',
    ])
    assert.deepEqual((await write({ writeGraph: false })).train.texts, [])
  })

  it('leaves a graph out that Keras cannot have, and says so once', async () => {
    await inFolder(async (logDir) => {
      const at = input({ shape: [4] })
      using model = graph({ inputs: at, outputs: layers.dense(1).apply(layers.slice({ begin: 1, size: 2 }).apply(at)) })
      model.compile({ loss: 'mse' })
      const log = callbacks.tensorBoard({ logDir })
      const rows = array([[1, 2, 3, 4]])
      const warnings = await warningsOf(async () => {
        for (let i = 0; i < 2; i++) await model.fit(rows, [1], { epochs: 1, verbose: 0, callbacks: log })
      })
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['NEURODE_LEFT_OUT'],
      )
      assert.match(warnings[0]?.message ?? '', /callbacks\.tensorBoard: the graph is left out.*slice/)
      const { scalars, texts } = await readEvents(join(logDir, 'train'))
      assert.equal(scalars.filter(({ tag }) => tag === 'epoch_loss').length, 2)
      assert.deepEqual(texts, [])
    })
  })

  it('writes hyper-parameters, and how the session ended', async () => {
    const hparams = JSON.parse('{"units":3,"optimizer":"adam","useBias":true,"__proto__":"own"}')
    await inFolder(async (logDir) => {
      using model = net()
      await model.fit(x, y, { ...quiet, callbacks: callbacks.tensorBoard({ logDir, hparams }) })
      const found = await readEvents(logDir)
      assert.deepEqual([...found.hparams], Object.entries(hparams))
      assert.deepEqual([found.scalars, found.others], [[], []])
      const files = () => readdirSync(logDir).filter((name) => name.includes('tfevents'))
      const statusIn = (name: string) => statusOf(readFileSync(join(logDir, name)))
      assert.deepEqual(files().map(statusIn), [1])
      const stop: Callback = {
        onEpochEnd() {
          throw new Error('stop')
        },
      }
      const log = callbacks.tensorBoard({ logDir, hparams: { units: 4 } })
      await assert.rejects(model.fit(x, y, { ...quiet, callbacks: [log, stop] }), /stop/)
      assert.deepEqual(files().map(statusIn), [1, 2])
      assert.deepEqual([...(await readEvents(logDir)).hparams], [['units', 4]])
    })
  })

  it('begins a later file for each fit and changes no other', async () => {
    await inFolder(async (logDir) => {
      const train = join(logDir, 'train')
      mkdirSync(train)
      const future = join(train, 'events.out.tfevents.4000000000.other.1.9.v2')
      writeFileSync(future, encodeVersion())
      const before = new Map<string, string>()
      const check = () => {
        const names = readdirSync(train).sort()
        assert.equal(names.length, before.size + 1)
        for (const [name, text] of before) assert.equal(readFileSync(join(train, name), 'latin1'), text)
        assert.ok(!before.has(names.at(-1) as string), 'the new file is the last one')
        for (const name of names) before.set(name, readFileSync(join(train, name), 'latin1'))
      }
      check()
      using model = net()
      const log = callbacks.tensorBoard({ logDir, updateFreq: 'batch' })
      let size = 0
      const grows: Callback = {
        onBatchEnd() {
          const text = readFileSync(join(train, readdirSync(train).sort().at(-1) as string), 'latin1')
          assert.ok(text.length > size)
          size = text.length
        },
      }
      await model.fit(x, y, { ...quiet, epochs: 1, callbacks: [log, grows] })
      check()
      for (let i = 0; i < 2; i++) {
        await model.fit(x, y, { ...quiet, initialEpoch: 1, callbacks: callbacks.tensorBoard({ logDir }) })
        check()
      }
      const { epoch_loss } = series(await readEvents(train))
      assert.deepEqual(
        epoch_loss?.map(([step]) => step),
        [0, 1, 2, 1, 2],
      )
    })
  })

  it('goes on in a later file when a training is resumed', async () => {
    await inFolder(async (logDir) => {
      const run = async (stops: boolean) => {
        using model = net()
        const stop: Callback = {
          onEpochBegin(epoch: number) {
            if (stops && epoch === 2) throw new Error('killed')
          },
        }
        const backup = callbacks.backupAndRestore(join(logDir, 'backup'))
        await model.fit(x, y, { ...quiet, callbacks: [callbacks.tensorBoard({ logDir }), stop, backup] })
      }
      await assert.rejects(run(true), /killed/)
      await run(false)
      const { epoch_loss } = series(await readEvents(join(logDir, 'train')))
      assert.deepEqual(
        epoch_loss?.map(([step]) => step),
        [0, 1, 2],
      )
      assert.equal(readdirSync(join(logDir, 'train')).length, 2)
    })
  })

  it('refuses a folder that cannot be written before the first batch', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'file')
      writeFileSync(file, '')
      const closed = join(folder, 'closed')
      mkdirSync(closed)
      chmodSync(closed, 0o500)
      const isRoot = process.getuid?.() === 0 || process.platform === 'win32'
      for (const logDir of isRoot ? [file, join(file, 'a')] : [file, closed]) {
        using model = net()
        const log = callbacks.tensorBoard({ logDir })
        await rejects(model.fit(x, y, { ...quiet, callbacks: log }), 'ERR_FILE_WRITE', /train|validation|tfevents/)
        assert.equal(model.position.step, 0)
      }
      chmodSync(closed, 0o700)
      using model = net()
      const log = callbacks.tensorBoard({ logDir: join(folder, 'gone') })
      const remove: Callback = { onTrainBegin: () => writeFileSync(join(folder, 'gone'), '') }
      await rejects(model.fit(x, y, { ...quiet, callbacks: [log, remove] }), 'ERR_FILE_WRITE', /gone/)
    })
  })

  it('checks its options', () => {
    const cases: readonly [object, RegExp][] = [
      [{ logDir: 3 }, /tensorBoard: logDir: expected a path/],
      [{ histogramFreq: -1 }, /histogramFreq/],
      [{ writeGraph: 1 }, /writeGraph/],
      [{ writeImages: 1 }, /writeImages/],
      [{ writeImages: true }, /writeImages: expected none without histogramFreq/],
      [{ updateFreq: 'step' }, /updateFreq: expected 'epoch', 'batch' or a number, got "step"/],
      [{ updateFreq: 0 }, /updateFreq/],
      [{ hparams: [1] }, /hparams: expected an object of numbers, texts and booleans/],
      [{ hparams: { a: null } }, /hparams\.a: expected a number, a text or a boolean/],
      [{ hparams: { a: Number.NaN } }, /hparams\.a/],
    ]
    for (const [options, message] of cases) throws(() => callbacks.tensorBoard(options), 'ERR_ARGUMENT', message)
    throws(() => callbacks.tensorBoard({ log_dir: 'a' } as object), 'ERR_UNKNOWN_NAME', /logDir/)
  })
})
