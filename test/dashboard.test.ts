/** The live page of a training: what it shows, how it stops the training, and which requests it refuses. */

import assert from 'node:assert/strict'
import { request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { callbacks, type Dashboard, datasets, type FitResult, layers, optimizers, sequential } from 'neurode'
import { itInChromium, openPage } from './support/browser.js'
import { assertRefused } from './support/refusals.js'

/** Starts a training that continues until it is stopped, and its page. */
async function startTraining(): Promise<{ url: string; dashboard: Dashboard; training: Promise<FitResult> }> {
  const { train } = datasets.syntheticDigits({ train: 3000, test: 1 })
  const model = sequential([layers.dense({ units: 10, activation: 'softmax', inputShape: [784] })])
  model.compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device: 'cpu', threads: 1 })
  let listening: (url: string) => void = () => {}
  const address = new Promise<string>((resolve) => {
    listening = resolve
  })
  const dashboard = callbacks.dashboard({ onListening: listening })
  const training = model.fit(train.images, train.labels, {
    epochs: 1_000_000,
    validationSplit: 0.1,
    verbose: 0,
    callbacks: dashboard,
  })
  return { url: await address, dashboard, training: training.finally(() => model.dispose()) }
}

/** Sends a request and returns the status of the answer. */
function ask(url: string, method: string, headers: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('error', reject).end()
  })
}

describe('callbacks.dashboard', () => {
  it('is there while a training runs, stops it, and is gone after it', async () => {
    const { url, dashboard, training } = await startTraining()
    assert.equal(new URL(url).hostname, '127.0.0.1')
    assert.equal(dashboard.url, url)
    assert.equal(await ask(url, 'GET'), 200)
    assert.equal(await ask(`${url}stop`, 'POST'), 204)
    assert.equal((await training).stopReason, 'stopped')
    assert.equal(dashboard.url, undefined)
    await assert.rejects(ask(url, 'GET'), /ECONNREFUSED/)
  })

  it('answers no other page, no other name, and no one without the token', async () => {
    const { url, training } = await startTraining()
    const { origin, host, port } = new URL(url)
    const refused = [
      [`${url}stop`, 'POST', { Origin: 'https://example.com' }, 403],
      [`${url}stop`, 'POST', { Origin: 'null' }, 403],
      [`${url}stop`, 'POST', { 'Sec-Fetch-Site': 'cross-site' }, 403],
      [url, 'GET', { Host: `example.com:${port}` }, 403],
      [url, 'GET', { Host: `localhost:${port}` }, 403],
      [`${origin}/`, 'GET', { Host: host }, 404],
      [`${origin}/${'0'.repeat(32)}/stop`, 'POST', {}, 404],
      [`${url}stop`, 'GET', {}, 404],
    ] as const
    for (const [address, method, headers, status] of refused) {
      assert.equal(await ask(address, method, headers), status, `${method} ${address} ${JSON.stringify(headers)}`)
    }
    assert.equal(await ask(`${url}stop`, 'POST', { Origin: origin, 'Sec-Fetch-Site': 'same-origin' }), 204)
    assert.equal((await training).stopReason, 'stopped')
  })

  it('is gone after a training that was aborted', async () => {
    const model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse', device: 'cpu' })
    const abort = new AbortController()
    let url = ''
    const dashboard = callbacks.dashboard({
      onListening: (address) => {
        url = address
        abort.abort()
      },
    })
    const fit = model.fit([[1], [2]], [1, 2], { epochs: 1e6, verbose: 0, signal: abort.signal, callbacks: dashboard })
    await assert.rejects(fit, { code: 'ERR_ABORTED' })
    assert.notEqual(url, '')
    await assert.rejects(ask(url, 'GET'), /ECONNREFUSED/)
  })

  it('refuses ports that are none, or taken', async () => {
    await assertRefused(() => callbacks.dashboard({ port: 65_536 }), 'ERR_ARGUMENT', /port/)
    await assertRefused(() => callbacks.dashboard({ port: -1 }), 'ERR_ARGUMENT', /port/)
    const { url, training } = await startTraining()
    const model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse', device: 'cpu' })
    const taken = callbacks.dashboard({ port: Number(new URL(url).port) })
    await assert.rejects(model.fit([[1]], [1], { verbose: 0, callbacks: taken }), {
      code: 'ERR_ARGUMENT',
      message: /port: expected a free port, got \d+ \(EADDRINUSE\)/,
    })
    await ask(`${url}stop`, 'POST')
    await training
  })

  itInChromium('shows the labels of very small and very large values whole', async (browser) => {
    for (const [target, label] of [
      [0.00035, /^1\.2\de-7$/],
      [1e11, /^1\.00e\+22$/],
    ] as const) {
      let address = ''
      const model = sequential([layers.dense({ units: 1, kernelInitializer: 'zeros', inputShape: [1] })])
      model.compile({ loss: 'mse', optimizer: optimizers.sgd({ learningRate: 0 }), device: 'cpu' })
      const dashboard = callbacks.dashboard({
        onListening: (url) => {
          address = url
        },
      })
      const training = model.fit([[1]], [target], {
        epochs: 1e9,
        verbose: 0,
        callbacks: dashboard,
      })
      while (address === '') await setTimeout(10)
      const { page } = await openPage(browser)
      await page.goto(address)
      await page.waitForFunction("document.querySelectorAll('figure svg text').length >= 4")
      const texts = (await page.evaluate(
        "[...document.querySelector('figure svg').querySelectorAll('text')].map((each) => [each.textContent, each.getBBox().x])",
      )) as [string, number][]
      assert.match(texts[0]?.[0] ?? '', label)
      for (const [text, x] of texts) assert.ok(x >= 0, `${text} begins at ${x}`)
      await page.close()
      await ask(`${address}stop`, 'POST')
      await training
      model.dispose()
    }
  })

  itInChromium('draws curves and throughput, and its button stops the training', async (browser) => {
    const { url, training } = await startTraining()
    const { page, problems } = await openPage(browser)
    await page.goto(url)
    await page.locator('figure svg polyline').nth(4).waitFor({ state: 'attached' })
    const titles = await page.evaluate(
      "[...document.querySelectorAll('figcaption')].map((each) => each.firstChild.data)",
    )
    assert.deepEqual(titles, ['loss', 'accuracy', 'throughput'])
    if (process.env.NEURODE_SCREENSHOTS)
      await page.screenshot({ path: `${process.env.NEURODE_SCREENSHOTS}/dashboard.png` })
    await page.click('#stop')
    assert.equal((await training).stopReason, 'stopped')
    await page.locator('dd').first().filter({ hasText: 'over' }).waitFor()
    // The browser reports that the page's stream of events ended, unless the server closed it first.
    const others = problems.filter((problem) => !problem.endsWith('/events: net::ERR_ABORTED'))
    assert.deepEqual(others, [])
  })
})
