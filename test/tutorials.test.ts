/** `npm run example`: each tutorial runs in a separate process, and its numbers agree with the golden ones. */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runNode } from './support/children.js'
import { assertGolden, type GoldenCase, goldenFolder, ownFolder, readGolden } from './support/golden.js'

let folder = ''
/** Examples of digits take MNIST where it is at hand. */
const digits = process.env.NEURODE_DATA ? [] : ['--dataset', 'synthetic']

/** Runs an example and returns its output and the numbers that it wrote. */
async function runExample(name: string, args: readonly string[] = [], options: readonly string[] = []) {
  const program = [...options, 'build/examples/main.js', name, '--out', folder, ...args]
  const { code, stdout, stderr } = await runNode(program, { NEURODE_DEVICE: 'cpu' }, 280_000)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /Numbers and pictures are in /)
  const pictures = readdirSync(folder).filter((file) => file.endsWith('.svg'))
  for (const file of pictures) {
    assert.match(readFileSync(join(folder, file), 'utf8'), /^<svg [^>]*>.*<\/svg>$/s)
    const png = readFileSync(join(folder, file.replace('.svg', '.png')))
    assert.equal(png.subarray(1, 4).toString(), 'PNG')
  }
  return { stdout, pictures, results: JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) }
}

/**
 * A golden case. Examples have their own data and networks, so the cases come from this repository, whichever folder other
 * suites use.
 */
function golden(file: string, name: string, folder = ownFolder): GoldenCase {
  return readGolden(file, folder).cases.find((each) => each.name === name) ?? assert.fail(`${file} has a case ${name}`)
}

describe('npm run example', function () {
  this.slow(20_000)
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'neurode-example-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('linear-regression finds [2, -3] and 5 in data of its own', async () => {
    const { results, stdout, pictures } = await runExample('linear-regression')
    assert.deepEqual(pictures, ['loss.svg', 'predictions.svg'])
    const [x, z, bias] = [...results.weights, ...results.bias]
    // With steps as large as the tutorial's, the result stays within 0.1 of the plane.
    assert.ok(Math.abs(x - 2) < 0.1 && Math.abs(z + 3) < 0.1 && Math.abs(bias - 5) < 0.1, stdout)
    assert.ok(results.rmse > 0.5 && results.rmse < 0.8, `RMSE ${results.rmse}`)
  })

  it("linear-regression on the tutorial's data ends where the golden training ends", async function () {
    const expected = golden('tutorials.json', 'linear_regression', goldenFolder)
    // The settings of the example are fixed, so the case must have the same.
    const { learning_rate: rate } = expected.config.optimizer.config
    const { epochs, batch_size: batchSize, shuffle } = expected.config.fit
    if (`${[rate, epochs, batchSize, shuffle]}` !== `${[0.02, 100, 32, false]}`) this.skip()
    const data = join(goldenFolder, expected.inputs.file)
    const { results } = await runExample('linear-regression', ['--data', data])
    assertGolden(expected, 'weights', [...results.weights, ...results.bias])
    // The first weights differ, so only the later losses agree.
    const losses = expected.outputs.loss as number[]
    const late = { ...expected, outputs: { loss: losses.slice(30) } }
    assertGolden(late, 'loss', results.history.loss.slice(30))
  })

  it('two-layer-sigmoid gives the golden predictions, weights and errors', async () => {
    const { results, stdout } = await runExample('two-layer-sigmoid')
    const expected = golden('tutorials.json', 'two_layer_net')
    assertGolden(expected, 'output', results.predictions)
    assertGolden(expected, 'weights', results.weights.flat())
    assertGolden(
      expected,
      'error_before_every_100th',
      results.loss.filter((_: number, i: number) => i % 100 === 0),
    )
    assert.match(stdout, /0, 1, 1 {4}1 {5}0\.9769/)
  })

  it('perceptron gives the golden gates and patients, and learns XOR with two layers alone', async () => {
    const { results, stdout, pictures } = await runExample('perceptron')
    assert.deepEqual(pictures, [
      'bias.svg',
      'or-gate.svg',
      'sigmoid.svg',
      'weight.svg',
      'xor-one-layer.svg',
      'xor-two-layers.svg',
    ])
    const runs = {
      'gate bias true': results.gate,
      'gate no bias true': results.biasless,
      'virus bias true': results.virus,
      'gate bias as_printed': results.slip,
    }
    for (const [name, { weights, bias, predictions }] of Object.entries(runs)) {
      const expected = golden('tutorials.json', name)
      assertGolden(expected, 'weights', weights)
      if (expected.outputs.bias !== undefined) assertGolden(expected, 'bias', [bias])
      assertGolden(expected, 'on_training_rows', predictions)
    }
    assertGolden(golden('tutorials.json', 'virus bias true'), 'predictions', results.virus.points)
    assert.match(stdout, /It is loss of smell that weighs most/)
    assert.equal(results.biasless.predictions[0], 0.5)
    for (const value of results.xor.oneLayer) assert.ok(Math.abs(value - 0.5) < 0.01)
    results.xor.twoLayers.forEach((value: number, i: number) => {
      assert.ok(Math.abs(value - (i === 1 || i === 2 ? 1 : 0)) < 0.05, `row ${i}: ${value}`)
    })
  })

  it('mnist reaches the accuracy of Keras', async function () {
    if (!process.env.NEURODE_DATA) this.skip()
    const { results, stdout } = await runExample('mnist')
    const { outputs, atol } = golden('training.json', 'full')
    for (const key of ['loss', 'accuracy', 'val_loss', 'val_accuracy']) {
      const { mean, std } = outputs[key]
      const slack = Math.max(atol, 5 * std.at(-1))
      assert.ok(Math.abs(results.history[key].at(-1) - mean.at(-1)) <= slack, `${key}: ${results.history[key].at(-1)}`)
    }
    assert.match(stdout, /\[loss, accuracy\] on mnist: \[0\.\d{4}, 0\.9\d{3}\]/)
  })

  it('mnist says so, and takes synthetic digits, where there is no network', async () => {
    const offline = join(folder, 'offline.mjs')
    writeFileSync(
      offline,
      `globalThis.fetch = async () => { throw new TypeError('no network') }
       delete process.env.NEURODE_DATA
       process.env.HOME = process.env.XDG_CACHE_HOME = process.env.LOCALAPPDATA = ${JSON.stringify(folder)}`,
    )
    const { results, stdout, pictures } = await runExample('mnist', [], ['--import', pathToFileURL(offline).href])
    assert.match(stdout, /synthetic digits instead/)
    assert.deepEqual(pictures, ['confusion.svg', 'history.svg', 'mistakes.svg', 'weights.svg'])
    assert.equal(results.dataset, 'synthetic')
    assert.ok(results.accuracy > 0.9, `accuracy ${results.accuracy}`)
  })

  it('reinforce balances the pole', async () => {
    const { results, pictures } = await runExample('reinforce')
    assert.deepEqual(pictures, ['angle.svg', 'learning.svg'])
    assert.ok(results.before < 150, `before training it falls after ${results.before} pushes`)
    assert.ok(results.balanced >= 90, `balanced in ${results.balanced} of 100 trials`)
  })

  it('cart-pole balances the pole', async () => {
    const { results, pictures } = await runExample('cart-pole')
    assert.deepEqual(pictures, ['learning.svg'])
    assert.ok(results.before < 150, `before training it falls after ${results.before} pushes`)
    assert.ok(results.balanced >= 90, `balanced in ${results.balanced} of 100 trials`)
  })

  it('generator-and-critic takes the same steps both ways, and makes points of every cluster', async () => {
    const { results, pictures } = await runExample('generator-and-critic')
    assert.deepEqual(pictures, ['trained.svg', 'untrained.svg'])
    assert.ok(results.difference < 1e-4, `weights differ by ${results.difference}`)
    assert.ok(results.near > 700, `${results.near} of 1000 points lie in a cluster`)
    assert.equal(results.counts.length, 8)
    for (const count of results.counts) assert.ok(count > 30, `${results.counts}`)
  })

  it('variational-autoencoder learns to draw digits, near the normal distribution', async () => {
    const { results, pictures } = await runExample('variational-autoencoder', digits)
    assert.deepEqual(pictures, ['plane.svg'])
    const [first, last] = [results.losses[0], results.losses.at(-1)]
    assert.ok(
      last.reconstruction < first.reconstruction - 4 && last.reconstruction < 185,
      JSON.stringify(results.losses),
    )
    assert.ok(last.divergence > 2 && last.divergence < 8, `divergence ${last.divergence}`)
    const deviation = Math.hypot(...results.codes) / Math.sqrt(results.codes.length)
    assert.ok(deviation > 0.7 && deviation < 1.5, `places deviate by ${deviation}`)
    // One in ten by chance; synthetic digits are shifted, turned and bent at random, which takes place on the plane.
    const least = results.dataset === 'mnist' ? 0.3 : 0.14
    assert.ok(results.likeNeighbours > least, `${results.likeNeighbours} have a neighbour of their class`)
  })

  it('adversarial-digits misleads a good classifier, which changes at random do not', async () => {
    const { results, pictures } = await runExample('adversarial-digits', digits)
    assert.deepEqual(pictures, ['adversarial.svg', 'saliency.svg'])
    for (const key of ['accuracy', 'erasedAtRandom', 'noisy']) assert.ok(results[key] > 0.85, `${key} ${results[key]}`)
    for (const key of ['erasedBySaliency', 'adversarial']) assert.ok(results[key] < 0.25, `${key} ${results[key]}`)
  })

  it('names the examples for a name that is none', async () => {
    const { code, stderr } = await runNode(['build/examples/main.js', 'cifar'])
    assert.equal(code, 2)
    assert.match(stderr, /linear-regression\|two-layer-sigmoid\|perceptron\|mnist/)
  })
})
