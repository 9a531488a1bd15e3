/** Trainings whose results mean nothing: an error if that is certain, one warning if Keras trains, too. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  type ActivationLayerOptions,
  type ActivationName,
  type ArrayInput,
  activations,
  array,
  callbacks,
  type Loss,
  layers,
  losses,
  openNpy,
  optimizers,
  schedules,
  sequential,
  writeNpy,
} from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { isEmulated, perDevice } from './support/devices.js'
import { codesOf, warningsOf } from './support/warnings.js'

const x = [[1], [2], [3], [4]]
const y = [[0], [1], [0], [1]]
const quiet = { epochs: 2, batchSize: 2, verbose: 0 } as const
type Metrics = readonly ('accuracy' | 'acc' | 'binaryAccuracy' | 'categoricalAccuracy')[]

perDevice('meaningless training', (device) => {
  const build = (last: readonly unknown[], loss: Loss | 'mse', metrics: Metrics = []) =>
    sequential({ layers: [layers.dense({ units: 3, inputShape: [1] }), ...last] as never, seed: 1 }).compile({
      loss,
      optimizer: optimizers.sgd(1e-9),
      metrics: [...metrics],
      device,
    })
  const plain = () => build([layers.dense({ units: 1 })], 'mse')
  /** The codes of the warnings of a training, with targets of the width that the model needs. */
  const codesFor = async (last: readonly unknown[], loss: Loss | 'mse', metrics: Metrics = [], targets?: number[]) => {
    using model = build(last, loss, metrics)
    const units = (model.outputShape as readonly number[]).at(-1) as number
    const classes = Int32Array.of(0, 1, 0, 1)
    const rows = targets ?? x.flatMap((_, row) => Array.from({ length: units }, (_, i) => Number(i === row % units)))
    return await codesOf(async () => {
      const given = loss !== 'mse' && !loss.targets.rows ? classes : array(rows, [4, units])
      for (let i = 0; i < 2; i++) await model.fit(x, given, quiet)
      await model.trainOnBatch(x, given)
    })
  }

  it('is told of where outputs are none that the loss is made for, of every loss', async () => {
    const probabilities = ['binaryCrossentropy', 'binaryFocalCrossentropy', 'categoricalCrossentropy', 'klDivergence']
    probabilities.push('categoricalFocalCrossentropy', 'categoricalGeneralizedCrossEntropy')
    probabilities.push('sparseCategoricalCrossentropy')
    const any = ['meanSquaredError', 'meanAbsoluteError', 'sumSquaredError', 'meanAbsolutePercentageError', 'huber']
    any.push('meanSquaredLogarithmicError', 'logCosh', 'hinge', 'squaredHinge', 'categoricalHinge', 'cosineSimilarity')
    const { custom: _, ...all } = losses
    assert.deepEqual(Object.keys(all).sort(), [...probabilities, ...any, 'poisson'].sort())
    for (const [name, make] of Object.entries(all)) {
      const codes = async (last: ActivationName) =>
        // poisson gives NaN for negative outputs.
        (await codesFor([layers.dense({ units: 2, activation: last })], make())).slice(0, 1)
      const told = ['NEURODE_LOSS_OUTPUT']
      assert.deepEqual(await codes('linear'), any.includes(name) ? [] : told, name)
      assert.deepEqual(
        await codes('relu'),
        probabilities.includes(name) || /^(s.*H|h)inge$/.test(name) ? told : [],
        name,
      )
      assert.deepEqual(await codes('softmax'), /^(s.*H|h)inge$/.test(name) ? told : [], name)
    }
  })

  it('is told of after every activation that gives no probabilities, and after no other', async () => {
    const { threshold: _, ...all } = activations
    const made = [...Object.values(all).map((make) => make()), activations.relu({ maxValue: 1 })]
    made.push(
      activations.relu({ threshold: -1 }),
      activations.relu({ negativeSlope: 0.1, maxValue: 1 }),
      activations.relu({ threshold: -1, maxValue: 1 }),
    )
    const far = Float32Array.from({ length: 401 }, (_, i) => (i - 200) / 10)
    for (const activation of made) {
      using model = sequential([layers.activation({ activation, inputShape: [1] } as ActivationLayerOptions)])
      const shape = activation.wholeRow ? [1, far.length] : [far.length, 1]
      using row = sequential([layers.activation({ activation, inputShape: [far.length] } as ActivationLayerOptions)])
      const { data } = await (activation.wholeRow ? row : model).predict(array(far, shape))
      const inside = data.every((value) => value >= 0 && value <= 1)
      const name = `${activation.name} ${JSON.stringify(activation.options)}`
      const codes = await codesFor([layers.dense({ units: 2, activation })], losses.binaryCrossentropy())
      assert.deepEqual(codes, inside ? [] : ['NEURODE_LOSS_OUTPUT'], name)
    }
  })

  it('is told of behind layers that change no range, and with logits that are probabilities', async () => {
    const logits = losses.binaryCrossentropy({ fromLogits: true })
    const dense = (units: number, activation: ActivationName) => layers.dense({ units, activation })
    const cases: readonly (readonly [last: readonly unknown[], loss: Loss, told: boolean])[] = [
      [
        [dense(2, 'relu'), layers.dropout(0.1), layers.reshape({ targetShape: [2] })],
        losses.binaryCrossentropy(),
        true,
      ],
      [[dense(2, 'relu'), layers.activation('sigmoid')], losses.binaryCrossentropy(), false],
      [[dense(2, 'sigmoid'), layers.batchNormalization()], losses.binaryCrossentropy(), true],
      [[dense(2, 'sigmoid'), layers.rescaling({ scale: 0.5 })], losses.binaryCrossentropy(), false],
      [[dense(2, 'linear'), layers.leakyReLU()], losses.klDivergence(), true],
      [[dense(1, 'linear')], logits, false],
      [[dense(1, 'tanh')], logits, false],
      [[dense(1, 'sigmoid')], logits, true],
      [[dense(1, 'relu')], logits, true],
      [[dense(2, 'softmax')], losses.categoricalCrossentropy({ fromLogits: true }), true],
      [[dense(2, 'linear'), layers.softmax()], losses.sparseCategoricalCrossentropy({ fromLogits: true }), true],
      [[dense(2, 'logSoftmax')], losses.categoricalCrossentropy({ fromLogits: true }), false],
      [[dense(2, 'relu')], losses.categoricalFocalCrossentropy({ fromLogits: true }), false],
    ]
    for (const [last, loss, told] of cases) {
      const codes = await codesFor(last, loss)
      assert.deepEqual(codes, told ? ['NEURODE_LOSS_OUTPUT'] : [], `${JSON.stringify(last)} ${loss.name}`)
    }
  })

  it('is told of where an accuracy asks for the largest of outputs that answer for themselves', async () => {
    const last = (activation: ActivationName) => [layers.dense({ units: 3, activation })]
    const several = [1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0]
    const told = ['NEURODE_ARGMAX_ACCURACY']
    const bce = losses.binaryCrossentropy()
    for (const metric of ['accuracy', 'acc'] as const) {
      assert.deepEqual(await codesFor(last('sigmoid'), bce, [metric], several), told)
    }
    assert.deepEqual(
      await codesFor(last('linear'), losses.binaryCrossentropy({ fromLogits: true }), ['accuracy'], several),
      told,
    )
    assert.deepEqual(await codesFor(last('sigmoid'), 'mse', ['accuracy'], several), told)
    assert.deepEqual(await codesFor(last('sigmoid'), 'mse', ['accuracy']), [])
    assert.deepEqual(await codesFor(last('softmax'), bce, ['accuracy']), [])
    for (const metric of ['binaryAccuracy', 'categoricalAccuracy'] as const) {
      assert.deepEqual(await codesFor(last('sigmoid'), bce, [metric], several), [])
    }
    using model = build(last('sigmoid'), bce, ['accuracy'])
    const [warning] = await warningsOf(() => model.fit(x, array(several, [4, 3]), quiet))
    assert.match(warning?.message ?? '', /'accuracy' of 3 outputs .*'binaryAccuracy'/)
  })

  it('is told of where a normalization was never adapted', async () => {
    const codes = async (norm: ReturnType<typeof layers.normalization>, before?: () => unknown) => {
      using model = build([norm, layers.dense({ units: 1 })], 'mse')
      await before?.()
      return await codesOf(async () => {
        await model.predict(x)
        await model.evaluate(x, y)
        for (let i = 0; i < 2; i++) await model.fit(x, y, quiet)
      })
    }
    const never = layers.normalization()
    assert.deepEqual(await codes(never), ['NEURODE_NOT_ADAPTED'])
    assert.equal(never.isAdapted, false)
    const given = layers.normalization({ mean: 0, variance: 1 })
    assert.deepEqual(await codes(given), [])
    const set = layers.normalization()
    assert.deepEqual(
      await codes(set, () =>
        set.setWeights([
          [1, 2, 3],
          [1, 1, 1],
        ]),
      ),
      [],
    )
    const adapted = layers.normalization()
    const standard = [
      [1, 1, 1],
      [-1, -1, -1],
    ]
    assert.deepEqual(await codes(adapted, () => adapted.adapt(standard)), [])
    assert.deepEqual([given.isAdapted, adapted.isAdapted], [true, true])
  })

  it('is told of where data are no numbers, wherever they come from', async () => {
    const told = ['NEURODE_NOT_FINITE']
    const columns: readonly (readonly [string, ArrayInput])[] = [
      ['nested', [[1], [NaN], [3], [4]]],
      ['floats', Float32Array.of(1, 2, Infinity, 4)],
      ['doubles', Float64Array.of(1, 2, 3, -Infinity)],
      ['scaled', array(Float64Array.of(NaN, 2, 3, 4), [4, 1], { scale: 2, offset: 1 })],
    ]
    type Model = ReturnType<typeof plain>
    const ways: Readonly<Record<string, (model: Model, x: ArrayInput, y: ArrayInput) => Promise<unknown>>> = {
      fit: (model, x, y) => model.fit(x, y, quiet),
      stream: (model, x, y) =>
        model.fit(
          () => [
            { x, y },
            { x, y },
          ],
          { verbose: 0 },
        ),
      validation: (model, a, b) => model.fit(x, y, { ...quiet, validationData: [a, b] }),
      split: (model, x, y) => model.fit(x, y, { ...quiet, validationSplit: 0.5 }),
      evaluate: (model, x, y) => model.evaluate(x, y),
      trainOnBatch: (model, x, y) => model.trainOnBatch(x, y),
      testOnBatch: (model, x, y) => model.testOnBatch(x, y),
    }
    for (const [way, run] of Object.entries(ways)) {
      for (const [name, column] of columns) {
        using one = plain()
        using other = plain()
        assert.deepEqual(await codesOf(() => run(one, column, y)), told, `${way}: x ${name}`)
        assert.deepEqual(await codesOf(() => run(other, x, column)), told, `${way}: y ${name}`)
      }
      using model = plain()
      assert.deepEqual(await codesOf(() => run(model, x, y)), [], way)
    }
    const masked = losses.custom({
      name: 'masked',
      compute({ outputs, targets }) {
        const errors = outputs.map((value, i) => (Number.isNaN(targets[i]) ? 0 : value - (targets[i] as number)))
        return { loss: errors.reduce((sum, e) => sum + e * e, 0), gradient: errors.map((e) => 2 * e) }
      },
    })
    using own = build([layers.dense({ units: 1 })], masked)
    assert.deepEqual(await codesOf(() => own.fit(x, [[0], [NaN], [0], [1]], { ...quiet, shuffle: false })), [])
  })

  it('is told of one number among many, and of weights that grow without bound', async () => {
    const many = new Float32Array(5000).fill(0.5)
    const one = many.slice()
    one[4321] = NaN
    for (const [a, b, name] of [
      [one, many, 'x'],
      [many, one, 'y'],
    ] as const) {
      using model = plain()
      const warnings = await warningsOf(async () => {
        await model.evaluate(a, b)
        if (!isEmulated(device)) await model.fit(a, b, { verbose: 0 })
      })
      assert.equal(warnings.length, 1)
      assert.match(warnings[0]?.message ?? '', new RegExp(`${name} has NaN in row 4321`))
    }
    using model = plain()
    model.compile({ loss: 'mse', optimizer: optimizers.sgd(1e6), device })
    const warnings = await warningsOf(() =>
      model.fit(x, y, { ...quiet, epochs: 100, callbacks: [callbacks.terminateOnNaN()] }),
    )
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['NEURODE_NOT_FINITE'],
    )
    assert.match(warnings[0]?.message ?? '', /x and y are finite.*smaller learning rate/)
  })

  it('is refused where float32 does not hold a number, before any weight changes', async () => {
    const doubles: readonly ArrayInput[] = [
      Float64Array.of(1, 2, 1e39, 4),
      [[1], [2], [-1e39], [4]],
      [1, 2, 3.4028235677973366e38, 4],
      [Float64Array.of(1), Float64Array.of(2), Float64Array.of(1e300), Float64Array.of(4)],
    ]
    const scaled = array(Float32Array.of(1, 2, 3e38, 4), [4, 1], { scale: 10 })
    type Model = ReturnType<typeof plain>
    const calls: readonly ((model: Model, bad: ArrayInput) => Promise<unknown>)[] = [
      (model, bad) => model.fit(bad, y, quiet),
      (model, bad) => model.fit(x, bad, quiet),
      (model, bad) => model.fit(x, y, { ...quiet, validationData: [x, bad] }),
      (model, bad) => model.fit(x, y, { ...quiet, validationData: [bad, y] }),
      (model, bad) => model.fit(x, y, { ...quiet, sampleWeight: bad }),
      (model, bad) => model.fit(() => [{ x: bad, y }], { verbose: 0 }),
      (model, bad) => model.fit(() => [{ x, y: bad }], { verbose: 0 }),
      (model, bad) => model.evaluate(bad, y),
      (model, bad) => model.evaluate(x, bad),
      (model, bad) => model.trainOnBatch(bad, y),
      (model, bad) => model.trainOnBatch(x, bad),
      (model, bad) => model.predict(bad),
      async (model, bad) => model.predictSync(bad),
      async (model, bad) => model.setWeights([array([[1, 2, 3]]), array([0, 0, 0]), bad as never, [0]]),
    ]
    for (const [i, call] of calls.entries()) {
      for (const bad of [...doubles, ...(i === 1 ? [scaled] : [])]) {
        using model = plain()
        const before = model.getWeights()
        await rejects(call(model, bad), 'ERR_ARGUMENT', /float32|finite/)
        assert.deepEqual(model.getWeights(), before, `call ${i}`)
      }
    }
    using model = plain()
    await model.predict([3.4028235e38, 1, 1, 1])
    await rejects(model.fit(x, y, { classWeight: { 1: 1e39 } }), 'ERR_ARGUMENT', /classWeight/)
    await inFolder(async (folder) => {
      const path = join(folder, 'x.npy')
      await writeNpy(path, array(Float64Array.of(1, 2, 1e39, 4), [4, 1]), { dtype: 'float64' })
      await using rows = await openNpy(path)
      await rejects(model.fit(rows, y, quiet), 'ERR_ARGUMENT', /x\.npy.*float32/)
    })
  })

  it('is refused at rates that are none', async () => {
    for (const rate of [NaN, Infinity, -1, 1e39]) {
      for (const make of Object.values(optimizers)) {
        assert.throws(() => make({ learningRate: rate }), { code: 'ERR_ARGUMENT' }, `${rate}`)
      }
      const ways = [
        () => optimizers.sgd({ learningRate: (step) => (step > 1 ? rate : 0.01) }),
        () => optimizers.sgd({ learningRate: grows }),
      ]
      for (const optimizer of ways.slice(0, rate === -1 ? 1 : 2)) {
        using model = plain()
        model.compile({ loss: 'mse', optimizer: optimizer(), device })
        await rejects(model.fit(x, y, quiet), 'ERR_ARGUMENT', /learningRate/)
      }
      const sgd = optimizers.sgd()
      assert.throws(
        () => {
          sgd.learningRate = rate
        },
        { code: 'ERR_ARGUMENT' },
      )
      using model = plain()
      const scheduler = callbacks.learningRateScheduler(() => rate)
      await rejects(model.fit(x, y, { ...quiet, callbacks: [scheduler] }), 'ERR_ARGUMENT', /schedule/)
    }
    using model = plain()
    model.compile({ loss: 'mse', optimizer: optimizers.sgd({ learningRate: grows }), device })
    await rejects(model.fit(x, y, quiet), 'ERR_ARGUMENT', /learningRate\.at\(\d\)/)
  })
})

const grows = schedules.exponentialDecay({ initialLearningRate: 1e-3, decaySteps: 1, decayRate: 1e30 })
